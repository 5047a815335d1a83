"""The embedded corpus: TIMIT's scheme and files, spoken by espeak-ng, labelled to the sample.

Nothing in an utterance depends on anything but the seed, the speaker and the sentence. Results
on this corpus say nothing about TIMIT's numbers.
"""

from __future__ import annotations

import re
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from snaps.corpus.espeak import Spoken, data_folder, speak
from snaps.corpus.labelling import Segment, label
from snaps.errors import StudyError

SAMPLE_RATE = 16_000
LAYOUTS = ("ldc", "lower", "kaggle", "nltk")
SENTENCES = Path(__file__).with_name("sentences.txt")

# TIMIT's scheme: five SX texts are a set, read by seven speakers; each SI text is read once.
SX_PER_SPEAKER, SI_PER_SPEAKER, SPEAKERS_PER_SET = 5, 3, 7
# The order in which a speaker's ten sentences are taken when fewer are wanted.
READING_ORDER = ("SX", "SI", "SA", "SX", "SI", "SX", "SA", "SX", "SI", "SX")
# Speakers come as women and men by turns, two to a dialect. Of each four, the one given here goes
# to the test part; over 32 speakers that takes one of every dialect, half of them women.
TEST_PLACES = (3, 2, 3, 2, 1, 0, 1, 0)
FEWEST_SPEAKERS = 4
NEW_YORK = 6
INITIALS = "ABCDEFGHJKLMNPRSTW"


@dataclass(frozen=True)
class Sentence:
    """A sentence: its name (SX3), its transcript, and the text as espeak-ng is to speak it."""

    name: str
    text: str
    spoken: str


@dataclass(frozen=True)
class Speaker:
    """A speaker of the embedded corpus: place in the scheme, voice and recording.

    `voice` is the content of an espeak-ng voice file; `peak` and `floor` are the loudest sample
    and the standard deviation of the noise, of 32768.
    """

    name: str
    sex: str
    dialect: int
    split: str
    voice: str
    words_per_minute: int
    peak: float
    floor: float


@dataclass(frozen=True)
class Utterance:
    """One recording: int16 samples (samples,) at 16 kHz, phones and words with their samples."""

    samples: np.ndarray
    phones: list[tuple[int, int, str]]
    words: list[tuple[int, int, str]]
    text: str


def synthesize_corpus(
    out: Path | str,
    speakers: int = 32,
    seed: int = 0,
    layout: str = "ldc",
    sentences_per_speaker: int = len(READING_ORDER),
    progress: Callable[..., Iterable] | None = None,
) -> Path:
    """Write a corpus of TIMIT's scheme below `out`; the folder it begins in is returned.

    layout: "ldc" (upper case, SPHERE), "lower" (lower case, RIFF), "kaggle" (every recording as
    SPHERE and as RIFF) or "nltk" (flat, without train and test). Fewer than ten sentences per
    speaker leave the scheme incomplete. `progress(items, total=, desc=)` may wrap the loop.
    Raises StudyError for settings the sentences do not reach for and for a folder in use.
    """
    out = Path(out)
    if layout not in LAYOUTS:
        raise StudyError(f"layout is one of {', '.join(LAYOUTS)}, not {layout!r}")
    if not 1 <= sentences_per_speaker <= len(READING_ORDER):
        raise StudyError(f"a speaker reads 1 to {len(READING_ORDER)} sentences")
    if out.exists() and any(out.iterdir()):
        raise StudyError(f"{out} is not empty; remove it before a corpus is made there")
    plan = [
        (speaker, sentence)
        for speaker, read in plan_corpus(speakers, seed)
        for sentence in read[:sentences_per_speaker]
    ]
    root = out / {"ldc": "TIMIT", "lower": "timit", "kaggle": "data", "nltk": "timit"}[layout]
    if progress is not None:
        plan = progress(plan, total=len(plan), desc="utterances synthesised")
    for speaker, sentence in plan:
        path = utterance_path(speaker, sentence.name, layout)
        write_utterance(root / path, utter(speaker, sentence, seed), layout)
    return root


def plan_corpus(speakers: int, seed: int) -> list[tuple[Speaker, list[Sentence]]]:
    """Say who reads what: every speaker with their ten sentences in reading order.

    Raises StudyError where the sentences do not suffice.
    """
    pool = read_sentences()
    largest = most_speakers(pool)
    if not FEWEST_SPEAKERS <= speakers <= largest:
        raise StudyError(
            f"corpus.speakers is {speakers}; the embedded corpus has sentences for "
            f"{FEWEST_SPEAKERS} to {largest} speakers ({SI_PER_SPEAKER} SI texts each, read by "
            f"nobody else). Choose within that range or add sentences to {SENTENCES.name}"
        )
    plan = []
    for index, sx_set in enumerate(_sx_sets(speakers)):
        shares = {
            "SA": iter(pool["SA"]),
            "SX": iter(pool["SX"][sx_set * SX_PER_SPEAKER :]),
            "SI": iter(pool["SI"][index * SI_PER_SPEAKER :]),
        }
        plan.append((make_speaker(index, seed), [next(shares[kind]) for kind in READING_ORDER]))
    return plan


