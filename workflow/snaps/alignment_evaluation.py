"""Evaluation of the alignment step against the phone annotation (paper 4.3.1 and 5.1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy.stats import t as student

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
    errors : for each part speakers, their number, and the standard errors of the shares and of
        offset_ms over speakers, see :func:`speaker_error`; empty for letters
    left_out : for the shares and offset_ms of all frames, by speaker, the value without that
        speaker's frames; empty for letters
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
    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: dict[str, dict[str, float]] = field(default_factory=dict)


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


def frame_values(
    offset: np.ndarray, centre_offset: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What each frame adds to a quantity, and whether it counts: (n,) float and (n,) bool each.

    Parameters
    ----------
    offset, centre_offset : (n,) steps from the alignment step and from the centre, -1 for none
    """
    found = offset != ABSENT
    every = np.ones(len(offset), bool)
    shares = {
        "centre": found & (centre_offset <= 0),
        "centre_pm2": found & (centre_offset <= TOLERANCE_STEPS),
        "aligned": found & (offset <= 0),
        "aligned_pm2": found & (offset <= TOLERANCE_STEPS),
        "cap": found,
    }
    values = {name: (share.astype(float), every) for name, share in shares.items()}
    milliseconds = np.where(found, offset, 0) * SECONDS_PER_STEP * 1000
    return values | {"offset_ms": (milliseconds, found)}


def summarise(offset: np.ndarray, centre_offset: np.ndarray, frames: int) -> dict[str, float]:
    """Shares over the frames that predict a phone, and their mean offset.

    Parameters
    ----------
    offset, centre_offset : as for :func:`frame_values`
    frames : all frames of the part, those that predict the blank or h# included
    """
    means = {
        name: float(values[counted].mean()) if counted.any() else float("nan")
        for name, (values, counted) in frame_values(offset, centre_offset).items()
    }
    blanks = (frames - len(offset)) / frames if frames else float("nan")
    return {"frames": len(offset), "blanks": blanks} | means


def means_without(values: np.ndarray, counted: np.ndarray, speaker: np.ndarray) -> dict[str, float]:
    """Means over frames, by speaker, without the frames of that speaker.

    Frames of one speaker are anything but independent, so that speakers are left out whole.

    Parameters
    ----------
    values, counted : (n,) as from :func:`frame_values`
    speaker : (n,) whose frame it is

    Returns
    -------
    Speakers without a frame that counts are not in it; empty for fewer than two others.
    """
    names, index = np.unique(speaker[counted], return_inverse=True)
    if len(names) < 2:
        return {}
    frames = np.bincount(index).astype(float)
    sums = np.bincount(index, values[counted])
    means = (sums.sum() - sums) / (frames.sum() - frames)
    return dict(zip(map(str, names), means.tolist(), strict=True))


def jackknife_error(left_out: Collection[float]) -> float:
    """Standard error of a statistic from its values without each speaker; NaN for none.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 11.
    """
    if not left_out:
        return float("nan")
    return float(np.sqrt((len(left_out) - 1) * np.var(list(left_out))))


def speaker_error(values: np.ndarray, counted: np.ndarray, speaker: np.ndarray) -> float:
    """Standard error of a mean over frames, for speakers drawn anew: delete-one jackknife.

    Parameters
    ----------
    as for :func:`means_without`

    Returns
    -------
    NaN for fewer than two speakers.
    """
    return jackknife_error(means_without(values, counted, speaker).values())


def speaker_errors(
    offset: np.ndarray, centre_offset: np.ndarray, speaker: np.ndarray
) -> dict[str, float]:
    """Number of speakers, and the standard error of each quantity of :func:`summarise`."""
    errors = {
        name: speaker_error(values, counted, speaker)
        for name, (values, counted) in frame_values(offset, centre_offset).items()
    }
    return {"speakers": len(np.unique(speaker))} | errors


def speaker_margins(errors: Mapping[str, float]) -> dict[str, float]:
    """Half widths of the 95 % intervals over speakers, from what :func:`speaker_errors` gives.

    Few speakers give wide intervals.
    """
    quantile = _student_quantile(errors["speakers"])
    return {name: quantile * error for name, error in errors.items() if name != "speakers"}


def _student_quantile(speakers: int) -> float:
    """Standard errors in half a 95 % interval: Student's, one degree of freedom less."""
    return float(student.ppf(0.975, speakers - 1)) if speakers > 1 else float("nan")


def difference_margin(one: AlignmentTables, other: AlignmentTables, name: str) -> float:
    """Half width of the 95 % interval over speakers of a difference of two models.

    Both models hear the same speakers, so that each is left out of both at once.

    Parameters
    ----------
    name : a share or offset_ms of the summary of all frames

    Returns
    -------
    NaN for fewer than two speakers.
    """
    both = [(tables.left_out.get(name, {}), tables.summary["all"][name]) for tables in (one, other)]
    speakers = sorted(set().union(*(values for values, _ in both)))
    # Of a model for which a speaker has no frame, the value without that speaker is the whole.
    ours, theirs = ([values.get(who, whole) for who in speakers] for values, whole in both)
    error = jackknife_error((np.array(ours) - np.array(theirs)).tolist())
    return _student_quantile(len(speakers)) * error


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
    speaker: np.ndarray,
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
    speaker : (frames,) whose frame it is, names or numbers
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
    summary, errors, left_out = {}, {}, {}
    if set(units[1:]) == set(phones):
        wanted = np.array([phones.index(name) for name in names])[unit]
        centre = np.full(len(steps), FRAME_CENTRE)
        offset = offset_to_phone(windows, steps, wanted)
        centre_offset = offset_to_phone(windows, centre, wanted)
        offset_steps, position = np.unique(offset, return_inverse=True)
        offset_counts = np.zeros((len(names), len(offset_steps)), np.int64)
        np.add.at(offset_counts, (unit, position), 1)
        kept_train, kept_speaker = train[kept], speaker[kept]
        for part, chosen, frames in (
            ("all", np.ones(len(kept_train), bool), len(predicted)),
            ("train", kept_train, int(train.sum())),
            ("test", ~kept_train, int((~train).sum())),
        ):
            if frames:
                mine = offset[chosen], centre_offset[chosen]
                summary[part] = summarise(*mine, frames)
                errors[part] = speaker_errors(*mine, kept_speaker[chosen])
        for name, (values, counted) in frame_values(offset, centre_offset).items():
            left_out[name] = means_without(values, counted, kept_speaker)
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
        errors,
        left_out,
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
        for kind in ("summary", "errors", "left_out"):
            for part, values in getattr(tables, kind).items():
                file.create_group(f"{kind}/{part}").attrs.update(values)


def read_alignment(path: str | Path) -> AlignmentTables:
    """Read the tables of one model."""
    with h5py.File(path, "r") as file:

        def array(name: str) -> np.ndarray | None:
            return file[name][:] if name in file else None

        def attributes(kind: str) -> dict[str, dict[str, float]]:
            return {
                part: {key: value.item() for key, value in group.attrs.items()}
                for part, group in file.get(kind, {}).items()
            }

        return AlignmentTables(
            [name.decode() for name in file["predicted"][:]],
            [name.decode() for name in file["annotated"][:]],
            file["n"][:],
            file["contingency_centre"][:],
            file["contingency_aligned"][:],
            array("offset_steps"),
            array("offset_counts"),
            array("within"),
            attributes("summary"),
            attributes("errors"),
            attributes("left_out"),
        )
