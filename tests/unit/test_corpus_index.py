"""The index of a corpus: transcripts and parts."""

import pandas as pd
import pytest

from snaps.corpus.index import read_references, split_indices
from snaps.corpus.reader import CORE_TEST_SPEAKERS

CORE = sorted(CORE_TEST_SPEAKERS)[0]


@pytest.fixture
def utterances(tmp_path):
    rows = [
        ("fabc0_sx1", "fabc0", "train", "She's well-known."),
        ("mdef0_si2", "mdef0", "train", '"Null," he said'),
        (f"{CORE}_sx3", CORE, "test", "NA"),
        ("mghi0_sx4", "mghi0", "test", "Oh!"),
    ]
    path = tmp_path / "utterances.tsv"
    table = pd.DataFrame(rows, columns=["utterance", "speaker", "split", "text"])
    table.to_csv(path, sep="\t", index=False)
    return path


@pytest.fixture
def segments(tmp_path):
    rows = [
        ("mdef0_si2", 0, 100, "h#"),
        ("mdef0_si2", 100, 150, "s"),
        ("mdef0_si2", 150, 200, "s"),
        ("mdef0_si2", 200, 300, "h#"),
        ("fabc0_sx1", 0, 50, "h#"),
        ("fabc0_sx1", 50, 60, "ax-h"),
    ]
    path = tmp_path / "phones.tsv"
    table = pd.DataFrame(rows, columns=["utterance", "start", "end", "phone"])
    table.to_csv(path, sep="\t", index=False)
    return path


def test_letters_of_the_texts(utterances, segments):
    references = read_references(utterances, segments, "letters")
    assert {name: "".join(letters) for name, letters in references.items()} == {
        "fabc0_sx1": "she's well known",
        "mdef0_si2": "null he said",
        f"{CORE}_sx3": "na",
        "mghi0_sx4": "oh",
    }
    assert references["mghi0_sx4"] == ["o", "h"]


def test_phones_in_their_order_without_durations(utterances, segments):
    assert read_references(utterances, segments, "phones") == {
        "fabc0_sx1": ["h#", "ax-h"],
        "mdef0_si2": ["h#", "s", "s", "h#"],
    }


def test_parts_are_indices_in_the_order_of_the_features(utterances):
    names = ["mghi0_sx4", "mdef0_si2", f"{CORE}_sx3", "fabc0_sx1"]
    parts = split_indices(utterances, names)
    assert {part: indices.tolist() for part, indices in parts.items()} == {
        "train": [1, 3],
        "test": [0, 2],
        "core": [2],
    }


def test_there_is_no_core_test_without_its_speakers(utterances):
    parts = split_indices(utterances, ["mdef0_si2", "mghi0_sx4"])
    assert {part: indices.tolist() for part, indices in parts.items()} == {
        "train": [0],
        "test": [1],
    }


def test_a_core_speaker_counts_in_the_test_part_only(tmp_path):
    path = tmp_path / "utterances.tsv"
    pd.DataFrame(
        [("u", CORE, "train", "a")], columns=["utterance", "speaker", "split", "text"]
    ).to_csv(path, sep="\t", index=False)
    assert "core" not in split_indices(path, ["u"])
