"""Read TIMIT in every layout it is kept in, or refuse it with all that is wrong in one message.

Accepted: the LDC disc (upper case, SPHERE), lower and mixed case, Kaggle's copy (every recording
twice), recordings converted in place to RIFF or FLAC, and NLTK's flat sample. Recordings are
known by their content, never by their suffix.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from snaps.errors import StudyError

SAMPLE_RATE = 16_000
SPLITS = ("train", "test")
DIALECTS = range(1, 9)
KEPT_SA = 7

# The core test set: two men and a woman of each dialect region (testset.doc of the disc).
# fmt: off
CORE_TEST_SPEAKERS = frozenset((
    "mdab0", "mwbt0", "felc0", "mtas1", "mwew0", "fpas0", "mjmp0", "mlnt0", "fpkt0", "mlll0",
    "mtls0", "fjlm0", "mbpm0", "mklt0", "fnlp0", "mcmj0", "mjdh0", "fmgd0", "mgrt0", "mnjm0",
    "fdhc0", "mjln0", "mpam0", "fmld0",
))
# fmt: on

UTTERANCE_COLUMNS = (
    "utterance",
    "speaker",
    "sex",
    "dialect",
    "split",
    "sentence_type",
    "samples",
    "text",
)
PHONE_COLUMNS = ("utterance", "start", "end", "phone")
AUDIO_COLUMNS = ("utterance", "path")

_SPEAKER_FOLDER = re.compile(r"(?:dr([1-8])-)?([fm][a-z]{3}[0-9])")
_DIALECT_FOLDER = re.compile(r"dr([1-8])")
_SENTENCE = re.compile(r"(sa|si|sx)[0-9]+")
_TRANSCRIPT = re.compile(r"\s*\d+\s+\d+\s+(\S.*)")
_BEGINNINGS = {b"RIFF": 0, b"fLaC": 1, b"NIST": 2}
_AUDIO_SUFFIXES = (".wav", ".sph", ".flac", ".nist")
_LISTED = 10

# What can be wrong with a corpus, and what to do about it.
_REMEDIES = {
    "without a dialect folder (DR1 to DR8)": "restore TIMIT's folders: TRAIN/DR1/FCJF0/SA1.WAV",
    "outside of the TRAIN and TEST folders": "corpus_path must hold one corpus, with TRAIN and "
    "TEST for all speakers or for none",
    "utterances found twice": "corpus_path must hold one copy of the corpus; move the other away",
    "speakers found in several parts or dialects": "a speaker belongs to one part and one dialect;"
    " move the wrong folder away",
    "utterances without a recording": "restore the files from the original corpus",
    "utterances without .PHN": "restore the files from the original corpus",
    "utterances without .TXT": "restore the files from the original corpus",
    "unreadable recordings": "restore the files, or convert them to RIFF or FLAC in place",
    "recordings that are not 16 kHz mono": "restore the recordings of the original corpus",
    "bad .PHN files": "restore the files; a line is 'start end phone' in samples, the segments "
    "follow one another without gap or overlap from 0 to the end of the recording at most",
    "bad .TXT files": "restore the files; the line is 'start end sentence'",
}


@dataclass(frozen=True)
class Corpus:
    """An index of a corpus.

    utterances: one row each, UTTERANCE_COLUMNS; sorted by split (train first), dialect, speaker
        and utterance. `samples` is the length of the recording at 16 kHz, `dialect` 1 to 8.
    phones: PHONE_COLUMNS, in samples, end exclusive, gapless from 0 to the end of the recording.
    audio: AUDIO_COLUMNS, the path of each recording relative to the root.
    """

    utterances: pd.DataFrame
    phones: pd.DataFrame
    audio: pd.DataFrame


@dataclass
class _Files:
    """The files of one utterance; `split` and `dialect` are empty where no folder tells them."""

    speaker: str
    sentence: str
    split: str
    dialect: str
    phn: list[Path] = field(default_factory=list)
    txt: list[Path] = field(default_factory=list)
    other: list[Path] = field(default_factory=list)

    @property
    def utterance(self) -> str:
        return f"{self.speaker}_{self.sentence}"

    @property
    def place(self) -> Path:
        """The path of the utterance without suffix."""
        first = (self.phn or self.txt or self.other)[0]
        return first.with_name(first.name.split(".")[0])

    @cached_property
    def recordings(self) -> list[Path]:
        """The files that are or claim to be recordings: RIFF first, then FLAC, SPHERE, others."""
        ranked = []
        for path in self.other:
            with path.open("rb") as file:
                rank = _BEGINNINGS.get(file.read(4))
            if rank is not None or path.name.lower().endswith(_AUDIO_SUFFIXES):
                ranked.append((len(_BEGINNINGS) if rank is None else rank, path))
        return [path for _, path in sorted(ranked)]


class _Problems:
    """What is wrong with a corpus, by kind."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: dict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, path: Path | str, detail: str = "") -> None:
        name = self.name(path)
        self.found[kind].append(f"{name}: {detail}" if detail else name)

    def name(self, path: Path | str) -> str:
        """A path as messages have it: relative to the root."""
        return path.relative_to(self.root).as_posix() if isinstance(path, Path) else path

    def raise_if_any(self, counts: str) -> None:
        if not self.found:
            return
        lines = [f"{self.root} cannot be used as the corpus. Found: {counts}."]
        for kind in _REMEDIES:
            names = sorted(self.found.get(kind, ()))
            if not names:
                continue
            lines.append(f"{kind} ({len(names)}):")
            lines += [f"  {name}" for name in names[:_LISTED]]
            if len(names) > _LISTED:
                lines.append(f"  and {len(names) - _LISTED} more")
            lines.append(f"  Remedy: {_REMEDIES[kind]}.")
        raise StudyError("\n".join(lines))


