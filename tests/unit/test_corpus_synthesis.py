"""The embedded corpus: its scheme, its files, and labels that fit the sound."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

from snaps.corpus.espeak import Phoneme, Spoken
from snaps.corpus.labelling import label
from snaps.corpus.reader import CORE_TEST_SPEAKERS
from snaps.corpus.synthesis import (
    SENTENCES,
    make_speaker,
    most_speakers,
    plan_corpus,
    read_sentences,
    synthesize_corpus,
    utter,
)
from snaps.errors import StudyError
from snaps.phones import normalise_text, read_phones

PHONES = read_phones(Path(__file__).parents[2] / "config" / "phones.tsv").phones
# espeak-ng voices no h, devoices no schwa and has no syllabic ng.
NEVER_SPOKEN = {"hv", "ax-h", "eng"}


@pytest.fixture(scope="module")
def utterances():
    """Everything that 32 speakers say."""
    return [
        utter(speaker, sentence, seed=0)
        for speaker, sentences in plan_corpus(32, seed=0)
        for sentence in sentences
    ]


def checksums(root):
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.mark.parametrize("speakers", [4, 7, 32, 64, 84])
def test_the_plan_is_timits_scheme(speakers):
    plan = plan_corpus(speakers, seed=0)
    assert len({speaker.name for speaker, _ in plan}) == len(plan) == speakers
    assert not {speaker.name.lower() for speaker, _ in plan} & CORE_TEST_SPEAKERS
    readers = {}
    for speaker, sentences in plan:
        assert Counter(sentence.name[:2] for sentence in sentences) == {"SA": 2, "SX": 5, "SI": 3}
        for sentence in sentences:
            readers.setdefault(sentence.name, []).append(speaker)
    assert len(readers["SA1"]) == len(readers["SA2"]) == speakers
    tests = sum(speaker.split == "test" for speaker, _ in plan)
    assert tests == speakers // 4 or speakers % 4
    full = {"train": (speakers - tests) // 7 * 5, "test": tests // 7 * 5}
    for split, texts in full.items():
        shared = [
            who
            for name, who in readers.items()
            if name[:2] == "SX" and {speaker.split for speaker in who} == {split}
        ]
        assert sum(len(who) == 7 for who in shared) == texts
    for name, who in readers.items():
        assert name[:2] == "SA" or len({speaker.split for speaker in who}) == 1
        assert name[:2] != "SX" or len(who) <= 7
        assert name[:2] != "SI" or len(who) == 1


def test_every_dialect_has_women_and_men_in_training_and_someone_in_the_test_part():
    speakers = [speaker for speaker, _ in plan_corpus(32, seed=3)]
    pairs = {(speaker.dialect, speaker.sex) for speaker in speakers}
    assert pairs == {(dialect, sex) for dialect in range(1, 9) for sex in "FM"}
    train = {(speaker.dialect, speaker.sex) for speaker in speakers if speaker.split == "train"}
    assert train == pairs
    test = [speaker for speaker in speakers if speaker.split == "test"]
    assert {speaker.dialect for speaker in test} == set(range(1, 9))
    assert Counter(speaker.sex for speaker in test) == {"F": 4, "M": 4}
    assert all(speaker.name[0] == speaker.sex for speaker in speakers)


@pytest.mark.parametrize("speakers", [3, 85])
def test_too_few_or_too_many_speakers_are_refused(speakers):
    assert most_speakers(read_sentences()) == 84
    with pytest.raises(StudyError, match=r"corpus\.speakers is .* 4 to 84 speakers"):
        plan_corpus(speakers, seed=0)


def test_the_sentences_are_many_and_can_be_spelled():
    pool = read_sentences()
    sentences = [sentence for kind in pool.values() for sentence in kind]
    assert len({sentence.text.lower() for sentence in sentences}) == len(sentences) >= 320
    assert len({sentence.name for sentence in sentences}) == len(sentences)
    assert set("".join(normalise_text(sentence.text) for sentence in sentences)) == set(
        "abcdefghijklmnopqrstuvwxyz '"
    )
    # Words and what is spoken for them correspond one to one.
    assert all(len(s.text.split()) == len(s.spoken.split()) for s in sentences)
    assert not any("[" in sentence.text for sentence in sentences)
    assert SENTENCES.read_text(encoding="utf-8").isascii()


def test_the_same_seed_gives_the_same_bytes_in_any_order(tmp_path):
    small = checksums(synthesize_corpus(tmp_path / "a", 4, seed=5, sentences_per_speaker=3))
    again = checksums(synthesize_corpus(tmp_path / "b", 4, seed=5, sentences_per_speaker=3))
    assert small == again
    assert len(small) == 4 * 3 * 4
    # More speakers and sentences in between change nothing in those that were there.
    large = checksums(synthesize_corpus(tmp_path / "c", 6, seed=5, sentences_per_speaker=5))
    assert small.items() <= large.items()
    other = checksums(synthesize_corpus(tmp_path / "d", 4, seed=6, sentences_per_speaker=3))
    assert not set(small.values()) & set(other.values())


def test_an_utterance_does_not_depend_on_what_was_spoken_before():
    speaker, other = make_speaker(0, 1), make_speaker(5, 1)
    first, second = read_sentences()["SI"][:2]
    alone = utter(speaker, second, 1)
    utter(other, first, 1)
    after = utter(speaker, second, 1)
    np.testing.assert_array_equal(alone.samples, after.samples)
    assert alone.phones == after.phones


@pytest.mark.parametrize(
    ("layout", "files"),
    [
        ("ldc", {"SX3.WAV": "NIST", "SX3.PHN": "", "SX3.WRD": "", "SX3.TXT": ""}),
        ("lower", {"sx3.wav": "WAV", "sx3.phn": "", "sx3.wrd": "", "sx3.txt": ""}),
        (
            "kaggle",
            {"SX3.WAV": "NIST", "SX3.WAV.wav": "WAV", "SX3.PHN": "", "SX3.WRD": "", "SX3.TXT": ""},
        ),
        (
            "nltk",
            {"sx3.wav": "WAV", "sx3.sph": "NIST", "sx3.phn": "", "sx3.wrd": "", "sx3.txt": ""},
        ),
    ],
)
def test_layouts(tmp_path, layout, files):
    root = synthesize_corpus(tmp_path / "speech", 4, layout=layout, sentences_per_speaker=1)
    speaker = make_speaker(0, 0).name
    folder = {
        "ldc": f"TIMIT/TRAIN/DR1/{speaker}",
        "lower": f"timit/train/dr1/{speaker.lower()}",
        "kaggle": f"data/TRAIN/DR1/{speaker}",
        "nltk": f"timit/dr1-{speaker.lower()}",
    }[layout]
    folder = root.parent / folder
    assert {path.name for path in folder.iterdir()} == set(files)
    for name, kind in files.items():
        if kind:
            info = soundfile.info(folder / name)
            assert (info.format, info.subtype, info.samplerate, info.channels) == (
                kind,
                "PCM_16",
                16_000,
                1,
            )
            text = next(folder.glob("*.[tT][xX][tT]")).read_text()
            assert text.startswith(f"0 {info.frames} ")


def test_settings_that_cannot_be_met_are_refused(tmp_path):
    with pytest.raises(StudyError, match="layout"):
        synthesize_corpus(tmp_path, 4, layout="cd")
    with pytest.raises(StudyError, match="1 to 10 sentences"):
        synthesize_corpus(tmp_path, 4, sentences_per_speaker=11)
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(StudyError, match="not empty"):
        synthesize_corpus(tmp_path, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_labels_cover_the_recording_and_58_phones(utterances):
    for utterance in utterances:
        starts, ends, names = zip(*utterance.phones, strict=True)
        assert starts == (0, *ends[:-1])
        assert ends[-1] == len(utterance.samples)
        assert all(end > start for start, end in zip(starts, ends, strict=True))
        assert names[0] == names[-1] == "h#"
        assert "h#" not in names[1:-1]
    spoken = {name for utterance in utterances for _, _, name in utterance.phones}
    assert spoken == set(PHONES) - NEVER_SPOKEN


def test_utterances_are_short_sentences(utterances):
    seconds = np.array([len(utterance.samples) for utterance in utterances]) / 16_000
    assert 2.1 < seconds.mean() < 2.5
    assert (seconds > 206 * 0.008).mean() > 0.99
    assert seconds.max() < 4


def test_words_are_the_transcript_and_begin_and_end_with_phones(utterances):
    for utterance in utterances:
        said = normalise_text(" ".join(word for _, _, word in utterance.words))
        assert said == normalise_text(utterance.text)
        edges = {edge for start, end, _ in utterance.phones for edge in (start, end)}
        for start, end, _ in utterance.words:
            assert start < end
            assert {start, end} <= edges
        ends = [end for _, end, _ in utterance.words]
        starts = [start for start, _, _ in utterance.words]
        assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def level(samples):
    return 10 * np.log10(np.mean(samples.astype(float) ** 2) + 1e-9)


def test_silence_is_silent_and_vowels_are_loud(utterances):
    for utterance in utterances:
        parts = {"silence": [], "vowel": []}
        for start, end, name in utterance.phones:
            if name == "h#":
                # Inside of it: a filter's ringing reaches some samples over the edge.
                parts["silence"].append(level(utterance.samples[start + 80 : end - 80]))
            elif name in ("aa", "ae", "ah", "ay", "ey", "ih", "iy", "ow"):
                parts["vowel"].append(level(utterance.samples[start:end]))
        assert max(parts["silence"]) + 15 < min(parts["vowel"])


@pytest.mark.parametrize("release", ["b", "d", "g", "p", "t", "k", "ch", "jh"])
def test_a_stop_is_released_where_the_label_says(utterances, release):
    high_pass = butter(4, 2000, "high", fs=16_000, output="sos")
    rises = []
    for utterance in utterances:
        high = sosfilt(high_pass, utterance.samples.astype(float))
        for (_, _, before), (start, _, name) in zip(
            utterance.phones[:-1], utterance.phones[1:], strict=True
        ):
            if name == release and before.endswith("cl"):
                rises.append(level(high[start : start + 128]) - level(high[start - 160 : start]))
    # On the real sample the rise is above 3 dB in 92 to 97 % of the stops, 21 to 29 dB on average.
    assert len(rises) >= 30
    assert np.mean(np.array(rises) > 3) > 0.9
    assert np.median(rises) > 12


RATE = 22_050


def noise(seconds, scale=1000, seed=0):
    return np.random.default_rng(seed).normal(0, scale, round(seconds * RATE)).astype(np.int16)


def tone(seconds, hertz):
    time = np.arange(round(seconds * RATE)) / RATE
    return (3000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def spoken(*parts):
    """Speech of (mnemonic, sound) pairs, all of one word."""
    phonemes, start = [], 0
    for mnemonic, sound in parts:
        phonemes.append(Phoneme(start, mnemonic, "", 0))
        start += len(sound)
    return Spoken(np.concatenate([sound for _, sound in parts]), RATE, tuple(phonemes))


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.int16)


def names_and_ends(speech):
    return [(segment.name, segment.end) for segment in label(speech)]


def test_silence_before_a_stop_is_its_closure_to_the_sample():
    vowel, burst = tone(0.10, 300), noise(0.03)
    speech = spoken(("a", np.r_[vowel, silence(0.05)]), ("p", burst), ("I", tone(0.1, 500)))
    expected = np.cumsum([len(vowel), len(silence(0.05)), len(burst), len(tone(0.1, 500))])
    # A sine ends within two steps of zero; such samples count as silence.
    got = names_and_ends(speech)
    assert [name for name, _ in got] == ["ae", "pcl", "p", "ih"]
    assert abs(got[0][1] - expected[0]) <= 1
    assert [end for _, end in got[1:]] == list(expected[1:])


def test_a_voiced_stop_is_cut_at_its_release():
    held, burst = tone(0.05, 150), noise(0.012)
    speech = spoken(("a", tone(0.1, 300)), ("b", np.r_[held, burst]), ("I", tone(0.1, 500)))
    (_, start), (closure, cut), (release, _), _ = names_and_ends(speech)
    assert (closure, release) == ("bcl", "b")
    assert abs(cut - start - len(held)) < 0.003 * RATE


def test_an_l_that_was_sounded_within_its_vowel_gets_its_end():
    vowel, lateral = tone(0.08, 600), tone(0.07, 2600)
    speech = spoken(("I", np.r_[vowel, lateral]), ("l", silence(0)), ("s", noise(0.1)))
    (first, cut), (second, end), (third, _) = names_and_ends(speech)
    assert (first, second, third) == ("ih", "l", "s")
    assert abs(cut - len(vowel)) < 0.006 * RATE
    assert end == len(vowel) + len(lateral)


@pytest.mark.parametrize(
    ("pause", "labels"),
    [
        (0.010, ["ae", "s"]),  # joined to the phone before
        (0.030, ["ae", "epi", "s"]),
    ],
)
def test_short_silence_within_speech(pause, labels):
    speech = spoken(("a", np.r_[tone(0.1, 300), silence(pause)]), ("s", noise(0.1)))
    assert [segment.name for segment in label(speech)] == labels


def test_announced_pauses_and_the_ends_of_an_utterance():
    speech = spoken(
        ("_", silence(0.05)),
        ("a", tone(0.1, 300)),
        ("_:", silence(0.2)),
        ("t", noise(0.04)),
        ("I", tone(0.1, 500)),
        ("_:", silence(0.1)),
    )
    names = [segment.name for segment in label(speech)]
    assert names == ["h#", "ae", "pau", "tcl", "t", "ih", "h#"]


def test_labels_by_context():
    # ux after coronals, uw elsewhere; nx between vowels of one word; one r for a linking r.
    fronted = spoken(("s", noise(0.1)), ("u:", tone(0.1, 300)))
    back = spoken(("f", noise(0.1)), ("u:", tone(0.1, 300)))
    assert [segment.name for segment in label(fronted)] == ["s", "ux"]
    assert [segment.name for segment in label(back)] == ["f", "uw"]
    flapped = spoken(("E", tone(0.1, 500)), ("n", tone(0.05, 200)), ("i", tone(0.1, 300)))
    assert [segment.name for segment in label(flapped)] == ["eh", "nx", "iy"]
    held = spoken(("E", tone(0.1, 500)), ("n", tone(0.10, 200)), ("i", tone(0.1, 300)))
    assert [segment.name for segment in label(held)] == ["eh", "n", "iy"]
    linked = spoken(
        ("O@", np.r_[tone(0.08, 500), tone(0.08, 1200)]),
        ("r-", tone(0.03, 1200)),
        ("a", noise(0.1)),
    )
    assert [segment.name for segment in label(linked)] == ["ao", "r", "ae"]


def test_a_phoneme_without_a_timit_phone_is_named():
    with pytest.raises(ValueError, match="'y:'"):
        label(spoken(("y:", tone(0.1, 300))))
