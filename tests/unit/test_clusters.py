"""Clustering of SNAPs and its Silhouette."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list

from snaps.clusters import (
    Clustering,
    best_row,
    cluster_profiles,
    mean_score,
    read_clusters,
    tabulate_silhouette,
    write_clusters,
)
from snaps.errors import StudyError

# Four points on a line. Complete linkage: 0-1 at 1, 10-12 at 2, all at 12 (single linkage: 9).
LINE = np.array([0.0, 1.0, 10.0, 12.0]).reshape(4, 1, 1)


def random_snaps(groups, seed=0):
    return np.random.default_rng(seed).normal(size=(groups, 6, 5)).astype(np.float32)


def cluster(groups, profiles, *percentiles):
    """Cluster groups of 1, 2, ... frames."""
    return cluster_profiles(groups, np.arange(1, len(groups) + 1), profiles, *percentiles)


def names(groups):
    return [f"g{k}" for k in range(groups)]


def test_merge_heights_by_hand():
    clustering = cluster(names(4), LINE, (50,))
    np.testing.assert_allclose(clustering.linkage[:, 2], [1, 2, 12])
    assert clustering.linkage[:, 3].tolist() == [2, 2, 4]
    assert clustering.cut.tolist() == [2]


def test_silhouette_by_hand():
    clustering = cluster(names(4), LINE, (50,))
    first, second, third, fourth = clustering.labels[0]
    assert first == second != third == fourth
    # Own mean distance, nearest other's: 1 and 11; 1 and 10; 2 and 9.5; 2 and 11.5.
    expected = np.mean([10 / 11, 9 / 10, 7.5 / 9.5, 9.5 / 11.5])
    np.testing.assert_allclose(clustering.silhouette, [expected])


def test_a_group_alone_scores_zero():
    # The lowest cut keeps only the merge at 1: {0, 1}, {10}, {12}.
    clustering = cluster(names(4), LINE, (0,))
    assert len(set(clustering.labels[0])) == 3
    # 0: 1 and 10; 1: 1 and 9.
    np.testing.assert_allclose(clustering.silhouette, [(0.9 + 8 / 9) / 4])


def test_one_cluster_has_no_silhouette():
    clustering = cluster(names(4), LINE, (50, 100))
    assert len(set(clustering.labels[1])) == 1
    assert np.isnan(clustering.silhouette[1])
    assert np.isfinite(clustering.silhouette[0])
    # All distances the same: every cut merges everything.
    same = cluster(names(3), np.eye(3).reshape(3, 1, 3))
    assert np.isnan(same.silhouette).all()
    assert (same.labels == 1).all()


def test_distances_are_euclidean_over_the_whole_snap():
    snaps = random_snaps(5)
    distance = cluster(names(5), snaps).distance
    for i in range(5):
        for j in range(5):
            expected = np.sqrt(np.sum((snaps[i].astype(float) - snaps[j]) ** 2))
            assert distance[i, j] == pytest.approx(expected)
    assert np.all(np.diag(distance) == 0)


@pytest.mark.parametrize(
    ("groups", "clusters"),
    [(60, [9, 7, 6, 4]), (26, [5, 4, 3, 2]), (27, [5, 4, 3, 2])],
)
def test_numbers_of_clusters_of_the_paper(groups, clusters):
    for seed in range(3):
        clustering = cluster(names(groups), random_snaps(groups, seed))
        assert clustering.percentiles.tolist() == [87, 90, 93, 96]
        assert [len(set(row)) for row in clustering.labels] == clusters


def test_complete_linkage_and_cuts_agree_with_a_loop():
    snaps = random_snaps(12)
    clustering = cluster(names(12), snaps, (60, 80))
    distance = clustering.distance
    clusters, heights = [{k} for k in range(12)], []
    partitions = []
    while len(clusters) > 1:
        pairs = [(a, b) for a in range(len(clusters)) for b in range(a)]
        farthest = [max(distance[i, j] for i in clusters[a] for j in clusters[b]) for a, b in pairs]
        a, b = pairs[int(np.argmin(farthest))]
        heights.append(min(farthest))
        joined = clusters[a] | clusters[b]
        clusters = [c for k, c in enumerate(clusters) if k not in (a, b)] + [joined]
        partitions.append({frozenset(c) for c in clusters})
    np.testing.assert_allclose(clustering.linkage[:, 2], heights)
    # 11 heights: the 60th percentile lies on the 7th, the 80th on the 9th; both are kept.
    np.testing.assert_allclose(clustering.cut, [heights[6], heights[8]])
    for labels, merges in zip(clustering.labels, (7, 9), strict=True):
        found = {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels)}
        assert found == partitions[merges - 1]


def test_silhouette_agrees_with_its_definition():
    clustering = cluster(names(20), random_snaps(20))
    for labels, score in zip(clustering.labels, clustering.silhouette, strict=True):
        widths = []
        for group in range(20):
            mine = [k for k in range(20) if labels[k] == labels[group] and k != group]
            if not mine:
                widths.append(0.0)
                continue
            own = clustering.distance[group, mine].mean()
            other = min(
                clustering.distance[group, labels == label].mean()
                for label in set(labels) - {labels[group]}
            )
            widths.append((other - own) / max(own, other))
        assert score == pytest.approx(np.mean(widths))


def test_scores_leave_out_undefined_percentiles():
    made = cluster(names(4), LINE, (0, 40, 50, 100))
    found = replace(made, silhouette=np.array([np.nan, 0.2, 0.4, 0.4]))
    assert mean_score(found) == pytest.approx(1 / 3)
    assert best_row(found) == 2
    nothing = replace(made, silhouette=np.full(4, np.nan))
    assert np.isnan(mean_score(nothing)) and best_row(nothing) is None


def test_leaves_are_in_optimal_order():
    positions = np.random.default_rng(0).permutation(16).astype(float)
    clustering = cluster(names(16), positions.reshape(16, 1, 1))
    # On a line the shortest way through all leaves goes from one end to the other.
    way = np.diff(positions[leaves_list(clustering.linkage)])
    assert np.all(way == way[0])


def test_fewer_than_three_groups_are_refused():
    with pytest.raises(StudyError, match=r"only 2 groups.*raise its training\.epochs"):
        cluster(["a", "b"], random_snaps(2))
    assert len(cluster(names(3), random_snaps(3)).linkage) == 2


def test_a_file_gives_back_the_clusterings_in_the_order_of_the_layers(tmp_path):
    written = {
        layer: cluster(names(7), random_snaps(7, seed), (87, 100))
        for seed, layer in enumerate(("input", "layer_12", "layer_02"))
    }
    naps = {"layer_02": cluster(names(7), random_snaps(7, 9))}
    write_clusters(tmp_path / "clusters.h5", {"SNAP": written, "NAP": naps})
    for profile, expected_of in (("SNAP", written), ("NAP", naps)):
        read = read_clusters(tmp_path / "clusters.h5", profile)
        assert list(read) == list(expected_of)
        for layer, expected in expected_of.items():
            assert isinstance(read[layer], Clustering)
            assert read[layer].groups == expected.groups
            for field in fields(Clustering)[1:]:
                first, second = getattr(read[layer], field.name), getattr(expected, field.name)
                assert np.array_equal(first, second, equal_nan=first.dtype.kind == "f"), field.name
    assert read_clusters(tmp_path / "clusters.h5").keys() == written.keys()


def test_table_of_silhouettes():
    table = tabulate_silhouette(
        "annotated", "NAP", {"layer_01": cluster(names(4), LINE, (50, 100))}
    )
    columns = ["grouping", "profile", "layer", "percentile", "clusters", "silhouette"]
    assert table.columns.tolist() == columns
    assert table["profile"].tolist() == ["NAP"] * 2
    assert table["grouping"].tolist() == ["annotated"] * 2
    assert table["layer"].tolist() == ["layer_01"] * 2
    assert table["percentile"].tolist() == [50, 100]
    assert table["clusters"].tolist() == [2, 1]
    assert table["silhouette"].isna().tolist() == [False, True]
    assert table.to_csv(sep="\t", index=False).splitlines()[2].endswith("100\t1\t")