def read_corpus(
    root: Path | str,
    phones: Collection[str],
    test_regions: Collection[int] = (),
    progress: Callable[..., Iterable] | None = None,
) -> Corpus:
    """Index the corpus below `root`; recordings are looked at, not loaded.

    phones: the symbols a .PHN file may hold. test_regions: the dialect regions (1 to 8) that make
    the test part of a flat corpus; of no effect where folders TRAIN and TEST say it.
    `progress(items, total=, desc=)` may wrap the loop over utterances.
    Raises StudyError with everything that is wrong, by kind, and what was found.
    """
    root = Path(root)
    if not root.is_dir():
        raise StudyError(f"corpus_path: there is no folder {root}")
    problems = _Problems(root)
    found = _find_utterances(root)
    counts = _count(found)
    if not found:
        raise StudyError(
            f"{root} holds no TIMIT corpus: found {counts}. corpus_path must name a folder with "
            "TRAIN/DR1/FCJF0/SA1.WAV or dr1-fvmh0/sa1.wav below it, in upper or lower case"
        )
    _check_places(found, problems)
    problems.raise_if_any(counts)
    _set_splits(found, root, test_regions, counts)

    found.sort(
        key=lambda files: (files.split == "test", files.dialect, files.speaker, files.utterance)
    )
    rows, segments, audio = [], [], []
    items = progress(found, total=len(found), desc="utterances indexed") if progress else found
    for files in items:
        recording = _check_recording(files, problems)
        text = _check_text(files, problems)
        labels = _check_phones(files, recording[1] if recording else None, phones, problems)
        if recording and text and labels:
            path, samples = recording
            rows.append(_row(files, samples, text))
            segments += [(files.utterance, *label) for label in labels]
            audio.append((files.utterance, path.relative_to(root).as_posix()))
    problems.raise_if_any(counts)

    return Corpus(
        pd.DataFrame(rows, columns=UTTERANCE_COLUMNS),
        pd.DataFrame(segments, columns=PHONE_COLUMNS),
        pd.DataFrame(audio, columns=AUDIO_COLUMNS),
    )


def select_sentences(utterances: pd.DataFrame, sa: str = "seven", seed: int = 0) -> pd.DataFrame:
    """Drop the SA sentences but a few random recordings of the train part (METHOD section 1).

    sa: "seven" keeps 7 recordings in all, "seven_per_text" 7 of each SA text; all, where there
    are fewer. Rows keep their order. Raises StudyError for any other value.
    """
    if sa not in ("seven", "seven_per_text"):
        raise StudyError(f"corpus.sa is 'seven' or 'seven_per_text', not {sa!r}")
    is_sa = utterances["sentence_type"] == "SA"
    names = utterances.loc[is_sa & (utterances["split"] == "train"), "utterance"].sort_values()
    pools = [names] if sa == "seven" else [pool for _, pool in names.groupby(names.str[-3:])]
    rng = np.random.default_rng(seed)
    kept: set[str] = set()
    for pool in pools:
        kept.update(rng.permutation(pool.to_numpy())[:KEPT_SA])
    return utterances[~is_sa | utterances["utterance"].isin(kept)].reset_index(drop=True)


