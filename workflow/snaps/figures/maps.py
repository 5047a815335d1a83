"""Input patterns over time and frequency: NAvAI and SNAPs (figures 4 and A4 to A6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from snaps.features import SECONDS_PER_STEP
from snaps.figures.style import (
    DIVERGING,
    FOOTER,
    WIDTH,
    add_axes,
    add_colour_bar,
    add_text,
    list_names,
    manner_colour,
    manner_legend,
    new_figure,
    ordinal,
    panel_letter,
    state_absence,
    styled,
    unit_label,
)
from snaps.frames import FRAME_CENTRE, FRAME_STEPS
from snaps.profiles import Profiles

FREQUENCY_TICKS_KHZ = (0.5, 1, 2, 4)
LIMIT_PERCENTILE = 99.9
COLUMNS = 6


@dataclass(frozen=True)
class InputMaps:
    """Patterns of groups in the input.

    Attributes
    ----------
    groups : (G,) names
    count : (G,) frames behind each
    values : (G, T, mels) difference of ln power, masked (SNAP) or not (NAvAI)
    time : (T,) steps of 8 ms relative to the alignment step; other times are zero
    """

    groups: Sequence[str]
    count: np.ndarray
    values: np.ndarray
    time: np.ndarray

    def chosen(self, names: Sequence[str]) -> InputMaps:
        """Keep the groups among `names` that exist and have frames, in the order of `names`."""
        existing = {
            group: index for index, group in enumerate(self.groups) if self.count[index] > 0
        }
        kept = [existing[name] for name in names if name in existing]
        return InputMaps(
            [self.groups[index] for index in kept], self.count[kept], self.values[kept], self.time
        )


def read_snaps(profiles: Profiles) -> InputMaps:
    """Take the input SNAPs of all groups out of the profiles."""
    return InputMaps(
        profiles.groups, profiles.count, profiles.snap("input"), profiles.time("input")
    )


def read_navai(profiles: Profiles) -> InputMaps:
    """Take the NAvAI of all groups out of the profiles."""
    return InputMaps(profiles.groups, profiles.count, profiles.navai(), profiles.navai_time())


def symmetric_limit(values: np.ndarray, percentile: float = LIMIT_PERCENTILE) -> float:
    """Give the end of a colour scale that is symmetric about zero: a percentile of |values|.

    Falls back to the maximum where the percentile is zero, and to 1 where all values are.
    """
    size = np.abs(values)
    if not size.size or size.max() == 0:
        return 1.0
    return float(np.percentile(size, percentile)) or float(size.max())


def choose_groups(maps: InputMaps, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split wanted groups into those with frames and those without.

    Where none has frames, the first list holds as many of the most frequent groups instead.
    """
    present = list(maps.chosen(wanted).groups)
    absent = [name for name in wanted if name not in present]
    if not present:
        order = np.argsort(-np.asarray(maps.count), kind="stable")[: len(wanted)]
        present = [maps.groups[index] for index in order if maps.count[index] > 0]
    return present, absent


