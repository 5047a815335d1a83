"""Predicted units against annotated phones (figures 3 and A1 to A3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from snaps.figures.style import (
    FOOTER,
    SHARE,
    WIDTH,
    add_axes,
    add_colour_bar,
    label_cells,
    list_names,
    manner_legend,
    new_figure,
    panel_letter,
    state_absence,
    styled,
)

OTHER = "h#"


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Divide each row by its sum: (P, A) counts to shares; a row without frames stays zero."""
    counts = np.asarray(counts, float)
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


def order_by_maximum(shares: np.ndarray) -> np.ndarray:
    """Order rows by their largest share, highest first; equals keep their order: (P,) int."""
    return np.argsort(-np.asarray(shares).max(axis=1), kind="stable")


def alphabetical(units: Sequence[str]) -> np.ndarray:
    """Order units by name, h# last: (P,) int."""
    return np.array(sorted(range(len(units)), key=lambda i: (units[i] == OTHER, units[i])), int)


def draw_shares(ax: Axes, shares: np.ndarray) -> QuadMesh:
    """Draw (rows, columns) shares as cells, the first row on top, from white (0) to black (1)."""
    rows, columns = shares.shape
    mesh = ax.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        shares,
        cmap=SHARE,
        vmin=0.0,
        vmax=1.0,
        linewidth=0,
        edgecolor="none",
        antialiased=False,
    )
    ax.set_ylim(rows - 0.5, -0.5)
    return mesh


def _left_out(units: Sequence[str], n: np.ndarray) -> str:
    absent = [unit for unit, frames in zip(units, n, strict=True) if frames == 0]
    return f" Never predicted, and so without a row: {list_names(absent)}." if absent else ""


def sorted_contingency(
    counts: np.ndarray, predicted: Sequence[str], annotated: Sequence[str]
) -> tuple[np.ndarray, list[str], list[str]]:
    """Sort a contingency table so that agreement lies on the diagonal (figure 3).

    Parameters
    ----------
    counts : (P, A) frames; predicted : (P,) units; annotated : (A,) phones

    Returns
    -------
    shares (R, A) of the units that have frames, sorted by their largest share; names of the rows;
    names of the columns, which follow the rows, units that are never predicted last
    """
    present = np.flatnonzero(np.asarray(counts).sum(axis=1))
    shares = row_shares(counts)[present]
    order = order_by_maximum(shares) if len(present) else np.array([], int)
    rows = [predicted[i] for i in present[order]]
    rank = {unit: index for index, unit in enumerate(rows)}
    columns = sorted(
        range(len(annotated)),
        key=lambda i: (rank.get(annotated[i], len(rows)), annotated[i] == OTHER, annotated[i]),
    )
    return shares[order][:, columns], rows, [annotated[i] for i in columns]


def alphabetical_contingency(
    counts: np.ndarray, predicted: Sequence[str], annotated: Sequence[str]
) -> tuple[np.ndarray, list[str], list[str]]:
    """Sort a contingency table by name, h# last, as :func:`sorted_contingency` (A1 to A3)."""
    n = np.asarray(counts).sum(axis=1)
    rows = np.array([i for i in alphabetical(predicted) if n[i] > 0], int)
    columns = alphabetical(annotated)
    names = [predicted[i] for i in rows], [annotated[i] for i in columns]
    return row_shares(counts)[rows][:, columns], *names