def read_audio(path: Path | str) -> np.ndarray:
    """Load a recording, RIFF, SPHERE or FLAC: float32 (samples,) at 16 kHz, within [-1, 1).

    Raises StudyError where it cannot be read or is not 16 kHz mono.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise StudyError(f"{path}: unreadable recording ({error}); restore the file") from None
    if rate != SAMPLE_RATE or samples.shape[1] != 1:
        raise StudyError(f"{path}: {rate} Hz, {samples.shape[1]} channels; needs 16 kHz mono")
    return samples[:, 0]


def _find_utterances(root: Path) -> list[_Files]:
    """The utterances below a folder with their files, told from paths alone."""
    groups: dict[tuple[str, str], _Files] = {}
    for folder, names in _walk(root):
        parts = [part.lower() for part in folder.relative_to(root).parts]
        match = _SPEAKER_FOLDER.fullmatch(parts[-1]) if parts else None
        if match is None:
            continue
        dialect = match[1] or next(
            (found[1] for part in reversed(parts) if (found := _DIALECT_FOLDER.fullmatch(part))), ""
        )
        split = next((part for part in reversed(parts) if part in SPLITS), "")
        for name in names:
            sentence, _, suffix = name.lower().partition(".")
            if not _SENTENCE.fullmatch(sentence):
                continue
            files = groups.setdefault(
                ("/".join(parts), sentence), _Files(match[2], sentence, split, dialect)
            )
            if suffix == "phn":
                files.phn.append(folder / name)
            elif suffix == "txt":
                files.txt.append(folder / name)
            elif suffix != "wrd":
                files.other.append(folder / name)
    return list(groups.values())


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders and their file names, sorted; hidden ones and macOS's resource files left out."""
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _count(found: list[_Files]) -> str:
    def utterances(chosen: Iterable[_Files]) -> int:
        return len({files.utterance for files in chosen})

    return (
        f"{len({files.speaker for files in found})} speakers, {utterances(found)} utterances, "
        f"{utterances(files for files in found if files.recordings)} with a recording, "
        f"{utterances(files for files in found if files.phn)} with .PHN, "
        f"{utterances(files for files in found if files.txt)} with .TXT"
    )


def _check_places(found: list[_Files], problems: _Problems) -> None:
    """Dialects, parts and speakers must be told by the folders, each utterance found once."""
    flat = not any(files.split for files in found)
    places: dict[str, list[Path]] = defaultdict(list)
    memberships: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for files in found:
        places[files.utterance].append(files.place)
        memberships[files.speaker].add((files.split, files.dialect))
        if not files.dialect:
            problems.add("without a dialect folder (DR1 to DR8)", files.place)
        if not flat and not files.split:
            problems.add("outside of the TRAIN and TEST folders", files.place)
        for kind in (files.phn, files.txt):
            if len(kind) > 1:
                problems.add("utterances found twice", kind[1], f"beside {kind[0].name}")
    twice = {utterance for utterance, where in places.items() if len(where) > 1}
    for utterance in twice:
        first, *others = sorted(places[utterance])
        for other in others:
            problems.add("utterances found twice", other, f"also {problems.name(first)}")
    doubled = {files.speaker for files in found if files.utterance in twice}
    for speaker, membership in memberships.items():
        if len(membership) > 1 and speaker not in doubled:
            where = " and ".join(sorted(f"{split} dr{dialect}" for split, dialect in membership))
            problems.add("speakers found in several parts or dialects", speaker, where)


def _set_splits(
    found: list[_Files], root: Path, test_regions: Collection[int], counts: str
) -> None:
    """Give the utterances of a flat corpus their part; refuse a corpus without train or test."""
    wrong = [region for region in test_regions if region not in DIALECTS]
    if wrong:
        raise StudyError(f"corpus.test_regions: {wrong[0]} is no dialect region; they are 1 to 8")
    flat = not any(files.split for files in found)
    if flat and not test_regions:
        raise StudyError(
            f"{root} has no TRAIN and TEST folders. Found: {counts}. If the corpus is flat, as "
            "NLTK's sample is, name the dialect regions of the test part in corpus.test_regions, "
            "e.g. [5, 6]; else let corpus_path name the folder that holds TRAIN and TEST"
        )
    if flat:
        for files in found:
            files.split = "test" if int(files.dialect) in test_regions else "train"
    for part in SPLITS:
        if not any(files.split == part for files in found):
            dialects = ", ".join(sorted({files.dialect for files in found}))
            remedy = (
                "choose other corpus.test_regions" if flat else f"restore the {part.upper()} folder"
            )
            raise StudyError(
                f"{root} has no {part} part. Found: {counts}, of the dialect regions {dialects}. "
                f"Remedy: {remedy}"
            )


