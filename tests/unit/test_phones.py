"""The phone table and the output units."""

from pathlib import Path

import pytest

from snaps.errors import StudyError
from snaps.phones import BLANK, LETTERS, MANNERS, normalise_text, read_phones, units

TABLE = Path(__file__).parents[2] / "config" / "phones.tsv"
HEADER = "phone\tfold39\tmanner\tplace\tvoicing\n"

# The symbols as the disc's phoncode.doc lists them (its "tck" is a slip for tcl).
TIMIT = """
    b d g p t k dx q jh ch s sh z zh f th v dh m n ng em en eng nx l r w y hh hv el
    iy ih eh ey ae aa aw ay ah ao oy ow uh uw ux er ax ix axr ax-h
    pau epi h# bcl dcl gcl pcl tcl kcl
"""


def test_table_has_the_61_symbols_once_and_silence_last():
    table = read_phones(TABLE)
    assert sorted(table.phones) == sorted(TIMIT.split())
    assert table.phones[-1] == "h#"


def test_folding_leaves_39_classes_and_drops_the_glottal_stop():
    fold = read_phones(TABLE).fold
    assert len(set(fold.values()) - {None}) == 39
    assert [phone for phone, target in fold.items() if target is None] == ["q"]
    # Lee and Hon (1989), as the recipes of Kaldi and SpeechBrain have it.
    groups = {
        "aa": {"aa", "ao"},
        "ah": {"ah", "ax", "ax-h"},
        "er": {"er", "axr"},
        "hh": {"hh", "hv"},
        "ih": {"ih", "ix"},
        "l": {"l", "el"},
        "m": {"m", "em"},
        "n": {"n", "en", "nx"},
        "ng": {"ng", "eng"},
        "sh": {"sh", "zh"},
        "uw": {"uw", "ux"},
        "sil": {"pcl", "tcl", "kcl", "bcl", "dcl", "gcl", "pau", "epi", "h#"},
    }
    for target, members in groups.items():
        assert {phone for phone, folded in fold.items() if folded == target} == members
    folded_away = set().union(*groups.values()) | {"q"}
    assert all(fold[phone] == phone for phone in fold if phone not in folded_away)


def test_classes_of_the_phones():
    table = read_phones(TABLE)
    by_manner = {
        manner: [phone for phone in table.phones if table.manner[phone] == manner]
        for manner in MANNERS
    }
    assert {manner: len(phones) for manner, phones in by_manner.items()} == {
        "vowel": 20,
        "semivowel": 5,
        "nasal": 7,
        "fricative": 10,
        "affricate": 2,
        "plosive": 7,
        "closure": 6,
        "flap": 1,
        "silence": 3,
    }
    assert by_manner["silence"] == ["pau", "epi", "h#"]
    for voiced, voiceless in (("b", "p"), ("d", "t"), ("g", "k"), ("z", "s"), ("bcl", "pcl")):
        assert table.voicing[voiced] == "voiced"
        assert table.voicing[voiceless] == "voiceless"
        assert table.place[voiced] == table.place[voiceless]
        assert table.manner[voiced] == table.manner[voiceless]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("phone\tfold39\tmanner\tplace\n", "no column voicing"),
        (HEADER + "aa\taa\tvowel\tback\n", "line 2: needs 5"),
        (HEADER + "aa\taa\tvowel\tback\tvoiced\n" * 2, "line 3: phone 'aa' is empty or repeated"),
        (HEADER + "aa\taa\tdiphthong\tback\tvoiced\n", "line 2: manner 'diphthong'"),
        (HEADER + "aa\taa\tvowel\tback\tvoiced\n", "the symbol h#"),
    ],
)
def test_a_damaged_table_is_refused_by_line(tmp_path, content, message):
    path = tmp_path / "phones.tsv"
    path.write_text(content)
    with pytest.raises(StudyError, match=message):
        read_phones(path)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("She had your dark suit.", "she had your dark suit"),
        ("Don't ask: an oily-rag?", "don't ask an oily rag"),
        ('  "Oh",\the  said; 2 times! ', "oh he said times"),
        ("", ""),
    ],
)
def test_normalise_text(text, spelled):
    assert normalise_text(text) == spelled
    assert set(spelled) <= set(LETTERS)


def test_units_begin_with_the_blank():
    table = read_phones(TABLE)
    letters, phones = units("letters", table), units("phones", table)
    assert (len(letters), len(phones)) == (29, 62)
    assert letters[:4] == [BLANK, " ", "'", "a"]
    assert letters[-1] == "z"
    assert phones == [BLANK, *table.phones]
    with pytest.raises(StudyError, match="words"):
        units("words", table)