def most_speakers(pool: dict[str, list[Sentence]]) -> int:
    """The largest number of speakers that a pool of sentences has enough SX and SI texts for."""
    sets = len(pool["SX"]) // SX_PER_SPEAKER
    largest = len(pool["SI"]) // SI_PER_SPEAKER
    while largest and max(_sx_sets(largest)) >= sets:
        largest -= 1
    return largest


def _sx_sets(speakers: int) -> list[int]:
    """The set of SX texts of each speaker: seven to a set, none in both train and test."""
    done = {"train": 0, "test": 0}
    sets = []
    for index in range(speakers):
        split = _split(index)
        group = done[split] // SPEAKERS_PER_SET
        # Every fourth set is the test part's, as every fourth speaker is.
        sets.append(4 * group + 3 if split == "test" else group + group // 3)
        done[split] += 1
    return sets


def _split(index: int) -> str:
    place = TEST_PLACES[index // 4 % len(TEST_PLACES)]
    return "test" if index % 4 == place else "train"


def read_sentences(path: Path = SENTENCES) -> dict[str, list[Sentence]]:
    """Read the pool of sentences by type (SA, SX, SI), numbered through from 1."""
    pool: dict[str, list[Sentence]] = {"SA": [], "SX": [], "SI": []}
    kind, number = "", 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            kind = line.strip("[]")
            continue
        number += 1
        pool[kind].append(
            Sentence(
                name=f"{kind}{number}",
                text=re.sub(r"\[\[.*?\]\]", "", line),
                spoken=re.sub(r"[A-Za-z']+(\[\[.*?\]\])", r"\1", line),
            )
        )
    return pool


def make_speaker(index: int, seed: int) -> Speaker:
    """Draw a speaker: an accent, a vocal tract, a voice source, a rate and a recording level."""
    rng = np.random.default_rng([seed, index, 77])
    sex, dialect = "FM"[index % 2], 1 + index // 2 % 8
    voice = _voice(rng, sex, dialect, index)
    letters = (*rng.choice(list(INITIALS), 2), INITIALS[index // 8 % len(INITIALS)])
    return Speaker(
        # Digits from 2 on: never the name of one of TIMIT's core test speakers, which end in 0.
        name=f"{sex}{''.join(letters)}{2 + index % 8}",
        sex=sex,
        dialect=dialect,
        split=_split(index),
        voice=voice,
        words_per_minute=int(rng.integers(160, 206)),
        peak=float(rng.uniform(2000, 9500)),
        floor=float(rng.uniform(3, 14)),
    )


def _voice(rng: np.random.Generator, sex: str, dialect: int, index: int) -> str:
    accent = "en-US-nyc" if dialect == NEW_YORK else "en-US"
    language = (data_folder() / "lang" / "gmw" / accent).read_text(encoding="utf-8")
    lines = [line for line in language.splitlines() if not line.startswith(("name ", "gender "))]
    tract = rng.uniform(0.90, 1.04) if sex == "M" else rng.uniform(1.04, 1.20)
    low = rng.uniform(62, 105) if sex == "M" else rng.uniform(130, 185)
    high = low * rng.uniform(1.25, 1.7)
    lines += [f"name v{index}", f"gender {'male' if sex == 'M' else 'female'}"]
    lines += [f"pitch {low:.0f} {high:.0f}"]
    for formant in range(9):
        frequency = 100 * tract * rng.normal(1, 0.025)
        height, width = rng.uniform(75, 115), rng.uniform(80, 150)
        lines += [f"formant {formant} {frequency:.0f} {height:.0f} {width:.0f}"]
    lines += [f"flutter {rng.integers(0, 8)}", f"roughness {rng.integers(0, 4)}"]
    lines += [f"voicing {rng.integers(85, 125)}"]
    lines += [f"consonants {rng.integers(80, 130)} {rng.integers(80, 130)}"]
    breath = rng.integers(0, 6)
    shares = (0, 1, 1, 1, 0.7, 0.7, 0.5, 0.5)
    lines += ["breath " + " ".join(str(int(breath * share)) for share in shares)]
    if rng.random() < 0.2:
        lines += [f"klatt {rng.integers(1, 4)}"]
    return "\n".join(lines) + "\n"


def utter(speaker: Speaker, sentence: Sentence, seed: int) -> Utterance:
    """Let a speaker read a sentence: sound at 16 kHz with a noise floor, and its labels."""
    key = zlib.crc32(f"{speaker.name}|{sentence.spoken}".encode())
    rng = np.random.default_rng([seed, key])
    with tempfile.TemporaryDirectory() as folder:
        voice_file = Path(folder, "voice")
        voice_file.write_text(speaker.voice, encoding="utf-8")
        noise_seed = int(key & 0x7FFFFFFF) or 1
        spoken = speak(sentence.spoken, voice_file, speaker.words_per_minute, noise_seed)
    lead, tail = (int(seconds * SAMPLE_RATE) for seconds in rng.uniform(0.07, 0.16, 2))
    samples = _record(spoken, speaker, lead, tail, rng)
    phones = _at_16_khz(label(spoken), spoken.rate, lead, len(samples))
    return Utterance(
        samples=samples,
        phones=[(phone.start, phone.end, phone.name) for phone in phones],
        words=_words(phones, sentence),
        text=sentence.text,
    )


def _record(
    spoken: Spoken, speaker: Speaker, lead: int, tail: int, rng: np.random.Generator
) -> np.ndarray:
    sound = resample_poly(spoken.samples.astype(np.float64), SAMPLE_RATE, spoken.rate)
    sound *= speaker.peak / max(1.0, np.abs(sound).max())
    sound = np.pad(sound, (lead, tail))
    # A recording has a noise floor; without one the log spectrogram would show exact silence.
    sound += rng.normal(0, speaker.floor, len(sound))
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


def _at_16_khz(phones: list[Segment], rate: int, lead: int, length: int) -> list[Segment]:
    """Scale labels to the recording, `length` samples with `lead` before the synthesised sound."""
    scaled = []
    for phone in phones:
        start, end = (lead + round(at * SAMPLE_RATE / rate) for at in (phone.start, phone.end))
        if end > start:
            scaled.append(Segment(start, end, phone.name, phone.word))
    if scaled[0].name == "h#":
        scaled[0] = Segment(0, scaled[0].end, "h#", -1)
    else:
        scaled.insert(0, Segment(0, scaled[0].start, "h#", -1))
    if scaled[-1].name == "h#":
        scaled[-1] = Segment(scaled[-1].start, length, "h#", -1)
    else:
        scaled.append(Segment(scaled[-1].end, length, "h#", -1))
    return scaled


def _words(phones: list[Segment], sentence: Sentence) -> list[tuple[int, int, str]]:
    """Words with their samples, from the first to the last phone of each.

    What espeak-ng says as one word ("of the") is one entry.
    """
    written = [word.strip('.,?!;:"').lower() for word in sentence.text.split()]
    # Words of the transcript and of the spoken text correspond one to one.
    begins = [match.start() for match in re.finditer(r"\S+", sentence.spoken)]
    spans: dict[int, tuple[int, int]] = {}
    for phone in phones:
        if phone.word >= 0:
            index = int(np.searchsorted(begins, phone.word, side="right")) - 1
            start, _ = spans.get(index, (phone.start, phone.end))
            spans[index] = (start, phone.end)
    nexts = [*list(spans)[1:], len(written)]
    return [
        (start, end, " ".join(written[index:following]))
        for (index, (start, end)), following in zip(spans.items(), nexts, strict=True)
    ]


def utterance_path(speaker: Speaker, sentence: str, layout: str) -> Path:
    """The path of an utterance below the corpus folder, without a suffix."""
    if layout == "nltk":
        return Path(f"dr{speaker.dialect}-{speaker.name}".lower(), sentence.lower())
    path = f"{speaker.split}/DR{speaker.dialect}/{speaker.name}/{sentence}"
    return Path(path.lower() if layout == "lower" else path.upper())


def write_utterance(path: Path, utterance: Utterance, layout: str) -> None:
    """Write the files of an utterance: sound, .PHN, .WRD and .TXT, `path` lacking the suffix."""

    def file(suffix: str) -> Path:
        suffix = suffix if layout in ("ldc", "kaggle") else suffix.lower()
        return path.with_name(path.name + suffix)

    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {
        "ldc": {".WAV": "NIST"},
        "lower": {".WAV": "WAV"},
        "kaggle": {".WAV": "NIST", ".WAV.wav": "WAV"},
        "nltk": {".WAV": "WAV", ".SPH": "NIST"},
    }[layout]
    for suffix, kind in kinds.items():
        soundfile.write(file(suffix), utterance.samples, SAMPLE_RATE, "PCM_16", format=kind)
    for suffix, segments in ((".PHN", utterance.phones), (".WRD", utterance.words)):
        lines = [f"{start} {end} {name}\n" for start, end, name in segments]
        file(suffix).write_text("".join(lines), encoding="ascii", newline="\n")
    line = f"0 {len(utterance.samples)} {utterance.text}\n"
    file(".TXT").write_text(line, encoding="ascii", newline="\n")