def whole_frame(values: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Place a (T, mels) map in the whole frame: (206, mels), zero at times that are not listed."""
    frame = np.zeros((FRAME_STEPS, values.shape[1]))
    frame[np.asarray(time) + FRAME_CENTRE] = values
    return frame


def draw_input_map(
    ax: Axes, values: np.ndarray, time: np.ndarray, limit: float, **options
) -> AxesImage:
    """Draw a (T, mels) map over the whole frame; times that are not listed are zero.

    time : (T,) steps relative to the centre, 8 ms each
    limit : end of the symmetric colour scale
    """
    options = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit} | options
    return draw_frame(ax, whole_frame(values, time), **options)


def draw_frame(ax: Axes, frame: np.ndarray, **options) -> AxesImage:
    """Draw a (206, mels) map with its time axis in seconds around the centre."""
    first, last = -FRAME_CENTRE - 0.5, FRAME_STEPS - FRAME_CENTRE - 0.5
    return ax.imshow(
        np.asarray(frame).T,
        origin="lower",
        aspect="auto",
        extent=(first * SECONDS_PER_STEP, last * SECONDS_PER_STEP, -0.5, frame.shape[1] - 0.5),
        **options,
    )


def label_frequency(ax: Axes, mel_hz: np.ndarray, *, labelled: bool = True) -> None:
    """Put ticks in kHz on the mel axis, whose cells are the mel bands.

    mel_hz : (mels,) centre frequencies in Hz
    """
    ticks = [khz for khz in FREQUENCY_TICKS_KHZ if mel_hz[0] <= 1000 * khz <= mel_hz[-1]]
    at = np.interp(np.array(ticks) * 1000, mel_hz, np.arange(len(mel_hz)))
    ax.set_yticks(at, [f"{khz:g}" for khz in ticks] if labelled else [""] * len(ticks))


def label_time(ax: Axes, *, labelled: bool = True) -> None:
    """Put ticks in seconds on the time axis and a thin line at the alignment."""
    ax.set_xticks([-0.5, 0.0, 0.5], ["\u22120.5", "0", "0.5"] if labelled else [""] * 3)
    ax.axvline(0.0, color="black", linewidth=0.35, dashes=(1, 3))


def _title(ax: Axes, name: str, count: int, manner: Mapping[str, str], kind: str = "") -> None:
    ax.set_title(f"{kind}{unit_label(name)}  (n = {count:,})", color=manner_colour(name, manner))


def _counted(maps: InputMaps, kind: str) -> str:
    return f"{len(maps.groups)} {kind} of {int(maps.count.sum()):,} frames"


@styled
def plot_navai_snap(
    navai: InputMaps,
    snap_letters: InputMaps,
    snap_phones: InputMaps,
    letters: Sequence[str],
    phones: Sequence[str],
    mel_hz: np.ndarray,
    manner: Mapping[str, str],
    model: str,
    corpus: str,
) -> tuple[Figure, str]:
    """Draw NAvAI and SNAP of the same letters, and SNAPs of phones (figure 4).

    Parameters
    ----------
    navai, snap_letters : patterns of predicted letters; snap_phones : of annotated phones
    letters, phones : the groups wanted; those without frames are left out and named
    mel_hz : (mels,) centre frequencies in Hz
    manner : manner of articulation of each phone
    """
    letters, absent_letters = choose_groups(snap_letters, letters)
    phones, absent_phones = choose_groups(snap_phones, phones)
    rows = (
        (
            "NAvAI of predicted letters",
            "letter ",
            navai.chosen(letters),
            "\u0394 ln power",
        ),
        (
            "SNAP of predicted letters",
            "letter ",
            snap_letters.chosen(letters),
            "\u0394 ln power \u00d7 mask",
        ),
        (
            "SNAP of annotated phones",
            "phone ",
            snap_phones.chosen(phones),
            "\u0394 ln power \u00d7 mask",
        ),
    )
    row_height, top, left, right, gap = 1.62, 0.32, 0.5, 0.62, 0.1
    columns = max(1, *(len(maps.groups) for _, _, maps, _ in rows))
    width = (WIDTH - left - right - (columns - 1) * gap) / columns
    height = 3 * row_height + 0.32 + FOOTER
    figure = new_figure(height, corpus)
    facts = []
    for row, (heading, kind, maps, unit) in enumerate(rows):
        above = row * row_height + top
        panel_letter(figure, 0.04, above - 0.3, "ABC"[row])
        add_text(figure, 0.22, above - 0.28, heading, weight="bold")
        if not len(maps.groups):
            ax = add_axes(figure, left, above + 0.12, WIDTH - left - right, row_height - 0.5)
            state_absence(ax, f"{heading}: none of the groups has frames")
            continue
        limit = symmetric_limit(maps.values)
        for column, (name, count, values) in enumerate(
            zip(maps.groups, maps.count, maps.values, strict=True)
        ):
            ax = add_axes(
                figure, left + column * (width + gap), above + 0.06, width, row_height - 0.46
            )
            image = draw_input_map(ax, values, maps.time, limit)
            _title(ax, name, int(count), manner if kind == "phone " else {}, kind)
            label_time(ax, labelled=row == 2)
            label_frequency(ax, mel_hz, labelled=column == 0)
            if column == 0:
                ax.set_ylabel("Frequency (kHz)")
            if row == 2:
                ax.set_xlabel("Time from alignment (s)")
        bar = add_axes(figure, WIDTH - right + 0.08, above + 0.06, 0.09, row_height - 0.46)
        add_colour_bar(figure, image, bar, unit, extend="both")
        facts.append(f"{heading}: \u00b1{limit:.3g}")
    sentences = [
        f"Model {model}, {_counted(snap_letters, 'letters')} and {_counted(snap_phones, 'phones')} "
        f"in all. Ends of the colour scales, the {ordinal(LIMIT_PERCENTILE)} percentile of "
        f"the absolute values of a row: {'; '.join(facts)}."
    ]
    for kind, names in (("letter", absent_letters), ("phone", absent_phones)):
        if names:
            sentences.append(f"No frame belongs to {kind} {list_names(names)}.")
    return figure, " ".join(sentences)


@styled
def plot_snaps(
    maps: InputMaps,
    groups: Sequence[str],
    mel_hz: np.ndarray,
    manner: Mapping[str, str],
    model: str,
    corpus: str,
) -> tuple[Figure, str]:
    """Draw the input SNAPs of many groups on one colour scale (figures A4 to A6).

    Parameters
    ----------
    maps : SNAPs; groups : those to draw, in this order; groups without frames are named instead
    mel_hz : (mels,) centre frequencies in Hz
    manner : manner of articulation of each phone; empty for letters
    """
    chosen = maps.chosen(groups)
    absent = [name for name in groups if name not in chosen.groups]
    rows = max(1, -(-len(chosen.groups) // COLUMNS))
    left, right, top, gap, row_height = 0.42, 0.62, 0.22, 0.1, 1.22
    width = (WIDTH - left - right - (COLUMNS - 1) * gap) / COLUMNS
    figure = new_figure(top + rows * row_height + 0.42 + FOOTER, corpus)
    # Rare groups are noisy and large: a scale that fits them would leave the others pale.
    limits = [symmetric_limit(values) for values in chosen.values]
    limit = float(np.median(limits or [1.0]))
    if not len(chosen.groups):
        ax = add_axes(figure, left, top, WIDTH - left - right, row_height)
        state_absence(ax, "None of the groups has frames")
    image = None
    for index, (name, count, values) in enumerate(
        zip(chosen.groups, chosen.count, chosen.values, strict=True)
    ):
        row, column = divmod(index, COLUMNS)
        lowest = index + COLUMNS >= len(chosen.groups)
        ax = add_axes(
            figure,
            left + column * (width + gap),
            top + row * row_height,
            width,
            row_height - 0.26,
        )
        image = draw_input_map(ax, values, chosen.time, limit)
        _title(ax, name, int(count), manner)
        label_time(ax, labelled=lowest)
        label_frequency(ax, mel_hz, labelled=column == 0)
        if column == 0:
            ax.set_ylabel("Frequency (kHz)")
        if lowest:
            ax.set_xlabel("Time (s)")
    if image is not None:
        bar = add_axes(figure, WIDTH - right + 0.08, top, 0.09, min(rows, 2) * row_height - 0.26)
        add_colour_bar(figure, image, bar, "SNAP (\u0394 ln power \u00d7 mask)", extend="both")
    manner_legend(figure, chosen.groups, manner, left, top + rows * row_height + 0.26)
    sentences = [
        f"Model {model}, {len(chosen.groups)} groups of {int(chosen.count.sum()):,} frames, one "
        f"colour scale of \u00b1{limit:.3g}, the "
        f"median over the groups of the {ordinal(LIMIT_PERCENTILE)} percentile of their absolute "
        "values; rare groups reach beyond it."
    ]
    if absent:
        sentences.append(f"Without frames in this corpus, and so left out: {list_names(absent)}.")
    return figure, " ".join(sentences)
