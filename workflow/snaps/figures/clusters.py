"""Clusters of SNAPs: distance maps and dendrograms (figures 6, 7, 9 and 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from scipy.cluster.hierarchy import dendrogram

from snaps.clusters import Clustering, best_row
from snaps.figures.silhouette import (
    layer_name,
    layer_number,
    percentile_of_largest_change,
    score_table,
)
from snaps.figures.style import (
    CLUSTER_COLOURS,
    FOOTER,
    QUIET,
    SINGLE,
    TEXT,
    WIDTH,
    add_axes,
    add_colour_bar,
    label_cells,
    list_names,
    manner_legend,
    new_figure,
    ordinal,
    panel_letter,
    state_absence,
    styled,
)

MAIN_CLUSTER = 3
DISTANCE_UNIT = "activation units"


@dataclass(frozen=True)
class ClusterView:
    """A clustering to draw, cut at one percentile.

    Attributes
    ----------
    letter : of the panel
    title : model or kind of group, and layer
    clustering : None where the layer has fewer than two groups
    percentile : one of the clustering's
    manner : manner of articulation of each phone, empty for letters
    """

    letter: str
    title: str
    clustering: Clustering | None
    percentile: float
    manner: Mapping[str, str]

    @property
    def row(self) -> int:
        """Index of the percentile in the clustering."""
        return list(self.clustering.percentiles).index(self.percentile)

    @property
    def silhouette(self) -> float:
        """Silhouette score at the percentile; NaN where undefined."""
        return float(self.clustering.silhouette[self.row])

    @property
    def cut(self) -> float:
        """Height of the cut."""
        return float(self.clustering.cut[self.row])


@dataclass(frozen=True)
class Tree:
    """A dendrogram laid out, leaves at 0, 1, ... along one axis.

    Attributes
    ----------
    leaves : (G,) group at each place
    cluster : (G,) number of the cluster at each place, from 1 in the order of the places
    size : (G,) groups in that cluster
    place, height : (G - 1, 4) corners of each merge's bracket
    merged : (G - 1,) cluster within which each merge happens, 0 for merges above the cut
    """

    leaves: np.ndarray
    cluster: np.ndarray
    size: np.ndarray
    place: np.ndarray
    height: np.ndarray
    merged: np.ndarray


def lay_out_tree(view: ClusterView) -> Tree:
    """Lay out the dendrogram in the leaf order of the linkage, clusters numbered along it."""
    linkage = view.clustering.linkage
    labels = np.asarray(view.clustering.labels[view.row])
    count = len(labels)
    members: list[frozenset[int]] = [frozenset({int(label)}) for label in labels]
    for left, right in linkage[:, :2].astype(int):
        members.append(members[left] | members[right])
    node_names = {}

    def remember(node: int) -> str:
        inside = members[node]
        name = str(next(iter(inside))) if len(inside) == 1 else "0"
        node_names[node] = name
        return name

    drawn = dendrogram(linkage, no_plot=True, link_color_func=remember)
    leaves = np.array(drawn["leaves"])
    numbers: dict[int, int] = {0: 0}
    for label in labels[leaves]:
        numbers.setdefault(int(label), len(numbers))
    cluster = np.array([numbers[int(label)] for label in labels[leaves]])
    sizes = np.bincount(cluster, minlength=count + 1)
    return Tree(
        leaves,
        cluster,
        sizes[cluster],
        (np.array(drawn["icoord"]) - 5.0) / 10.0,
        np.array(drawn["dcoord"]),
        np.array([numbers[int(name)] for name in drawn["color_list"]]),
    )


def ordered_distance(view: ClusterView, tree: Tree) -> np.ndarray:
    """Distances of the groups in the order of the leaves: (G, G)."""
    return view.clustering.distance[np.ix_(tree.leaves, tree.leaves)]


def cluster_colours(tree: Tree) -> dict[int, str]:
    """Colour of each cluster of a tree; clusters of one group are grey, 0 (above the cut) dark."""
    colours = {0: TEXT}
    several = 0
    for number in range(1, int(tree.cluster.max()) + 1):
        if (tree.cluster == number).sum() == 1:
            colours[number] = SINGLE
        else:
            colours[number] = CLUSTER_COLOURS[several % len(CLUSTER_COLOURS)]
            several += 1
    return colours


def draw_tree(ax: Axes, tree: Tree, side: str, cut: float, width: float = 0.8) -> None:
    """Draw the dendrogram with its leaves on the right ("left" tree) or below ("top" tree).

    cut : height of the cut, drawn dashed; width : of the lines, points
    """
    colours = cluster_colours(tree)
    upright = side == "top"
    segments = [
        np.column_stack((place, height) if upright else (height, place))
        for place, height in zip(tree.place, tree.height, strict=True)
    ]
    ax.add_collection(
        LineCollection(
            segments,
            colors=[colours[number] for number in tree.merged],
            linewidths=width,
            capstyle="projecting",
        )
    )
    end = tree.height.max() * 1.03 or 1.0
    last = len(tree.leaves) - 0.5
    if upright:
        ax.set(xlim=(-0.5, last), ylim=(0, end))
        ax.axhline(cut, color=QUIET, linewidth=0.6, dashes=(4, 3))
    else:
        ax.set(xlim=(end, 0), ylim=(last, -0.5))
        ax.axvline(cut, color=QUIET, linewidth=0.6, dashes=(4, 3))
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[])


def _draw_strip(ax: Axes, colours: Sequence[str]) -> None:
    """Draw a colour per group, from the top."""
    cells = np.array([[to_rgb(colour)] for colour in colours])
    ax.imshow(cells, aspect="auto", extent=(0, 1, len(colours) - 0.5, -0.5))
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[])


def _runs(tree: Tree) -> list[tuple[int, int, int]]:
    """Give first place, number of places and cluster of each run of leaves."""
    starts = np.flatnonzero(np.diff(tree.cluster, prepend=0))
    lengths = np.diff(np.append(starts, len(tree.cluster)))
    return [
        (int(start), int(length), int(tree.cluster[start]))
        for start, length in zip(starts, lengths, strict=True)
    ]


def main_clusters(view: ClusterView) -> int:
    """Count the clusters of three or more groups, the paper's main clusters."""
    return int((np.bincount(view.clustering.labels[view.row]) >= MAIN_CLUSTER).sum())