def _check_recording(files: _Files, problems: _Problems) -> tuple[Path, int] | None:
    """The recording to use and its length in samples."""
    if not files.recordings:
        problems.add("utterances without a recording", files.place)
        return None
    failure = ""
    for path in files.recordings:
        try:
            info = soundfile.info(path)
        except soundfile.SoundFileError as error:
            failure = failure or str(error).rpartition(": ")[2]
            continue
        if info.samplerate != SAMPLE_RATE or info.channels != 1:
            detail = f"{info.samplerate} Hz, {info.channels} channel(s)"
            problems.add("recordings that are not 16 kHz mono", path, detail)
            return None
        if info.frames == 0:
            failure = failure or "no samples"
            continue
        return path, info.frames
    problems.add("unreadable recordings", files.recordings[0], failure)
    return None


def _check_text(files: _Files, problems: _Problems) -> str | None:
    """The sentence as the .TXT has it, without its two numbers."""
    if not files.txt:
        problems.add("utterances without .TXT", files.place)
        return None
    content = files.txt[0].read_text(encoding="latin-1").strip()
    match = _TRANSCRIPT.match(content.splitlines()[0]) if content else None
    if match is None:
        problems.add("bad .TXT files", files.txt[0])
        return None
    return " ".join(match[1].split())


def _check_phones(
    files: _Files, samples: int | None, phones: Collection[str], problems: _Problems
) -> list[tuple[int, int, str]] | None:
    """The segments of an utterance, gapless from 0 to its last sample."""
    if not files.phn:
        problems.add("utterances without .PHN", files.place)
        return None
    try:
        segments = parse_phones(files.phn[0].read_text(encoding="latin-1"), phones)
        return fit_phones(segments, samples) if samples is not None else segments
    except ValueError as error:
        problems.add("bad .PHN files", files.phn[0], str(error))
        return None


def parse_phones(content: str, phones: Collection[str]) -> list[tuple[int, int, str]]:
    """Parse a .PHN file: (start, end, phone) in samples, end exclusive, gapless from 0.

    Raises ValueError with the number of the first bad line.
    """
    segments: list[tuple[int, int, str]] = []
    last = 0
    for number, line in enumerate(content.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3 or not (fields[0].isdecimal() and fields[1].isdecimal()):
            raise ValueError(f"line {number} is not 'start end phone': {line.strip()!r}")
        start, end, phone = int(fields[0]), int(fields[1]), fields[2].lower()
        if phone not in phones:
            raise ValueError(f"line {number}: unknown phone {fields[2]!r}")
        if end <= start:
            raise ValueError(f"line {number}: segment {start} {end} has no length")
        if start != last:
            what = "gap" if start > last else "overlap"
            raise ValueError(f"line {number}: {what}, starts at {start} where {last} is due")
        segments.append((start, end, phone))
        last = end
    if not segments:
        raise ValueError("no segments")
    return segments


def fit_phones(segments: list[tuple[int, int, str]], samples: int) -> list[tuple[int, int, str]]:
    """Fit gapless segments to a recording's length: what they leave at its end is h#.

    One sample too many is rounding, and is cut; more raises ValueError.
    """
    start, end, phone = segments[-1]
    if end > samples + 1:
        raise ValueError(f"ends at sample {end}, the recording at {samples}")
    if end < samples and phone == "h#":
        return [*segments[:-1], (start, samples, phone)]
    if end < samples:
        return [*segments, (end, samples, "h#")]
    last = [(start, samples, phone)] if start < samples else []
    return [*segments[:-1], *last]


def _row(files: _Files, samples: int, text: str) -> tuple:
    return (
        files.utterance,
        files.speaker,
        files.speaker[0].upper(),
        int(files.dialect),
        files.split,
        files.sentence[:2].upper(),
        samples,
        text,
    )
