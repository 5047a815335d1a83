"""Alignment offsets of the phone networks (figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from snaps.alignment_evaluation import ABSENT, AlignmentTables, mean_offsets
from snaps.features import SECONDS_PER_STEP
from snaps.figures.style import (
    FOOTER,
    MODEL_LOOKS,
    NO_DATA,
    SHARE,
    TEXT,
    WIDTH,
    add_axes,
    add_colour_bar,
    label_cells,
    list_names,
    manner_legend,
    new_figure,
    panel_letter,
    series_handle,
    state_absence,
    styled,
)

STEP_MS = 1000 * SECONDS_PER_STEP
SHOWN_SHARE = 0.95


def dense_counts(steps: np.ndarray, counts: np.ndarray, last: int) -> np.ndarray:
    """Give counts a column for -1 and for every offset 0, 1, ..., last.

    Parameters
    ----------
    steps : (K,) distinct offsets in steps, -1 for none; counts : (P, K)

    Returns
    -------
    (P, last + 2); offsets beyond `last` are dropped
    """
    dense = np.zeros((len(counts), last + 2), np.asarray(counts).dtype)
    kept = np.asarray(steps) <= last
    dense[:, np.asarray(steps)[kept] - ABSENT] = np.asarray(counts)[:, kept]
    return dense


def last_shown(steps: np.ndarray, counts: np.ndarray, share: float = SHOWN_SHARE) -> int:
    """Give the smallest offset, in steps, that at least `share` of the offsets do not exceed.

    steps : (K,) ascending, -1 for none, which does not count; counts : (P, K)
    """
    found = np.asarray(steps) != ABSENT
    total = np.asarray(counts).sum(axis=0)[found]
    if not total.sum():
        return 0
    reached = np.cumsum(total) >= share * total.sum()
    return int(np.asarray(steps)[found][np.argmax(reached)])


def scale_rows(counts: np.ndarray) -> np.ndarray:
    """Divide each row by its maximum: (P, K) counts to [0, 1]; a row without counts is NaN."""
    counts = np.asarray(counts, float)
    largest = counts.max(axis=1, keepdims=True, initial=0.0)
    return np.divide(counts, largest, out=np.full_like(counts, np.nan), where=largest > 0)


def order_by_offset(offset_ms: np.ndarray, names: Sequence[str]) -> list[int]:
    """Order phones by their mean offset, ascending, then by name; phones without one come last."""
    key = np.where(np.isnan(offset_ms), np.inf, offset_ms)
    return sorted(range(len(names)), key=lambda i: (key[i], names[i]))


@dataclass(frozen=True)
class _OffsetAxis:
    """Offsets 0 to `last` steps in ms from left to right, with a place for "none" at their left."""

    last: int

    @property
    def end(self) -> float:
        """Right end, ms."""
        return (self.last + 0.5) * STEP_MS

    @property
    def absent_edges(self) -> np.ndarray:
        """Edges of the place of offset -1: (2,) ms."""
        return -0.5 * STEP_MS + self.end * np.array([-0.07, -0.03])

    @property
    def edges(self) -> np.ndarray:
        """Edges of the cells of the offsets: (last + 2,) ms."""
        return (np.arange(self.last + 2) - 0.5) * STEP_MS

    def label(self, ax: Axes) -> None:
        """Set limits and ticks."""
        ax.set_xlim(self.absent_edges[0], self.end)
        ticks = [
            tick for tick in MaxNLocator(3, integer=True).tick_values(0, self.end) if tick >= 0
        ]
        ticks = [tick for tick in ticks if tick <= self.end]
        ax.set_xticks(
            [self.absent_edges.mean(), *ticks], ["\nnone", *(f"{tick:g}" for tick in ticks)]
        )


def _draw_all(ax: Axes, tables: Mapping[str, AlignmentTables], axis: _OffsetAxis) -> None:
    """Draw the distribution of the offsets of all frames, "none" apart from the rest."""
    for model, table in tables.items():
        colour, marker, _ = MODEL_LOOKS.get(model, (TEXT, "o", "-"))
        counts = dense_counts(table.offset_steps, table.offset_counts, axis.last).sum(axis=0)
        share = np.where(counts > 0, counts / max(1, table.offset_counts.sum()), np.nan)
        ax.stairs(share[1:], axis.edges, color=colour, linewidth=1.1, baseline=None)
        ax.plot(axis.absent_edges.mean(), share[0], marker, color=colour, clip_on=False)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=6))
    ax.yaxis.set_minor_formatter(NullFormatter())
    axis.label(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_ylabel("Share of frames")
    ax.set_xlabel("Offset (ms)")


def _draw_means(ax: Axes, means: Mapping[str, np.ndarray]) -> None:
    """Draw how many phones have which mean offset."""
    values = {model: mean[~np.isnan(mean)] for model, mean in means.items()}
    largest = max((mean.max() for mean in values.values() if len(mean)), default=STEP_MS)
    width = STEP_MS * max(1, int(np.ceil(largest / STEP_MS / 16)))
    edges = np.arange(0.0, largest + 2 * width, width)
    for model, mean in values.items():
        colour = MODEL_LOOKS.get(model, (TEXT, "o", "-"))[0]
        counts, _ = np.histogram(mean, edges)
        ax.stairs(counts, edges, color=colour, linewidth=1.1, baseline=0)
        ax.stairs(counts, edges, color=colour, alpha=0.15, fill=True)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_xlim(0.0, edges[-1])
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_ylabel("Phones")
    ax.set_xlabel("Mean offset of a phone (ms)")


def phone_offsets(table: AlignmentTables, phones: Sequence[str], last: int) -> np.ndarray:
    """Frames by phone and offset, scaled to [0, 1] per phone.

    Parameters
    ----------
    phones : (R,) rows; last : largest offset shown, in steps

    Returns
    -------
    (R, last + 2) offsets -1, 0, ..., last; the row of a phone without frames is NaN
    """
    dense = dense_counts(table.offset_steps, table.offset_counts, int(table.offset_steps.max()))
    scaled = dict(zip(table.predicted, scale_rows(dense), strict=True))
    shown = np.full((len(phones), last + 2), np.nan)
    for row, phone in enumerate(phones):
        if phone in scaled:
            cells = min(shown.shape[1], len(scaled[phone]))
            shown[row] = np.nan if np.isnan(scaled[phone]).all() else 0.0
            shown[row, :cells] = scaled[phone][:cells]
    return shown


def _draw_phones(
    ax: Axes, table: AlignmentTables, phones: Sequence[str], axis: _OffsetAxis
) -> QuadMesh:
    """Draw phone x offset; phones without frames are grey."""
    shown = phone_offsets(table, phones, axis.last)
    ax.set_facecolor(NO_DATA)
    rows = np.arange(len(phones) + 1) - 0.5
    for edges, cells in ((axis.absent_edges, shown[:, :1]), (axis.edges, shown[:, 1:])):
        mesh = ax.pcolormesh(
            edges,
            rows,
            np.ma.masked_invalid(cells),
            cmap=SHARE,
            vmin=0.0,
            vmax=1.0,
            linewidth=0,
            antialiased=False,
        )
    ax.axvspan(axis.absent_edges[1], axis.edges[0], color="white", linewidth=0)
    ax.set_ylim(len(phones) - 0.5, -0.5)
    axis.label(ax)
    ax.set_xlabel("Offset (ms)")
    return mesh


@styled
def plot_alignment_offsets(
    tables: Mapping[str, AlignmentTables], manner: Mapping[str, str], corpus: str
) -> tuple[Figure, str]:
    """Draw the alignment offsets of models: of all frames, means and distributions per phone.

    Rows of the heat maps are sorted by the first model's mean offset. The axis ends at the offset
    that 95 % of all offsets of the models together do not exceed; frames without the predicted
    phone have their own column.

    Parameters
    ----------
    tables : model to its alignment tables; the model that sorts the rows comes first
    manner : manner of articulation of each phone
    """
    first = next(iter(tables.values()))
    frames = sum(table.n for table in tables.values())
    order = order_by_offset(mean_offsets(first), first.predicted)
    phones = [first.predicted[i] for i in order if frames[i] > 0]
    absent = [first.predicted[i] for i in order if frames[i] == 0]
    if not phones:
        figure = new_figure(1.5, corpus)
        state_absence(add_axes(figure, 0.1, 0.1, WIDTH - 0.2, 1.0), "No frame predicts a phone")
        return figure, "No frame predicts a phone."
    steps = np.concatenate([table.offset_steps for table in tables.values()])
    counts = np.concatenate([table.offset_counts.sum(axis=0) for table in tables.values()])
    ascending = np.argsort(steps, kind="stable")
    axis = _OffsetAxis(last_shown(steps[ascending], counts[ascending][None]))

    top, left, left_width, labels, gap, right = 0.26, 0.52, 1.4, 0.52, 0.12, 0.5
    map_height, between = max(3.0, 0.1 * len(phones)), 0.76
    figure = new_figure(top + map_height + 0.78 + FOOTER, corpus)
    panel_height = (map_height - between) / 2
    ax = add_axes(figure, left, top, left_width, panel_height)
    panel_letter(figure, 0.04, 0.04, "A")
    ax.set_title("All frames")
    _draw_all(ax, tables, axis)
    handles = [series_handle(*MODEL_LOOKS.get(model, (TEXT, "o", "-"))) for model in tables]
    ax.legend(handles, list(tables), loc="upper right", borderaxespad=0.0)
    ax = add_axes(figure, left, top + panel_height + between, left_width, panel_height)
    panel_letter(figure, 0.04, top + panel_height + between - 0.22, "B")
    ax.set_title("Means of the phones")
    _draw_means(ax, {model: mean_offsets(table) for model, table in tables.items()})

    maps_left = left + left_width + labels
    width = (WIDTH - maps_left - right - gap * (len(tables) - 1)) / len(tables)
    for index, (model, table) in enumerate(tables.items()):
        ax = add_axes(figure, maps_left + index * (width + gap), top, width, map_height)
        panel_letter(figure, maps_left + index * (width + gap) - 0.02, 0.04, "CDEF"[index])
        mesh = _draw_phones(ax, table, phones, axis)
        ax.set_title(model)
        label_cells(ax, "y", phones if index == 0 else [""] * len(phones), manner, size=5)
        if index == 0:
            ax.set_ylabel("Predicted phone")
    bar = add_axes(figure, WIDTH - right + 0.08, top, 0.09, min(2.0, map_height))
    add_colour_bar(figure, mesh, bar, "Frames, scaled to [0, 1] per phone")
    manner_legend(figure, phones, manner, left, top + map_height + 0.56)
    return figure, _sentences(tables, phones, absent, axis)


def _sentences(
    tables: Mapping[str, AlignmentTables],
    phones: Sequence[str],
    absent: Sequence[str],
    axis: _OffsetAxis,
) -> str:
    sentences = [
        f"Offsets above {axis.last * STEP_MS:.0f} ms are not drawn: {100 * SHOWN_SHARE:.0f} % of "
        "the offsets of all models together are no larger."
    ]
    for model, table in tables.items():
        total = int(table.offset_counts.sum())
        none = int(table.offset_counts[:, table.offset_steps == ABSENT].sum())
        beyond = int(table.offset_counts[:, table.offset_steps > axis.last].sum())
        if total:
            sentences.append(
                f"{model}: {total:,} frames that predict one of {int((table.n > 0).sum())} phones, "
                f"{100 * none / total:.1f} % "
                f"without it in the frame, {100 * beyond / total:.1f} % beyond the drawing."
            )
        missing = [p for p, n in zip(table.predicted, table.n, strict=True) if n == 0]
        missing = [phone for phone in missing if phone in phones]
        if missing:
            sentences.append(f"Never predicted by {model}, a grey row: {list_names(missing)}.")
    if absent:
        sentences.append(f"Never predicted by any model, no row: {list_names(absent)}.")
    return " ".join(sentences)
