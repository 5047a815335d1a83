"""Hierarchical clustering of SNAPs and its Silhouette score (paper 4.3.3, METHOD section 5)."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score

from snaps.errors import StudyError

PERCENTILES = (87, 90, 93, 96)


@dataclass(frozen=True)
class Clustering:
    """Clustering of the groups in one layer.

    Attributes
    ----------
    groups : (G,) names
    distance : (G, G) Euclidean distances of the flattened SNAPs
    linkage : (G - 1, 4) complete linkage in optimal leaf order, as scipy's
    percentiles : (P,) percentiles of the merge heights
    cut : (P,) heights at these percentiles
    labels : (P, G) cluster of each group, from 1
    silhouette : (P,) mean Silhouette; NaN where one cluster or only single groups are left
    """

    groups: list[str]
    distance: np.ndarray
    linkage: np.ndarray
    percentiles: np.ndarray
    cut: np.ndarray
    labels: np.ndarray
    silhouette: np.ndarray


def cluster_profiles(
    groups: list[str], snaps: np.ndarray, percentiles: tuple[float, ...] = PERCENTILES
) -> Clustering:
    """Cluster SNAPs with complete linkage and cut the tree at percentiles of the merge heights.

    Parameters
    ----------
    groups : (G,) names, at least three
    snaps : (G, steps, features)
    percentiles : of the merge heights; a merge at the cut's height or below is kept

    Returns
    -------
    Clustering. Paper section 4.3.3; Murtagh and Contreras 2012; Rousseeuw 1987.

    Raises
    ------
    StudyError : there are fewer than three groups.
    """
    if len(groups) < 3:
        raise StudyError(
            f"only {len(groups)} groups have frames, a clustering needs three: the network may not "
            "have learned to predict anything but blanks; raise its training.epochs"
        )
    condensed = pdist(snaps.reshape(len(groups), -1).astype(np.float64))
    tree = linkage(condensed, method="complete", optimal_ordering=True)
    distance = squareform(condensed)
    cut = np.percentile(tree[:, 2], percentiles)
    labels = np.stack([fcluster(tree, height, criterion="distance") for height in cut])
    scores = [
        silhouette_score(distance, row, metric="precomputed")
        if 1 < len(np.unique(row)) < len(row)
        else np.nan
        for row in labels
    ]
    return Clustering(
        list(groups), distance, tree, np.asarray(percentiles), cut, labels, np.asarray(scores)
    )


def write_clusters(path: str | Path, clusterings: dict[str, Clustering]) -> None:
    """Write the clusterings of all layers of one grouping."""
    with h5py.File(path, "w") as file:
        file.attrs["layers"] = list(clusterings)
        for layer, clustering in clusterings.items():
            group = file.create_group(layer)
            group.create_dataset("groups", data=clustering.groups, dtype=h5py.string_dtype())
            for name in ("distance", "linkage", "percentiles", "cut", "labels", "silhouette"):
                group.create_dataset(name, data=getattr(clustering, name))


def read_clusters(path: str | Path) -> dict[str, Clustering]:
    """Read the clusterings of all layers, in the order of the layers."""
    with h5py.File(path, "r") as file:
        return {
            layer: Clustering(
                [name.decode() for name in file[layer]["groups"][:]],
                *(
                    file[layer][name][:]
                    for name in (
                        "distance",
                        "linkage",
                        "percentiles",
                        "cut",
                        "labels",
                        "silhouette",
                    )
                ),
            )
            for layer in file.attrs["layers"]
        }


def tabulate_silhouette(grouping: str, clusterings: dict[str, Clustering]) -> pd.DataFrame:
    """A row for each layer and percentile: grouping layer percentile clusters silhouette."""
    return pd.DataFrame(
        {
            "grouping": grouping,
            "layer": layer,
            "percentile": percentile,
            "clusters": len(np.unique(labels)),
            "silhouette": score,
        }
        for layer, clustering in clusterings.items()
        for percentile, labels, score in zip(
            clustering.percentiles, clustering.labels, clustering.silhouette, strict=True
        )
    )
