"""Every layout of TIMIT gives one index; a damaged corpus gives one message."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from snaps.corpus import reader
from snaps.corpus.reader import (
    AUDIO_COLUMNS,
    CORE_TEST_SPEAKERS,
    PHONE_COLUMNS,
    UTTERANCE_COLUMNS,
    fit_phones,
    parse_phones,
    read_audio,
    read_corpus,
    select_sentences,
)
from snaps.corpus.synthesis import synthesize_corpus
from snaps.errors import StudyError
from snaps.phones import read_phones

ROOT = Path(__file__).parents[2]
PHONES = read_phones(ROOT / "config" / "phones.tsv").phones
SAMPLE = ROOT / ".." / "shared" / "data" / "timit-sample"
SPHERE = ROOT / ".." / "shared" / "data" / "sphere"
needs_sample = pytest.mark.skipif(
    not SAMPLE.is_dir(), reason="the TIMIT sample is not beside the project"
)
needs_sphere = pytest.mark.skipif(
    not (SAMPLE.is_dir() and SPHERE.is_dir()),
    reason="the SPHERE twins of the TIMIT sample are not beside the project",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four speakers, three sentences each (SX, SI, SA), in the disc's layout."""
    return synthesize_corpus(tmp_path_factory.mktemp("ldc"), 4, sentences_per_speaker=3)


@pytest.fixture
def corpus(made, tmp_path):
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "TIMIT"))


def files(root, suffix):
    return sorted(path for path in root.rglob(f"*{suffix}"))


def refusal(root, **settings):
    with pytest.raises(StudyError) as caught:
        read_corpus(root, PHONES, **settings)
    return str(caught.value)


def test_an_index_has_the_columns_and_order_of_the_contract(made):
    corpus = read_corpus(made, PHONES)
    assert tuple(corpus.utterances) == UTTERANCE_COLUMNS
    assert tuple(corpus.phones) == PHONE_COLUMNS
    assert tuple(corpus.audio) == AUDIO_COLUMNS
    table = corpus.utterances
    assert len(table) == 12
    keys = [
        (row.split == "test", row.dialect, row.speaker, row.utterance) for row in table.itertuples()
    ]
    assert keys == sorted(keys)
    assert list(table.groupby("split").size().items()) == [("test", 3), ("train", 9)]
    assert list(corpus.audio["utterance"]) == list(table["utterance"])
    assert list(corpus.phones["utterance"].unique()) == list(table["utterance"])


def test_an_index_says_what_the_files_say(made):
    corpus = read_corpus(made, PHONES)
    for row, path in zip(corpus.utterances.itertuples(), corpus.audio["path"], strict=True):
        split, dialect, speaker, name = Path(path).parts
        assert (row.split, f"DR{row.dialect}") == (split.lower(), dialect)
        assert (row.speaker, row.sex) == (speaker.lower(), speaker[0])
        assert row.utterance == f"{speaker}_{name.split('.')[0]}".lower()
        assert row.sentence_type == name[:2]
        start, samples, text = (made / path).with_suffix(".TXT").read_text().split(maxsplit=2)
        assert (start, row.samples, row.text) == ("0", int(samples), text.strip())
        assert len(read_audio(made / path)) == row.samples
        segments = corpus.phones[corpus.phones["utterance"] == row.utterance]
        lines = [f"{s.start} {s.end} {s.phone}" for s in segments.itertuples()]
        assert lines == (made / path).with_suffix(".PHN").read_text().splitlines()


@pytest.mark.parametrize("layout", ["lower", "kaggle", "nltk"])
def test_every_layout_gives_the_same_index(made, tmp_path, layout):
    root = synthesize_corpus(tmp_path / "other", 4, layout=layout, sentences_per_speaker=3)
    expected = read_corpus(made, PHONES)
    # Of these four speakers, one of two in region 2 belongs to the test part; a flat corpus is
    # parted by whole regions.
    got = read_corpus(tmp_path / "other", PHONES, test_regions=[2] if layout == "nltk" else [])
    if layout == "nltk":
        assert (got.utterances["split"] == "test").tolist() == (
            got.utterances["dialect"] == 2
        ).tolist()
        order = ["split", "dialect", "speaker", "utterance"]
        moved = expected.utterances.assign(split=got.utterances["split"].iloc[0])
        moved.loc[moved["dialect"] == 2, "split"] = "test"
        moved = moved.sort_values(order, ascending=[False, True, True, True]).reset_index(drop=True)
        pd.testing.assert_frame_equal(got.utterances, moved)
    else:
        pd.testing.assert_frame_equal(got.utterances, expected.utterances)
        pd.testing.assert_frame_equal(got.phones, expected.phones)
    if layout == "kaggle":
        assert got.audio["path"].str.endswith(".WAV.wav").all()
    assert all((root.parent / path).is_file() for path in got.audio["path"])