def describe(view: ClusterView) -> str:
    """Say how many clusters a view has and how good they are."""
    if view.clustering is None:
        return f"{view.title}: fewer than two groups, not clustered"
    labels = view.clustering.labels[view.row]
    score = "undefined" if np.isnan(view.silhouette) else f"{view.silhouette:.2f}"
    return (
        f"{view.title}: {len(np.unique(labels))} clusters of {len(labels)} groups "
        f"({view.clustering.count.sum():,} frames), "
        f"{main_clusters(view)} of them with {MAIN_CLUSTER} or more, at the "
        f"{ordinal(view.percentile)} percentile, Silhouette {score}"
    )


def describe_all(views: Sequence[ClusterView]) -> str:
    """Describe all panels, in the order of their letters."""
    ordered = sorted(views, key=lambda view: view.letter)
    return "; ".join(f"{view.letter}, {describe(view)}" for view in ordered) + "."


def transfer_views(
    clusterings: Mapping[str, Mapping[str, Clustering]],
    shown: Sequence[str],
    transition: int,
    manner: Mapping[str, str],
) -> tuple[list[ClusterView], str]:
    """Choose what figures 6 and 7 show: two models before and in the last transferred layer.

    Cut at the percentile where the Silhouette score changes most between the two layers, in the
    mean over all models given (paper 5.3.2); at the highest percentile where no change is defined.

    Parameters
    ----------
    clusterings : model, layer name to clustering; shown : the models drawn
    transition : last transferred layer; manner : of each phone

    Returns
    -------
    views, layer by layer, and the criterion as it came out
    """
    layers = (transition - 1, transition)
    tables = {model: score_table(layered) for model, layered in clusterings.items()}
    chosen, change = percentile_of_largest_change(tables, *layers)
    text = (
        f"Mean absolute change of the Silhouette score from layer {layers[0]} to {layers[1]} over "
        f"{list_names(list(clusterings))}: "
        + ", ".join(
            f"{size:.3f} at the {ordinal(percentile)} percentile"
            for percentile, size in change.items()
        )
        + "."
    )
    if chosen is None:
        chosen = highest_percentile(clusterings)
        text = f"No change is defined, so the highest percentile, {chosen:g}, is shown."
    views = [
        ClusterView(
            "ABCDEFGH"[len(shown) * row + column],
            f"{model}, layer {layer}",
            clusterings[model].get(layer_name(layer)),
            chosen,
            manner,
        )
        for row, layer in enumerate(layers)
        for column, model in enumerate(shown)
    ]
    return views, text


