"""Symbols: the 61 TIMIT phones with their classes, letters, and the units a network can emit."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from snaps.errors import StudyError

BLANK = "<blank>"
SILENCE = "h#"
LETTERS = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")
MANNERS = (
    "vowel",
    "semivowel",
    "nasal",
    "fricative",
    "affricate",
    "plosive",
    "closure",
    "flap",
    "silence",
)
COLUMNS = ("phone", "fold39", "manner", "place", "voicing")


def visible_symbol(symbol: str) -> str:
    """A symbol as a reader can see it: the space and the apostrophe are named."""
    return {" ": "space", "'": "apostrophe"}.get(symbol, symbol)


@dataclass(frozen=True)
class PhoneTable:
    """The phone symbols in their order, and what is known of each.

    `fold` maps a phone to its class among the 39 on which recognisers are scored (Lee and Hon,
    1989), or to None where the phone is dropped before scoring (q).
    """

    phones: tuple[str, ...]
    fold: dict[str, str | None]
    manner: dict[str, str]
    place: dict[str, str]
    voicing: dict[str, str]


def read_phones(path: Path | str) -> PhoneTable:
    """Read a phone table: tab-separated, columns phone, fold39, manner, place, voicing.

    Raises StudyError where a column is missing, a line is short, a symbol occurs twice, a manner
    is unknown, or h# is missing.
    """
    path = Path(path)
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t")
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise StudyError(f"{path}: no column {', '.join(missing)}; needs {', '.join(COLUMNS)}")
        rows = list(reader)
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        if any(row[name] is None for name in COLUMNS):
            raise StudyError(f"{path}, line {number}: needs {len(COLUMNS)} tab-separated fields")
        if not row["phone"] or row["phone"] in seen:
            raise StudyError(f"{path}, line {number}: phone {row['phone']!r} is empty or repeated")
        if row["manner"] not in MANNERS:
            raise StudyError(
                f"{path}, line {number}: manner {row['manner']!r} is none of {', '.join(MANNERS)}"
            )
        seen.add(row["phone"])
    if SILENCE not in seen:
        raise StudyError(f"{path}: the symbol {SILENCE} (begin and end of an utterance) is missing")
    return PhoneTable(
        phones=tuple(row["phone"] for row in rows),
        fold={row["phone"]: row["fold39"] or None for row in rows},
        manner={row["phone"]: row["manner"] for row in rows},
        place={row["phone"]: row["place"] for row in rows},
        voicing={row["phone"]: row["voicing"] for row in rows},
    )


def normalise_text(text: str) -> str:
    """Spell a sentence with the letters of LETTERS alone (METHOD section 1).

    Lower case; a hyphen becomes a space; anything but a-z, space and apostrophe is dropped.
    """
    kept = re.sub(r"[^a-z' ]", "", re.sub(r"[-\s]", " ", text.lower()))
    return " ".join(kept.split())


def units(kind: str, table: PhoneTable) -> list[str]:
    """List a network's output units, blank first: 29 for "letters", 62 for "phones".

    Raises StudyError for any other kind.
    """
    if kind == "letters":
        return [BLANK, *LETTERS]
    if kind == "phones":
        return [BLANK, *table.phones]
    raise StudyError(f"units are 'letters' or 'phones', not {kind!r}")
