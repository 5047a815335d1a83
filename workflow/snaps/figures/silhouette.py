"""Silhouette scores over layers, and the criterion of figure 6 (figures 5, 8 and S1)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snaps.clusters import Clustering, mean_score
from snaps.figures.style import (
    FOOTER,
    MODEL_LOOKS,
    QUIET,
    TEXT,
    WIDTH,
    add_axes,
    new_figure,
    ordinal,
    panel_letter,
    series_handle,
    state_absence,
    styled,
)

MEAN = "mean"
GROUPING_LOOKS = {
    "predicted": ("#D55E00", "o", "-", "predicted letters"),
    "annotated": ("#0072B2", "s", "-", "annotated phones"),
}
PROFILE_LOOKS = {"SNAP": ("#0072B2", "o", "-"), "NAP": ("#D55E00", "s", "--")}
TRANSITION_DASHES = (4, 3)
PERCENTILE_MARKERS = ("o", "s", "^", "D", "v", "P")


def layer_number(layer: str) -> int:
    """Number of a layer: 0 for ``input``, 5 for ``layer_05``."""
    return 0 if layer == "input" else int(layer.removeprefix("layer_"))


def layer_name(number: int) -> str:
    """Name of a layer in the files: ``input`` for 0, ``layer_05`` for 5."""
    return "input" if number == 0 else f"layer_{number:02d}"


def score_table(clusterings: Mapping[str, Clustering]) -> pd.DataFrame:
    """Silhouette scores as a table layer number x percentile, and their mean.

    Parameters
    ----------
    clusterings : layer name to its clustering

    Returns
    -------
    index: layer numbers, ascending; columns: percentiles, ascending, and ``mean`` over those
    percentiles at which the score is defined; NaN where undefined
    """
    table = pd.DataFrame(
        {
            layer_number(layer): pd.Series(clustering.silhouette, clustering.percentiles)
            for layer, clustering in clusterings.items()
        },
        dtype=float,
    ).T
    table = table.sort_index().sort_index(axis=1)
    means = {layer_number(layer): mean_score(item) for layer, item in clusterings.items()}
    table[MEAN] = pd.Series(means, dtype=float)
    return table


def describe_groups(clusterings: Mapping[str, Clustering]) -> str:
    """How many groups and frames are behind the clusterings of one model and grouping."""
    clustering = next(iter(clusterings.values()), None)
    if clustering is None:
        return "no groups"
    return f"{len(clustering.groups)} groups of {clustering.count.sum():,} frames"


def percentile_of_largest_change(
    tables: Mapping[str, pd.DataFrame], before: int, after: int
) -> tuple[int | None, pd.Series]:
    """Percentile at which the scores of several models change most from one layer to another.

    Criterion: the mean over models of the absolute change of the Silhouette score (paper 5.3.2).

    Parameters
    ----------
    tables : model to a table of :func:`score_table`

    Returns
    -------
    the percentile (the lower one of equals; None where no change is defined), and the mean
    absolute change at every percentile
    """
    changes = pd.DataFrame(
        {
            model: (table.drop(columns=MEAN).loc[after] - table.drop(columns=MEAN).loc[before])
            for model, table in tables.items()
            if {before, after} <= set(table.index)
        },
        dtype=float,
    )
    size = changes.abs().mean(axis=1)
    return (None if size.isna().all() else int(size.idxmax())), size


def undefined_scores(table: pd.DataFrame) -> int:
    """Count the layers and percentiles without a defined score."""
    return int(table.drop(columns=MEAN).isna().to_numpy().sum())


def _percentiles(tables: Mapping[str, pd.DataFrame]) -> list[float]:
    """Give the percentiles of all tables, ascending."""
    return sorted({name for table in tables.values() for name in table if name != MEAN})


def _numbers(tables: Mapping[str, pd.DataFrame]) -> list[int]:
    """Give the layer numbers of all tables, ascending."""
    return sorted(set().union(*(table.index for table in tables.values())))


def _limits(tables: Mapping[str, pd.DataFrame]) -> tuple[float, float]:
    """Give limits that all panels share: the range of the scores, with zero, and a margin."""
    values = np.concatenate([table.to_numpy().ravel() for table in tables.values()])
    values = np.append(values[np.isfinite(values)], 0.0)
    margin = 0.06 * max(np.ptp(values), 0.1)
    return float(values.min() - margin), float(values.max() + margin)


def _draw_scores(
    ax: Axes,
    lines: Sequence[tuple[pd.Series, tuple[str, str, str], str]],
    numbers: Sequence[int],
    limits: tuple[float, float],
    *,
    first: bool,
) -> None:
    """Draw scores over layers, or say that none is defined.

    lines : (scores by layer number, (colour, marker, dashes), label) of each
    numbers, limits : layers and range of scores that all panels share
    first : whether the panel is at the left and so has the label of the scores
    """
    if not any(line.notna().any() for line, _, _ in lines):
        state_absence(ax, "No score is defined")
        return
    for line, (colour, marker, dashes), label in lines:
        ax.plot(
            line.index,
            line.to_numpy(),
            color=colour,
            marker=marker,
            linestyle=dashes,
            label=label,
            markeredgecolor="white",
            markeredgewidth=0.3,
        )
    ax.set_xticks(numbers, ["in" if number == 0 else str(number) for number in numbers])
    ax.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
    ax.set_ylim(*limits)
    ax.axhline(0.0, color=QUIET, linewidth=0.5, zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel("Layer (in: input)")
    ax.tick_params(labelleft=first)
    if first:
        ax.set_ylabel("Silhouette score")


def _undefined_sentence(tables: Mapping[str, pd.DataFrame]) -> str:
    gaps = [
        f"{name} {undefined_scores(table)} of {table.drop(columns=MEAN).size}"
        for name, table in tables.items()
        if undefined_scores(table)
    ]
    if not gaps:
        return "Every score is defined."
    return (
        f"Undefined, because one cluster or only single groups are left: {'; '.join(gaps)}; "
        "a gap in a line, and left out of the mean."
    )


@styled
def plot_silhouette_models(
    clusterings: Mapping[str, Mapping[str, Clustering]],
    transition: int,
    grouping: str,
    corpus: str,
) -> tuple[Figure, str]:
    """Draw the Silhouette scores of several models over layers, a panel a percentile (figure 5).

    Parameters
    ----------
    clusterings : model, layer name to clustering
    transition : the last layer taken over from the pre-trained network
    grouping : what the groups are, for the caption
    """
    tables = {model: score_table(layered) for model, layered in clusterings.items()}
    percentiles = _percentiles(tables)
    panels = [*percentiles, MEAN]
    numbers, limits = _numbers(tables), _limits(tables)
    looks = {model: MODEL_LOOKS.get(model, (TEXT, "o", "-")) for model in tables}
    columns = 3
    rows = -(-(len(panels) + 1) // columns)
    left, gap, panel_height, row_height = 0.54, 0.2, 1.45, 1.98
    width = (WIDTH - left - 0.06 - (columns - 1) * gap) / columns
    figure = new_figure(rows * row_height + 0.08 + FOOTER, corpus)
    for index, name in enumerate(panels):
        row, column = divmod(index, columns)
        ax = add_axes(
            figure, left + column * (width + gap), 0.24 + row * row_height, width, panel_height
        )
        lines = [
            (table[name], looks[model], model) for model, table in tables.items() if name in table
        ]
        _draw_scores(ax, lines, numbers, limits, first=column == 0)
        if ax.axison:
            ax.axvline(transition + 0.5, color=TEXT, linewidth=0.8, dashes=TRANSITION_DASHES)
        ax.set_title("Mean over percentiles" if name == MEAN else f"{ordinal(name)} percentile")
    row, column = divmod(len(panels), columns)
    total_width, total_height = figure.get_size_inches()
    figure.legend(
        [
            *(series_handle(*look) for look in looks.values()),
            Line2D([], [], color=TEXT, linewidth=0.8, linestyle=(0, TRANSITION_DASHES)),
        ],
        [*looks, f"transition: layers 1\u2013{transition}\npre-trained in the TL models"],
        loc="upper left",
        bbox_to_anchor=(
            (left + column * (width + gap) + 0.1) / total_width,
            1.0 - (0.34 + row * row_height) / total_height,
        ),
        borderaxespad=0.0,
    )
    shown = ", ".join(f"{name:g}" for name in percentiles)
    said = "; ".join(f"{model}: {describe_groups(item)}" for model, item in clusterings.items())
    return figure, (
        f"Groups: {grouping}. {said}. Percentiles {shown} of the merge heights. "
        f"{_undefined_sentence(tables)}"
    )


@styled
def plot_silhouette_groupings(
    clusterings: Mapping[str, Mapping[str, Clustering]], model: str, corpus: str
) -> tuple[Figure, str]:
    """Draw the Silhouette scores of letters, of phones, and the means of both (figure 8).

    Parameters
    ----------
    clusterings : grouping (predicted, annotated), layer name to clustering
    """
    tables = {grouping: score_table(layered) for grouping, layered in clusterings.items()}
    panels = []
    for grouping, table in tables.items():
        percentiles = _percentiles({grouping: table})
        shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, len(percentiles)))
        lines = [
            (table[name], (to_hex(shade), marker, "-"), ordinal(name))
            for name, shade, marker in zip(
                percentiles, shades, itertools.cycle(PERCENTILE_MARKERS), strict=False
            )
        ]
        panels.append((f"{GROUPING_LOOKS[grouping][3].capitalize()}, by percentile", lines))
    means = [
        (table[MEAN], GROUPING_LOOKS[grouping][:3], GROUPING_LOOKS[grouping][3].split()[-1])
        for grouping, table in tables.items()
    ]
    panels.append(("Mean over percentiles", means))

    left, gap, panel_height = 0.54, 0.2, 2.0
    width = (WIDTH - left - 0.06 - 2 * gap) / 3
    figure = new_figure(panel_height + 0.92 + FOOTER, corpus)
    for column, (title, lines) in enumerate(panels):
        ax = add_axes(figure, left + column * (width + gap), 0.26, width, panel_height)
        panel_letter(figure, left + column * (width + gap) - 0.02, 0.06, "ABC"[column])
        _draw_scores(ax, lines, _numbers(tables), _limits(tables), first=column == 0)
        ax.set_title(title)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(
                loc="upper center",
                bbox_to_anchor=(0.5, -0.2),
                ncols=min(4, len(lines)),
                columnspacing=0.9,
                handlelength=1.3,
                borderaxespad=0.0,
            )
    named = {GROUPING_LOOKS[grouping][3]: table for grouping, table in tables.items()}
    best = []
    for name, table in named.items():
        scores = table.drop(columns=MEAN).stack().dropna()
        if len(scores):
            layer, percentile = scores.idxmax()
            best.append(
                f"{name} {scores.max():.2f} (layer {layer}, {ordinal(percentile)} percentile)"
            )
    said = "; ".join(
        f"{GROUPING_LOOKS[grouping][3]}, {describe_groups(layered)}"
        for grouping, layered in clusterings.items()
    )
    return figure, (
        f"Model {model}: {said}. Highest scores: {'; '.join(best) or 'none is defined'}. "
        f"{_undefined_sentence(named)}"
    )


def profile_scores(snaps: Mapping[str, Clustering], naps: Mapping[str, Clustering]) -> pd.DataFrame:
    """Mean Silhouette scores, layer number x (SNAP, NAP); NaN where undefined or not there.

    Parameters
    ----------
    snaps, naps : layer name to clustering; the input has SNAPs only
    """
    return pd.DataFrame({"SNAP": score_table(snaps)[MEAN], "NAP": score_table(naps)[MEAN]})


@styled
def plot_silhouette_naps(
    clusterings: Mapping[
        tuple[str, str], tuple[Mapping[str, Clustering], Mapping[str, Clustering]]
    ],
    corpus: str,
) -> tuple[Figure, str]:
    """Draw the mean Silhouette scores of SNAPs and of NAPs over layers (figure S1).

    Parameters
    ----------
    clusterings : (model, grouping), profile (SNAP, NAP), layer name to clustering
    """
    tables = {key: profile_scores(item["SNAP"], item["NAP"]) for key, item in clusterings.items()}
    limits = _limits(tables)
    columns = 3
    rows = -(-len(tables) // columns)
    left, gap, panel_height, row_height = 0.54, 0.2, 1.45, 2.02
    width = (WIDTH - left - 0.06 - (columns - 1) * gap) / columns
    figure = new_figure(rows * row_height + 0.3 + FOOTER, corpus)
    sentences = []
    for index, ((model, grouping), table) in enumerate(tables.items()):
        row, column = divmod(index, columns)
        start, top = left + column * (width + gap), 0.28 + row * row_height
        letter = "ABCDEFGH"[index]
        panel_letter(figure, start - 0.02, top - 0.2, letter)
        ax = add_axes(figure, start, top, width, panel_height)
        lines = [(table[name], look, name) for name, look in PROFILE_LOOKS.items()]
        _draw_scores(ax, lines, list(table.index), limits, first=column == 0)
        ax.set_title(f"{model}, {GROUPING_LOOKS[grouping][3].split()[-1]}")
        both = table.dropna()
        above = int((both["SNAP"] > both["NAP"]).sum())
        gain = float((both["SNAP"] - both["NAP"]).mean())
        said = f"{letter}, {model}, {describe_groups(clusterings[model, grouping]['SNAP'])}: "
        sentences.append(
            f"{said}SNAPs score higher in {above} of {len(both)} layers, on average by {gain:+.2f}."
            if len(both)
            else f"{said}no layer has both scores."
        )
    total_width, total_height = figure.get_size_inches()
    figure.legend(
        [series_handle(*look) for look in PROFILE_LOOKS.values()],
        ["SNAP: aligned, masked by saliency", "NAP: not aligned, sorted in time, no mask"],
        loc="upper left",
        bbox_to_anchor=(left / total_width, 1.0 - (rows * row_height + 0.08) / total_height),
        ncols=2,
        borderaxespad=0.0,
    )
    return figure, " ".join(sentences)