def grouping_views(
    letters: Mapping[str, Clustering],
    phones: Mapping[str, Clustering],
    transition: int,
    manner: Mapping[str, str],
) -> tuple[list[ClusterView], str]:
    """Choose what figures 9 and 10 show: letters and phones in a middle and in the output layer.

    Each is cut at the percentile of its highest Silhouette score (paper 5.4), or at the highest
    percentile where none is defined.

    Parameters
    ----------
    letters, phones : layer name to clustering; transition : the middle layer; manner : of phones

    Returns
    -------
    views: letters and phones in the one layer, then in the other; and the criterion in words
    """
    output = max((layer_number(layer) for layer in (*letters, *phones)), default=transition)
    views = []
    for layer in (transition, output):
        for kind, clusterings, colours in (("Letters", letters, {}), ("Phones", phones, manner)):
            clustering = clusterings.get(layer_name(layer))
            best = best_row(clustering) if clustering else None
            views.append(
                ClusterView(
                    "ABCD"[len(views)],
                    f"{kind}, {'output ' if layer == output else ''}layer {layer}",
                    clustering,
                    highest_percentile({kind: clusterings})
                    if best is None
                    else float(clustering.percentiles[best]),
                    colours,
                )
            )
    return views, (
        "Each panel is cut at the percentile with the highest Silhouette score, the lower one of "
        "equals."
    )


def highest_percentile(clusterings: Mapping[str, Mapping[str, Clustering]]) -> float:
    """Highest percentile that any of the clusterings was cut at; NaN without clusterings."""
    return max(
        (
            float(max(clustering.percentiles))
            for layered in clusterings.values()
            for clustering in layered.values()
        ),
        default=float("nan"),
    )


def _title(view: ClusterView) -> str:
    score = "undefined" if np.isnan(view.silhouette) else f"{view.silhouette:.2f}"
    return f"{view.title}\n{ordinal(view.percentile)} percentile, Silhouette {score}"


def _draw_clustermap(
    figure: Figure,
    view: ClusterView,
    left: float,
    top: float,
    side: float,
    limit: float,
) -> None:
    """Draw tree, cluster colours, distances and labels in a square of about `side` inches."""
    tree = lay_out_tree(view)
    names = [view.clustering.groups[leaf] for leaf in tree.leaves]
    tree_size, strip, space, label_room = 0.42, 0.07, 0.02, 0.4
    start = left + tree_size + strip + 2 * space
    size = side - (start - left) - label_room
    below = top + tree_size + strip + 2 * space
    draw_tree(add_axes(figure, left, below, tree_size, size), tree, "left", view.cut, width=0.6)
    draw_tree(add_axes(figure, start, top, size, tree_size), tree, "top", view.cut, width=0.6)
    colours = [cluster_colours(tree)[number] for number in tree.cluster]
    _draw_strip(add_axes(figure, left + tree_size + space, below, strip, size), colours)
    across = add_axes(figure, start, top + tree_size + space, size, strip)
    across.imshow(np.array([[to_rgb(colour) for colour in colours]]), aspect="auto")
    across.set_axis_off()

    ax = add_axes(figure, start, below, size, size)
    seaborn.heatmap(
        ordered_distance(view, tree),
        ax=ax,
        cmap="mako",
        vmin=0.0,
        vmax=limit,
        cbar=False,
        xticklabels=False,
        yticklabels=False,
    )
    for first, length, _ in _runs(tree):
        ax.add_patch(
            Rectangle((first, first), length, length, fill=False, edgecolor="white", linewidth=0.5)
        )
    labels = add_axes(figure, start, below, size, size)
    labels.patch.set_visible(False)
    labels.spines[:].set_visible(False)
    labels.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), xticks=[])
    crowded = len(names) > 30
    label_cells(
        labels,
        "y",
        names,
        view.manner,
        size=4.4 if crowded else 6,
        tiers=2 if crowded else 1,
        side="right",
    )
    bar = add_axes(figure, start, below + size + 0.06, size, 0.07)
    add_colour_bar(figure, ax.collections[0], bar, f"Distance of SNAPs ({DISTANCE_UNIT})")