def test_folders_and_suffixes_of_mixed_case_are_one_corpus(made, corpus):
    speaker = files(corpus / "TRAIN" / "DR1", ".WAV")[0].parent
    moved = corpus / "train" / "Dr1" / speaker.name.lower()
    moved.mkdir(parents=True)
    for path in speaker.glob("*.PHN"):
        path.rename(moved / path.name.lower())
    for path in speaker.glob("*.WAV"):
        path.rename(path.with_suffix(".wav"))
    expected, got = read_corpus(made, PHONES), read_corpus(corpus, PHONES)
    pd.testing.assert_frame_equal(got.utterances, expected.utterances)
    pd.testing.assert_frame_equal(got.phones, expected.phones)


def test_recordings_are_known_by_content_not_by_suffix(made, corpus):
    for path, kind in zip(files(corpus, ".WAV"), ("WAV", "FLAC", "NIST") * 4, strict=True):
        samples, rate = soundfile.read(path, dtype="int16")
        soundfile.write(path, samples, rate, format=kind)
        if kind == "FLAC":
            path.rename(path.with_suffix(".flac"))
    expected, got = read_corpus(made, PHONES), read_corpus(corpus, PHONES)
    pd.testing.assert_frame_equal(got.utterances, expected.utterances)
    for before, after in zip(expected.audio["path"], got.audio["path"], strict=True):
        np.testing.assert_array_equal(read_audio(made / before), read_audio(corpus / after))


def test_a_readable_twin_stands_in_for_a_broken_recording(made, corpus):
    sphere = files(corpus, ".WAV")[0]
    sphere.with_name(sphere.name + ".wav").write_bytes(b"RIFF and nothing else")
    pd.testing.assert_frame_equal(
        read_corpus(corpus, PHONES).audio, read_corpus(made, PHONES).audio
    )


def test_stray_files_are_overlooked(made, corpus):
    speaker = files(corpus, ".WAV")[0].parent
    for path in list(speaker.iterdir()):
        (speaker / f"._{path.name}").write_bytes(b"\0\5\26\7")
    for name in (".DS_Store", "SA1.mfc", "notes.txt", "SX3 copy.PHN"):
        (speaker / name).write_bytes(b"nothing of ours")
    hidden = corpus / ".cache" / "TRAIN" / "DR1" / speaker.name
    shutil.copytree(speaker, hidden)
    shutil.copytree(speaker, corpus / "__MACOSX" / "TRAIN" / "DR1" / speaker.name)
    (corpus / "DOC").mkdir()
    (corpus / "DOC" / "SA1.TXT").write_text("prompts")
    (corpus / "train_data.csv").write_text("index,test_or_train\n")
    expected, got = read_corpus(made, PHONES), read_corpus(corpus, PHONES)
    pd.testing.assert_frame_equal(got.utterances, expected.utterances)
    pd.testing.assert_frame_equal(got.audio, expected.audio)


def test_links_are_followed_but_not_in_circles(made, tmp_path):
    root = tmp_path / "linked"
    root.mkdir()
    (root / "TRAIN").symlink_to(made / "TRAIN")
    (root / "TEST").symlink_to(made / "TEST")
    (root / "again").symlink_to(root)
    assert len(read_corpus(root, PHONES).utterances) == 12


def test_labels_with_other_line_ends_case_and_blank_lines(made, corpus):
    for path in files(corpus, ".PHN"):
        lines = path.read_text().upper().splitlines()
        path.write_bytes("\r\n".join([*lines, "", ""]).encode())
    for path in files(corpus, ".TXT"):
        path.write_bytes(path.read_text().replace("\n", " \r\n").encode())
    expected, got = read_corpus(made, PHONES), read_corpus(corpus, PHONES)
    pd.testing.assert_frame_equal(got.phones, expected.phones)
    pd.testing.assert_frame_equal(got.utterances, expected.utterances)


