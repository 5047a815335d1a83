"""Evaluation of the alignment step against the phone annotation (paper 4.3.1 and 5.1)."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from snaps.features import SECONDS_PER_STEP
from snaps.frames import FRAME_CENTRE, FRAME_STEPS

TOLERANCE_STEPS = 2
ABSENT = -1


@dataclass(frozen=True)
class AlignmentTables:
    """What the alignment of one model gives, counted over frames.

    Attributes
    ----------
    predicted : (P,) output units without the blank and h#
    annotated : (A,) phones, h# last
    n : (P,) frames that predict each unit
    contingency_centre, contingency_aligned : (P, A) frames by annotated phone at the centre and at
        the input's alignment step
    offset_steps : (K,) ascending, 8 ms each; -1 where the frame does not hold the predicted phone
    offset_counts : (P, K) frames by offset; both None for models that predict letters
    within : (P, 4) shares of each unit's frames: annotated as predicted at the centre, within two
        steps of it, at the alignment step, within two steps of it; None for letters
    summary : for each part (all, train, test) frames, centre, centre_pm2, aligned, aligned_pm2,
        offset_ms, cap, blanks; empty for letters
    """

    predicted: list[str]
    annotated: list[str]
    n: np.ndarray
    contingency_centre: np.ndarray
    contingency_aligned: np.ndarray
    offset_steps: np.ndarray | None
    offset_counts: np.ndarray | None
    within: np.ndarray | None
    summary: dict[str, dict[str, float]]


def offset_to_phone(windows: np.ndarray, steps: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Distance of a step to the nearest step annotated with a phone.

    Parameters
    ----------
    windows : (frames, 206) int, annotated phone of every step of each frame
    steps : (frames,) int, steps in the frame
    wanted : (frames,) int, the phone looked for

    Returns
    -------
    (frames,) int, steps; 0 inside a segment of the phone, -1 where the frame holds none
    """
    distance = np.abs(np.arange(windows.shape[1], dtype=np.int16) - steps[:, None].astype(np.int16))
    distance = np.where(windows == wanted[:, None], distance, np.int16(windows.shape[1]))
    nearest = distance.min(axis=1)
    return np.where(nearest == windows.shape[1], ABSENT, nearest.astype(np.int64))


def summarise(offset: np.ndarray, centre_offset: np.ndarray, frames: int) -> dict[str, float]:
    """Shares over the frames that predict a phone.

    Parameters
    ----------
    offset, centre_offset : (n,) steps from the alignment step and from the centre, -1 for none
    frames : all frames of the part, those that predict the blank or h# included
    """
    found = offset != ABSENT

    def share(distance: np.ndarray, tolerance: int) -> float:
        return float(np.mean(found & (distance <= tolerance))) if len(found) else float("nan")

    return {
        "frames": len(offset),
        "centre": share(centre_offset, 0),
        "centre_pm2": share(centre_offset, TOLERANCE_STEPS),
        "aligned": share(offset, 0),
        "aligned_pm2": share(offset, TOLERANCE_STEPS),
        "offset_ms": float(offset[found].mean() * SECONDS_PER_STEP * 1000)
        if found.any()
        else np.nan,
        "cap": float(found.mean()) if len(found) else float("nan"),
        "blanks": (frames - len(offset)) / frames if frames else float("nan"),
    }