@styled
def plot_clustermaps(
    views: Sequence[ClusterView], corpus: str, shared: Sequence[Sequence[int]] = ()
) -> tuple[Figure, str]:
    """Draw distance maps with their dendrograms and clusters, two in a row (figures 6 and 9).

    Parameters
    ----------
    views : clusterings, in reading order
    shared : sets of views (by index) that share a colour scale; the others have their own
    """
    limits = [
        float(view.clustering.distance.max()) if view.clustering is not None else 1.0
        for view in views
    ]
    for together in shared:
        largest = max(limits[index] for index in together)
        for index in together:
            limits[index] = largest
    side, title, gap = (WIDTH - 0.16) / 2, 0.36, 0.08
    row_height = side + title + 0.18
    rows = -(-len(views) // 2)
    figure = new_figure(rows * row_height + 0.26 + FOOTER, corpus)
    for index, view in enumerate(views):
        row, column = divmod(index, 2)
        left, top = 0.04 + column * (side + gap), row * row_height + 0.04
        panel_letter(figure, left, top, view.letter)
        if view.clustering is None:
            state_absence(
                add_axes(figure, left, top + title, side, side),
                f"{view.title}: fewer than two groups, nothing to cluster",
            )
            continue
        width, height = figure.get_size_inches()
        figure.text(
            (left + 0.2) / width, 1.0 - top / height, _title(view), va="top", linespacing=1.3
        )
        _draw_clustermap(figure, view, left, top + title, side, limits[index] or 1.0)
    _legend(figure, views, rows * row_height + 0.06)
    return figure, describe_all(views)


def _legend(figure: Figure, views: Sequence[ClusterView], top: float) -> None:
    manner = {
        group: view.manner[group]
        for view in views
        if view.clustering is not None
        for group in view.clustering.groups
        if group in view.manner
    }
    if manner:
        width, height = figure.get_size_inches()
        figure.text(0.04 / width, 1.0 - top / height, "Label colour, phones:", va="top")
        manner_legend(figure, list(manner), manner, 1.22, top)


def _draw_dendrogram(
    figure: Figure,
    view: ClusterView,
    left: float,
    top: float,
    width: float,
    leaf: float,
) -> None:
    """Draw a tree with its leaves on the right, cluster bars with numbers, and labels."""
    tree = lay_out_tree(view)
    names = [view.clustering.groups[index] for index in tree.leaves]
    colours = cluster_colours(tree)
    bars, labels = 0.17, 0.3
    height = leaf * len(names)
    ax = add_axes(figure, left, top, width - bars - labels, height)
    draw_tree(ax, tree, "left", view.cut, width=1.1)
    ax.spines["bottom"].set_visible(True)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.set_xlabel(f"Distance\n({DISTANCE_UNIT})")
    strip = add_axes(figure, left + width - bars - labels + 0.02, top, bars - 0.04, height)
    strip.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), xticks=[])
    strip.spines[:].set_visible(False)
    for first, length, number in _runs(tree):
        strip.add_patch(
            Rectangle((0, first - 0.42), 1, length - 0.16, color=colours[number], linewidth=0)
        )
        strip.text(
            0.5,
            first + (length - 1) / 2,
            str(number),
            ha="center",
            va="center_baseline",
            size=5.5,
            color="white" if _is_dark(colours[number]) else "black",
        )
    label_cells(strip, "y", names, view.manner, size=6.2, side="right")


def _is_dark(colour: str) -> bool:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.55


@styled
def plot_dendrograms(columns: Sequence[Sequence[ClusterView]], corpus: str) -> tuple[Figure, str]:
    """Draw enlarged dendrograms, every leaf the same height (figures 7 and 10).

    Branches and numbered bars are coloured by cluster, grey for a group on its own; labels by
    manner of articulation.

    Parameters
    ----------
    columns : clusterings from left to right, and within a column from top to bottom
    """
    title, axis, leaf, gap = 0.46, 0.5, 0.125, 0.14
    width = (WIDTH - 0.1 - gap * (len(columns) - 1)) / len(columns)

    def leaves(view: ClusterView) -> int:
        return len(view.clustering.groups) if view.clustering is not None else 8

    tall = max(sum(leaves(view) * leaf + title + axis for view in column) for column in columns)
    figure = new_figure(tall + 0.28 + FOOTER, corpus)
    views = [view for column in columns for view in column]
    for index, column in enumerate(columns):
        top, left = 0.04, 0.06 + index * (width + gap)
        for view in column:
            panel_letter(figure, left - 0.02, top, view.letter)
            height = leaf * leaves(view)
            if view.clustering is None:
                state_absence(
                    add_axes(figure, left, top + title, width, height),
                    f"{view.title}: fewer than two groups, nothing to cluster",
                )
            else:
                total_width, total_height = figure.get_size_inches()
                figure.text(
                    (left + 0.16) / total_width,
                    1.0 - top / total_height,
                    _title(view).replace(", Silhouette", "\nSilhouette"),
                    va="top",
                    size=6.5,
                    linespacing=1.2,
                )
                _draw_dendrogram(figure, view, left, top + title, width, leaf)
            top += title + height + axis
    _legend(figure, views, tall + 0.06)
    return figure, describe_all(views)