@pytest.mark.parametrize(
    ("segments", "samples", "fitted"),
    [
        # The rest of the recording is h#, whether or not the list ends with it.
        ([(0, 10, "h#"), (10, 20, "aa")], 30, [(0, 10, "h#"), (10, 20, "aa"), (20, 30, "h#")]),
        ([(0, 10, "aa"), (10, 20, "h#")], 30, [(0, 10, "aa"), (10, 30, "h#")]),
        ([(0, 10, "aa"), (10, 30, "h#")], 30, [(0, 10, "aa"), (10, 30, "h#")]),
        # One sample too many is cut.
        ([(0, 10, "aa"), (10, 31, "h#")], 30, [(0, 10, "aa"), (10, 30, "h#")]),
        ([(0, 30, "aa"), (30, 31, "h#")], 30, [(0, 30, "aa")]),
    ],
)
def test_labels_are_fitted_to_the_recording(segments, samples, fitted):
    assert fit_phones(segments, samples) == fitted


def test_labels_far_beyond_the_recording_are_refused():
    with pytest.raises(ValueError, match="ends at sample 32, the recording at 30"):
        fit_phones([(0, 32, "h#")], 30)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no segments"),
        ("0 10 h#\n10 20\n", "line 2 is not 'start end phone': '10 20'"),
        ("0 10 h#\nten 20 aa\n", "line 2 is not"),
        ("-5 10 h#\n", "line 1 is not"),
        ("0 10 h#\n10 20 xx\n", "line 2: unknown phone 'xx'"),
        ("0 10 h#\n10 10 aa\n10 20 iy\n", "line 2: segment 10 10 has no length"),
        ("0 10 h#\n20 12 aa\n", "line 2: segment 20 12 has no length"),
        ("5 10 h#\n", "line 1: gap, starts at 5 where 0 is due"),
        ("0 10 h#\n12 20 aa\n", "line 2: gap, starts at 12 where 10 is due"),
        ("0 10 h#\n8 20 aa\n", "line 2: overlap, starts at 8 where 10 is due"),
        ("0 10 h#\n20 30 aa\n10 20 iy\n", "line 2: gap"),
    ],
)
def test_damaged_labels_are_refused_by_line(content, message):
    with pytest.raises(ValueError, match=message):
        parse_phones(content, PHONES)


def test_all_damages_of_a_corpus_are_told_at_once(corpus):
    labels, texts, sounds = (files(corpus, suffix) for suffix in (".PHN", ".TXT", ".WAV"))
    labels[0].unlink()
    labels[1].write_text("0 10 h#\n12 20 aa\n")
    labels[2].write_text("0 10 h#\n10 20 schwa\n")
    labels[3].write_text("0 99999999 h#\n")
    texts[4].unlink()
    texts[5].write_text("what was said\n")
    sounds[6].unlink()
    sounds[7].write_bytes(b"NIST_1A\n   1024\nnot a header")
    samples, _ = soundfile.read(sounds[8])
    soundfile.write(sounds[8], samples, 8000, format="NIST", subtype="PCM_16")
    soundfile.write(sounds[9], np.stack([samples, samples], 1), 16_000, format="WAV")
    soundfile.write(sounds[10], samples[:0], 16_000, format="WAV")

    message = refusal(corpus)
    lines = [line.strip() for line in message.splitlines()]
    assert lines[0].endswith(
        "Found: 4 speakers, 12 utterances, 11 with a recording, 11 with .PHN, 11 with .TXT."
    )
    name = {path: path.relative_to(corpus).as_posix() for path in (*labels, *texts, *sounds)}
    assert lines.count("utterances without .PHN (1):") == 1
    assert name[labels[0]].removesuffix(".PHN") in lines
    assert "bad .PHN files (3):" in lines
    assert f"{name[labels[1]]}: line 2: gap, starts at 12 where 10 is due" in lines
    assert f"{name[labels[2]]}: line 2: unknown phone 'schwa'" in lines
    assert any(line.startswith(f"{name[labels[3]]}: ends at sample 99999999") for line in lines)
    assert "utterances without .TXT (1):" in lines
    assert name[texts[4]].removesuffix(".TXT") in lines
    assert name[texts[5]] in lines
    assert name[sounds[6]].removesuffix(".WAV") in lines
    assert "unreadable recordings (2):" in lines
    assert any(line.startswith(f"{name[sounds[7]]}: ") for line in lines)
    assert f"{name[sounds[10]]}: no samples" in lines
    assert f"{name[sounds[8]]}: 8000 Hz, 1 channel(s)" in lines
    assert f"{name[sounds[9]]}: 16000 Hz, 2 channel(s)" in lines
    assert message.count("Remedy: ") == 7


