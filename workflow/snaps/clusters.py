"""Hierarchical clustering of SNAPs and its Silhouette score (paper 4.3.3, METHOD section 5).

NAPs, the earlier profiles that SNAPs improve on, are clustered in the same way (paper 3.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score

from snaps.errors import StudyError

PERCENTILES = (87, 90, 93, 96)
# Where a file holds the clusterings of each kind of profile.
PROFILE_ROOTS = {"SNAP": "/", "NAP": "/nap"}


@dataclass(frozen=True)
class Clustering:
    """Clustering of the groups in one layer.

    Attributes
    ----------
    groups : (G,) names
    count : (G,) frames of each
    distance : (G, G) Euclidean distances of the flattened profiles
    linkage : (G - 1, 4) complete linkage in optimal leaf order, as scipy's
    percentiles : (P,) percentiles of the merge heights
    cut : (P,) heights at these percentiles
    labels : (P, G) cluster of each group, from 1
    silhouette : (P,) mean Silhouette; NaN where one cluster or only single groups are left
    """

    groups: list[str]
    count: np.ndarray
    distance: np.ndarray
    linkage: np.ndarray
    percentiles: np.ndarray
    cut: np.ndarray
    labels: np.ndarray
    silhouette: np.ndarray


def cluster_profiles(
    groups: Sequence[str],
    count: np.ndarray,
    profiles: np.ndarray,
    percentiles: Sequence[float] = PERCENTILES,
) -> Clustering:
    """Cluster profiles with complete linkage and cut the tree at percentiles of the merge heights.

    Parameters
    ----------
    groups, count : (G,) names, at least three, and frames of each
    profiles : (G, steps, features) SNAPs or NAPs
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
    condensed = pdist(profiles.reshape(len(groups), -1).astype(np.float64))
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
        list(groups),
        np.asarray(count),
        distance,
        tree,
        np.asarray(percentiles),
        cut,
        labels,
        np.asarray(scores),
    )


def mean_score(clustering: Clustering) -> float:
    """Silhouette score averaged over the percentiles at which it is defined; NaN for none."""
    defined = clustering.silhouette[~np.isnan(clustering.silhouette)]
    return float(defined.mean()) if len(defined) else float("nan")


def best_row(clustering: Clustering) -> int | None:
    """Row of the percentile with the highest Silhouette score, the first of equals, or None."""
    if np.isnan(clustering.silhouette).all():
        return None
    return int(np.nanargmax(clustering.silhouette))


def write_clusters(path: str | Path, clusterings: Mapping[str, Mapping[str, Clustering]]) -> None:
    """Write the clusterings of one grouping: profile (SNAP, NAP), layer to its clustering."""
    with h5py.File(path, "w") as file:
        for profile, layered in clusterings.items():
            root = file.require_group(PROFILE_ROOTS[profile])
            root.attrs["layers"] = list(layered)
            for layer, clustering in layered.items():
                group = root.create_group(layer)
                group.create_dataset("groups", data=clustering.groups, dtype=h5py.string_dtype())
                for field in fields(Clustering)[1:]:
                    group.create_dataset(field.name, data=getattr(clustering, field.name))


def read_clusters(path: str | Path, profile: str = "SNAP") -> dict[str, Clustering]:
    """Read the clusterings of all layers, in the order of the layers."""
    names = [field.name for field in fields(Clustering)[1:]]
    with h5py.File(path, "r") as file:
        root = file[PROFILE_ROOTS[profile]]
        return {
            layer: Clustering(
                [name.decode() for name in root[layer]["groups"][:]],
                *(root[layer][name][:] for name in names),
            )
            for layer in root.attrs["layers"]
        }


def tabulate_silhouette(
    grouping: str, profile: str, clusterings: Mapping[str, Clustering]
) -> pd.DataFrame:
    """A row for each layer and percentile, with its number of clusters and Silhouette score.

    Columns: grouping, profile (SNAP, NAP), layer, percentile, clusters, silhouette
    """
    return pd.DataFrame(
        {
            "grouping": grouping,
            "profile": profile,
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