@styled
def plot_contingency(
    counts: np.ndarray,
    predicted: Sequence[str],
    annotated: Sequence[str],
    manner: Mapping[str, str],
    model: str,
    corpus: str,
) -> tuple[Figure, str]:
    """Draw the phone annotated at the alignment step for each predicted phone (figure 3).

    Rows are sorted by their largest share; columns follow the rows, so that agreement lies on the
    diagonal, and phones that are never predicted come last.

    Parameters
    ----------
    counts : (P, A) frames; predicted : (P,) units; annotated : (A,) phones
    """
    n = np.asarray(counts).sum(axis=1)
    shares, rows, columns = sorted_contingency(counts, predicted, annotated)
    left, right, top = 0.56, 0.66, 0.1
    width = WIDTH - left - right
    cell = width / max(1, len(columns))
    map_height = max(1.0, cell * len(rows))
    figure = new_figure(top + map_height + 0.68 + FOOTER, corpus)
    ax = add_axes(figure, left, top, width, map_height)
    if not rows:
        state_absence(ax, "No frame predicts anything but the blank")
        return figure, f"Model {model}: no frame predicts anything but the blank."
    mesh = draw_shares(ax, shares)
    label_cells(ax, "y", rows, manner, size=5)
    label_cells(ax, "x", columns, manner, size=5)
    ax.set_ylabel("Predicted phone")
    ax.set_xlabel("Annotated phone at the alignment step")
    bar = add_axes(figure, WIDTH - right + 0.1, top, 0.1, min(2.0, map_height))
    add_colour_bar(figure, mesh, bar, "Share of the predicted phone's frames")
    manner_legend(figure, columns, manner, left, top + map_height + 0.46)
    diagonal = np.array([shares[i, columns.index(u)] for i, u in enumerate(rows)])
    return figure, (
        f"Model {model}, {int(n.sum()):,} frames that predict one of {len(rows)} phones; the phone "
        f"annotated at the alignment step is the predicted one in most frames of "
        f"{int((diagonal > 0.5).sum())} of them.{_left_out(predicted, n)}"
    )


@styled
def plot_contingency_pair(
    centre: np.ndarray,
    aligned: np.ndarray,
    predicted: Sequence[str],
    annotated: Sequence[str],
    manner: Mapping[str, str],
    model: str,
    corpus: str,
    kind: str,
) -> tuple[Figure, str]:
    """Draw the contingency before and after alignment, both in alphabetical order (A1 to A3).

    Parameters
    ----------
    centre, aligned : (P, A) frames, annotated at the frame's centre and at the alignment step
    predicted : (P,) units; annotated : (A,) phones
    kind : "phone" or "letter", what the model predicts
    """
    n = np.asarray(aligned).sum(axis=1)
    shares = {}
    for where, counts in (("the frame's centre", centre), ("the alignment step", aligned)):
        shares[where], rows, names = alphabetical_contingency(counts, predicted, annotated)
    left, right, top, gap = 0.52, 0.52, 0.24, 0.1
    width = (WIDTH - left - right - gap) / 2
    map_height = max(1.0, 0.098 * len(rows))
    figure = new_figure(top + map_height + 0.84 + FOOTER, corpus)
    if not rows:
        ax = add_axes(figure, left, top, 2 * width, map_height)
        state_absence(ax, "No frame predicts anything but the blank")
        return figure, f"Model {model}: no frame predicts anything but the blank."
    for index, (where, cells) in enumerate(shares.items()):
        ax = add_axes(figure, left + index * (width + gap), top, width, map_height)
        panel_letter(figure, left + index * (width + gap) - 0.02, 0.04, "AB"[index])
        mesh = draw_shares(ax, cells)
        label_cells(ax, "x", names, manner, size=4.6, tiers=2)
        label_cells(
            ax,
            "y",
            rows if index == 0 else [""] * len(rows),
            manner if kind == "phone" else {},
            size=5,
        )
        ax.set_title("Before alignment" if index == 0 else "After alignment")
        ax.set_xlabel(f"Annotated phone at {where}")
        if index == 0:
            ax.set_ylabel(f"Predicted {kind}")
    bar = add_axes(figure, WIDTH - right + 0.08, top, 0.09, min(2.0, map_height))
    add_colour_bar(figure, mesh, bar, f"Share of the predicted {kind}'s frames")
    manner_legend(figure, names, manner, left, top + map_height + 0.62)
    return figure, (
        f"Model {model}, {int(n.sum()):,} frames that predict one of {len(rows)} {kind}s."
        f"{_left_out(predicted, n)}"
    )