def test_a_long_list_is_cut_and_counted(corpus):
    for path in files(corpus, ".TXT"):
        path.unlink()
    message = refusal(corpus)
    assert "utterances without .TXT (12):" in message
    assert "and 2 more" in message
    assert len(message.splitlines()) == 1 + 1 + 10 + 1 + 1


def test_what_is_no_timit_is_refused(tmp_path):
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "one.wav", np.zeros(100), 16_000)
    message = refusal(tmp_path)
    assert "holds no TIMIT corpus" in message
    assert "0 utterances" in message
    assert "corpus_path" in message
    assert "there is no folder" in refusal(tmp_path / "nowhere")


def test_two_corpora_in_one_folder_are_refused(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "copy")
    message = refusal(tmp_path)
    assert "utterances found twice (12):" in message
    assert "TIMIT/TRAIN/DR1" in message
    assert "copy/TRAIN/DR1" in message


def test_two_label_files_of_one_recording_are_refused(corpus):
    path = files(corpus, ".PHN")[0]
    twin = path.with_suffix(".phn")
    shutil.copy(path, twin)
    if os.path.samefile(path, twin):
        pytest.skip("this file system does not tell upper from lower case")
    assert "utterances found twice (1):" in refusal(corpus)


def test_a_speaker_in_both_parts_is_refused(corpus):
    source = files(corpus / "TRAIN", ".PHN")[0]
    folder = corpus / "TEST" / source.parts[-3] / source.parts[-2]
    folder.mkdir(parents=True)
    for path in source.parent.glob(f"{source.stem}.*"):
        path.rename(folder / path.name)
    message = refusal(corpus)
    assert "speakers found in several parts or dialects (1):" in message
    assert f"{source.parts[-2].lower()}: test dr1 and train dr1" in message


def test_speakers_beside_the_parts_and_without_dialect_are_refused(corpus):
    first, second = (path.parent for path in files(corpus / "TRAIN", "SX3.PHN")[:2])
    first.rename(corpus / first.name)
    second.rename(corpus / "TRAIN" / second.name)
    message = refusal(corpus)
    assert "without a dialect folder (DR1 to DR8) (6):" in message
    assert "outside of the TRAIN and TEST folders (3):" in message


def test_a_corpus_without_a_part_is_refused(corpus):
    message = refusal(corpus / "TRAIN")
    assert "has no TRAIN and TEST folders" in message
    assert "corpus.test_regions" in message
    shutil.rmtree(corpus / "TEST")
    message = refusal(corpus)
    assert "has no test part" in message
    assert "restore the TEST folder" in message


def test_test_regions(tmp_path):
    root = synthesize_corpus(tmp_path, 4, layout="nltk", sentences_per_speaker=1)
    assert "name the dialect regions of the test part in corpus.test_regions" in refusal(root)
    assert "corpus.test_regions: 9 is no dialect region" in refusal(root, test_regions=[2, 9])
    for regions in ([7, 8], [1, 2]):
        message = refusal(root, test_regions=regions)
        assert "of the dialect regions 1, 2" in message
        assert "choose other corpus.test_regions" in message


def test_test_regions_have_no_effect_where_folders_tell_the_parts(made):
    expected, got = read_corpus(made, PHONES), read_corpus(made, PHONES, test_regions=[1])
    pd.testing.assert_frame_equal(got.utterances, expected.utterances)


