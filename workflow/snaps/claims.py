"""The claims of the paper (METHOD section 6), held against what a study measures.

What the paper reports, and which interval of each number is accepted, stands in
config/paper_values.tsv. A claim holds when every one of its numbers lies in its interval.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from snaps.errors import StudyError
from snaps.measures import MEASURES, Finding, NotTestable

HOLDS, DOES_NOT, NOT_TESTABLE = "holds", "does not", "not testable here"
COLUMNS = ("id", "section", "claim", "quantity", "unit", "paper", "low", "high")
DECIMALS = {"%": 1, "points": 1, "ms": 0, "Hz": 0, "count": 0, "score": 2, "ratio": 2}
# What an interval cannot pass; differences, in points, can be anything.
RANGES = {"%": (0.0, 100.0), "ms": (0.0, None)}
SILENT_UNITS = ("count", "score", "ratio")


@dataclass(frozen=True)
class Expectation:
    """One number of a claim: what the paper reports and which interval is accepted.

    low, high : both ends included; -inf or inf where there is none
    """

    quantity: str
    unit: str
    paper: str
    low: float
    high: float

    def show(self, value: float) -> str:
        """Value with its unit, as printed."""
        if np.isnan(value):
            return "none"
        unit = "" if self.unit in SILENT_UNITS else f" {self.unit}"
        return f"{value:.{DECIMALS[self.unit]}f}{unit}"

    def printed(self) -> str:
        """What the paper prints, with its unit; empty where it prints nothing."""
        silent = not self.paper or self.unit in SILENT_UNITS
        return self.paper if silent else f"{self.paper} {self.unit}"

    def accepted(self) -> str:
        """The interval in words."""
        if self.low == -np.inf:
            return f"at most {self.show(self.high)}"
        if self.high == np.inf:
            return f"at least {self.show(self.low)}"
        if self.low == self.high:
            return self.show(self.low)
        return f"{self.show(self.low)} to {self.show(self.high)}"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper."""

    id: str
    section: str
    claim: str
    expected: list[Expectation]

    @property
    def qualitative(self) -> bool:
        """Whether the paper gives no number but "yes"."""
        return self.expected[0].paper == "yes"

    def label(self, texts: Sequence[str]) -> str:
        """One text for each number, with its name unless the claim is that one number."""
        if len(self.expected) == 1 and not self.qualitative:
            return texts[0]
        named = zip(self.expected, texts, strict=True)
        return ", ".join(f"{number.quantity} {text}" for number, text in named if text)

    def paper(self) -> str:
        """What the paper reports: "yes", or its numbers."""
        if self.qualitative:
            return "yes"
        return self.label([number.printed() for number in self.expected])


def read_claims(path: str | Path) -> list[Claim]:
    """Read the claims, one row for each number: id section claim quantity unit paper low high.

    low, high : the accepted interval, both ends included; empty for none. Raises StudyError where
    a column or a claim is missing, a unit is unknown, or an interval is none.
    """
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise StudyError(f"{path}: no column {', '.join(missing)}; needs {', '.join(COLUMNS)}")
    claims: dict[str, Claim] = {}
    for line, row in enumerate(table.itertuples(index=False), start=2):
        try:
            low = float(row.low) if row.low else -np.inf
            high = float(row.high) if row.high else np.inf
        except ValueError as error:
            raise StudyError(f"{path}, line {line}: {error}; low and high are numbers") from None
        if row.unit not in DECIMALS:
            raise StudyError(
                f"{path}, line {line}: unit {row.unit!r} is none of {', '.join(DECIMALS)}"
            )
        if not low <= high or (low, high) == (-np.inf, np.inf):
            raise StudyError(f"{path}, line {line}: {row.low!r} to {row.high!r} is no interval")
        claim = claims.setdefault(row.id, Claim(row.id, row.section, row.claim, []))
        claim.expected.append(Expectation(row.quantity, row.unit, row.paper, low, high))
    if set(claims) != set(MEASURES):
        wrong = ", ".join(sorted(set(claims) ^ set(MEASURES)))
        raise StudyError(f"{path}: has to hold the claims of METHOD section 6; wrong: {wrong}")
    return list(claims.values())


def judge(claim: Claim, finding: Finding) -> str:
    """Verdict: the claim holds when every number lies in its interval."""
    inside = (
        number.low <= finding.numbers[number.quantity] <= number.high for number in claim.expected
    )
    return HOLDS if all(inside) else DOES_NOT


def compare_claim(
    claim: Claim, findings: Sequence[Finding | NotTestable], corpus: str
) -> dict[str, str]:
    """One row of the table of claims.

    Parameters
    ----------
    findings : of each seed; the first is judged, all give the range low to high; of one seed
        the range is the 95 % interval over speakers, where the finding has one
    corpus : its name; numbers of any other than "TIMIT" are marked "other corpus"
    """
    other = corpus != "TIMIT"
    row = {"id": claim.id, "claim": claim.claim, "paper": claim.paper()}
    first = findings[0]
    opening, mark = (f"Other corpus ({corpus}): ", " (other corpus)") if other else ("", "")
    if isinstance(first, NotTestable):
        return row | {
            "ours": "",
            "low": "",
            "high": "",
            "verdict": NOT_TESTABLE,
            "statement": f"{opening}{first}.",
        }
    verdict = judge(claim, first)
    tested = [finding.numbers for finding in findings if isinstance(finding, Finding)]

    def show(value: Callable[[Expectation], float]) -> str:
        return claim.label([number.show(value(number)) for number in claim.expected])

    def bound(number: Expectation, sign: int) -> float:
        if len(tested) > 1:
            values = [found[number.quantity] for found in tested]
            return min(values) if sign < 0 else max(values)
        end = first.numbers[number.quantity] + sign * first.margins[number.quantity]
        return float(np.clip(end, *RANGES.get(number.unit, (None, None))))

    def end(sign: int) -> str:
        known = first.margins and not np.isnan(list(first.margins.values())).any()
        return show(lambda number: bound(number, sign)) + mark if len(tested) > 1 or known else ""

    ours = show(lambda number: first.numbers[number.quantity])
    if claim.qualitative:
        ours = f"{'yes' if verdict == HOLDS else 'no'}: {ours}"
    accepted = claim.label([number.accepted() for number in claim.expected])
    return row | {
        "ours": ours + mark,
        "low": end(-1),
        "high": end(1),
        "verdict": verdict,
        "statement": f"{opening}{first.sentence} Accepted: {accepted}.",
    }


def compare(
    claims: Sequence[Claim], findings: Sequence[Mapping[str, Finding | NotTestable]], corpus: str
) -> pd.DataFrame:
    """Hold the findings of all seeds against the paper.

    Returns
    -------
    id, claim, paper, ours, low, high, verdict, statement
    """
    return pd.DataFrame(
        [compare_claim(claim, [found[claim.id] for found in findings], corpus) for claim in claims]
    )