def annotation_windows(phone: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Annotated phones of frames: (steps,) and first steps (frames,) to (frames, 206)."""
    return phone[first[:, None] + np.arange(FRAME_STEPS)]


def evaluate_alignment(
    windows: np.ndarray,
    steps: np.ndarray,
    predicted: np.ndarray,
    units: list[str],
    phones: list[str],
    train: np.ndarray,
) -> AlignmentTables:
    """Compare the predicted unit with the annotation at the centre and at the alignment step.

    Parameters
    ----------
    windows : (frames, 206) int, annotated phone of every step, index into `phones`
    steps : (frames,) int, the input's alignment step
    predicted : (frames,) int, index into `units`
    units : output units, the blank first; offsets exist where all the others are phones
    phones : the annotation's symbols
    train : (frames,) bool, frames of the training part
    """
    annotated = [p for p in phones if p != "h#"] + ["h#"]
    column = np.array([annotated.index(p) for p in phones])
    names = [u for u in units[1:] if u != "h#"]
    row = np.array([names.index(u) if u in names else ABSENT for u in units])
    kept = row[predicted] != ABSENT
    unit, windows, steps = row[predicted[kept]], windows[kept], steps[kept].astype(np.int64)

    def contingency(at: np.ndarray) -> np.ndarray:
        table = np.zeros((len(names), len(annotated)), np.int64)
        np.add.at(table, (unit, column[windows[np.arange(len(windows)), at]]), 1)
        return table

    offset_steps = offset_counts = within = None
    summary = {}
    if set(units[1:]) == set(phones):
        wanted = np.array([phones.index(name) for name in names])[unit]
        centre = np.full(len(steps), FRAME_CENTRE)
        offset = offset_to_phone(windows, steps, wanted)
        centre_offset = offset_to_phone(windows, centre, wanted)
        offset_steps, position = np.unique(offset, return_inverse=True)
        offset_counts = np.zeros((len(names), len(offset_steps)), np.int64)
        np.add.at(offset_counts, (unit, position), 1)
        kept_train = train[kept]
        for part, chosen, frames in (
            ("all", np.ones(len(kept_train), bool), len(predicted)),
            ("train", kept_train, int(train.sum())),
            ("test", ~kept_train, int((~train).sum())),
        ):
            if frames:
                summary[part] = summarise(offset[chosen], centre_offset[chosen], frames)
        columns = ("centre", "centre_pm2", "aligned", "aligned_pm2")
        within = np.full((len(names), len(columns)), np.nan)
        for index in np.unique(unit):
            mine = summarise(offset[unit == index], centre_offset[unit == index], len(predicted))
            within[index] = [mine[name] for name in columns]
    return AlignmentTables(
        names,
        annotated,
        np.bincount(unit, minlength=len(names)),
        contingency(np.full(len(steps), FRAME_CENTRE)),
        contingency(steps),
        offset_steps,
        offset_counts,
        within,
        summary,
    )


def mean_offsets(tables: AlignmentTables) -> np.ndarray:
    """Mean offset of each predicted phone over the frames that hold it: (P,) ms, NaN for none."""
    found = tables.offset_steps != ABSENT
    counts = tables.offset_counts[:, found]
    total = counts.sum(axis=1)
    sums = counts @ tables.offset_steps[found] * SECONDS_PER_STEP * 1000
    return np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)


def tabulate_units(tables: AlignmentTables) -> pd.DataFrame:
    """A row for each predicted unit: unit, n and, for phones, shares and mean offset in ms."""
    table = pd.DataFrame({"unit": tables.predicted, "n": tables.n})
    if tables.within is None:
        return table
    for name, values in zip(
        ("centre", "centre_pm2", "aligned", "aligned_pm2"), tables.within.T, strict=True
    ):
        table[name] = values
    table["offset_ms"] = mean_offsets(tables)
    absent = tables.offset_counts[:, tables.offset_steps == ABSENT].sum(axis=1)
    table["absent"] = np.divide(
        absent, tables.n, out=np.full(len(absent), np.nan), where=tables.n > 0
    )
    return table


def write_alignment(path: str | Path, tables: AlignmentTables) -> None:
    """Write the tables of one model."""
    with h5py.File(path, "w") as file:
        for name in ("predicted", "annotated"):
            file.create_dataset(name, data=getattr(tables, name), dtype=h5py.string_dtype())
        names = ("n", "contingency_centre", "contingency_aligned")
        names += ("offset_steps", "offset_counts", "within")
        for name in names:
            if getattr(tables, name) is not None:
                file.create_dataset(name, data=getattr(tables, name))
        for part, values in tables.summary.items():
            file.create_group(f"summary/{part}").attrs.update(values)


def read_alignment(path: str | Path) -> AlignmentTables:
    """Read the tables of one model."""
    with h5py.File(path, "r") as file:

        def array(name: str) -> np.ndarray | None:
            return file[name][:] if name in file else None

        return AlignmentTables(
            [name.decode() for name in file["predicted"][:]],
            [name.decode() for name in file["annotated"][:]],
            file["n"][:],
            file["contingency_centre"][:],
            file["contingency_aligned"][:],
            array("offset_steps"),
            array("offset_counts"),
            array("within"),
            {
                part: {key: value.item() for key, value in group.attrs.items()}
                for part, group in file.get("summary", {}).items()
            },
        )