def test_recordings_are_looked_at_not_loaded(made, monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("samples were read")

    monkeypatch.setattr(reader.soundfile, "read", refuse)
    assert len(read_corpus(made, PHONES).utterances) == 12


def table_of(train, test):
    """Speakers with two SA, one SX and one SI sentence each."""
    rows = [
        {"utterance": f"{speaker}_{name}", "split": split, "sentence_type": name[:2].upper()}
        for split, speakers in (("train", train), ("test", test))
        for speaker in speakers
        for name in ("sa1", "sa2", "si9", "sx3")
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("sa", "texts"), [("seven", None), ("seven_per_text", (7, 7))])
def test_seven_sa_recordings_of_the_train_part_are_kept(sa, texts):
    table = table_of([f"f{k:03d}" for k in range(20)], ["mtst0", "mtst1"])
    kept = select_sentences(table, sa, seed=1)
    chosen = kept[kept["sentence_type"] == "SA"]
    assert (chosen["split"] == "train").all()
    assert len(chosen) == (7 if texts is None else sum(texts))
    if texts:
        assert tuple(chosen["utterance"].str[-3:].value_counts()[["sa1", "sa2"]]) == texts
    assert (kept["sentence_type"] != "SA").sum() == 2 * 22
    assert kept["utterance"].tolist() == [
        name for name in table["utterance"] if name in set(kept["utterance"])
    ]
    pd.testing.assert_frame_equal(kept, select_sentences(table, sa, seed=1))
    shuffled = select_sentences(table.sample(frac=1, random_state=0), sa, seed=1)
    assert set(shuffled["utterance"]) == set(kept["utterance"])
    others = [set(select_sentences(table, sa, seed)["utterance"]) for seed in range(2, 8)]
    assert any(other != set(kept["utterance"]) for other in others)


def test_few_sa_recordings_are_all_kept():
    kept = select_sentences(table_of(["f001", "f002"], ["mtst0"]), "seven", seed=0)
    assert (kept["sentence_type"] == "SA").sum() == 4
    with pytest.raises(StudyError, match=r"corpus\.sa"):
        select_sentences(kept, "all", seed=0)


def test_read_audio_gives_samples_within_one(tmp_path):
    written = np.array([-32768, -1, 0, 1, 32767], np.int16)
    for kind in ("WAV", "NIST", "FLAC"):
        soundfile.write(tmp_path / "a", written, 16_000, format=kind, subtype="PCM_16")
        samples = read_audio(tmp_path / "a")
        assert samples.dtype == np.float32
        np.testing.assert_array_equal(samples, written / 32768)


def test_read_audio_refuses_other_recordings(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(StudyError, match="unreadable"):
        read_audio(path)
    soundfile.write(path, np.zeros(10), 8000)
    with pytest.raises(StudyError, match="8000 Hz"):
        read_audio(path)
    soundfile.write(path, np.zeros((10, 2)), 16_000)
    with pytest.raises(StudyError, match="2 channels"):
        read_audio(path)
    with pytest.raises(StudyError, match=r"nowhere\.wav"):
        read_audio(tmp_path / "nowhere.wav")


def test_the_core_test_set_has_two_men_and_a_woman_of_each_dialect():
    assert len(CORE_TEST_SPEAKERS) == 24
    assert sum(speaker[0] == "f" for speaker in CORE_TEST_SPEAKERS) == 8


@needs_sample
def test_the_real_sample():
    corpus = read_corpus(SAMPLE, PHONES, test_regions=[5, 6])
    table = corpus.utterances
    assert len(table) == 120
    assert table["speaker"].nunique() == 12
    assert table.groupby("split")["speaker"].nunique().to_dict() == {"test": 4, "train": 8}
    assert table["sentence_type"].value_counts().to_dict() == {"SX": 60, "SI": 36, "SA": 24}
    first = table[table["utterance"] == "fvmh0_sa1"].iloc[0]
    assert first["text"] == "She had your dark suit in greasy wash water all year."
    assert (first["sex"], first["dialect"]) == ("F", 1)
    assert set(corpus.phones["phone"]) <= set(PHONES)
    by_utterance = corpus.phones.groupby("utterance", sort=False)
    assert (by_utterance["start"].first() == 0).all()
    assert by_utterance["end"].last().tolist() == table["samples"].tolist()
    after = corpus.phones["utterance"] == corpus.phones["utterance"].shift()
    assert (corpus.phones["start"][after] == corpus.phones["end"].shift()[after]).all()


@needs_sphere
def test_real_sphere_files_hold_the_same_samples():
    for sphere in sorted(SPHERE.glob("*.sph")):
        samples = read_audio(sphere)
        twins = [
            path
            for path in sorted(SAMPLE.rglob(f"{sphere.stem}.wav"))
            if np.array_equal(read_audio(path), samples)
        ]
        assert len(twins) == 1
