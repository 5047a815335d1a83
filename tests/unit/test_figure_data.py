"""What the figures draw, as numbers: hashes of the arrays from planted data, and no pixels.

A hash that changes means that a figure shows other numbers. Where that is meant, store the new one;
the functions say what they hash.
"""

import hashlib
import io

import numpy as np
import pytest
from planted_study import PHONES, TABLE

from snaps.alignment_evaluation import AlignmentTables
from snaps.clusters import cluster_profiles
from snaps.features import mel_frequencies
from snaps.figures import clusters, contingency, gain, maps, method, offsets, silhouette
from snaps.phones import LETTERS

ANNOTATED = [*PHONES, "h#"]
CORPUS = "made by hand"
MODELS = ("W2L", "W2L_TL_frozen", "W2L_TL_finetuned")


def digest(*parts):
    """SHA-256 of arrays, rounded to six decimals, and of names: 16 hex digits."""
    found = hashlib.sha256()
    for part in parts:
        values = np.asarray(part)
        if values.dtype.kind in "fc":
            # Adding zero makes one of the two zeros.
            values = np.round(values.astype(np.float64), 6) + 0.0
        found.update(str(values.shape).encode())
        text = values.dtype.kind in "UO"
        found.update("\n".join(map(str, values.ravel())).encode() if text else values.tobytes())
    return found.hexdigest()[:16]


def planted(*shape, modulus=97):
    """Whole numbers that look disordered, the same on every machine."""
    index = np.arange(1, 1 + np.prod(shape), dtype=np.int64).reshape(shape)
    return (index * index * 31 + index * 17) % modulus


def plant_tables(units):
    """Alignment tables of which the second unit has no frames."""
    counts = planted(len(units), 7, modulus=53)
    counts[1] = 0
    n = counts.sum(axis=1)
    rows = planted(len(units), 61, modulus=11)
    rows[1] = 0
    shares = np.sort(planted(len(units), 4) / 97, axis=1)
    names = ("centre", "centre_pm2", "aligned", "aligned_pm2", "cap")
    summary = {
        part: dict(zip(names, planted(5) / 97, strict=True)) | {"frames": 100 + k}
        for k, part in enumerate(("all", "train", "test"))
    }
    errors = {part: dict.fromkeys(names, 0.01) | {"speakers": 12} for part in summary}
    steps = np.array([-1, 0, 1, 2, 4, 9, 30])
    return AlignmentTables(
        *(list(units), ANNOTATED, n, rows, rows[:, ::-1], steps, counts, shares, summary, errors)
    )


def plant_clusterings(groups, layers=7):
    """Clusterings of the input and of layers 1, 2, ..."""
    values = planted(layers, len(groups), 3, 5, modulus=9973) / 9973
    count = planted(len(groups)) + 1
    names = [silhouette.layer_name(number) for number in range(layers)]
    return {
        name: cluster_profiles(groups, count, of_layer)
        for name, of_layer in zip(names, values, strict=True)
    }


def plant_maps(groups):
    """Input maps of groups, the third of which has no frames."""
    count = planted(len(groups)) + 1
    count[2] = 0
    time = np.arange(-20, 31)
    return maps.InputMaps(groups, count, planted(len(groups), 51, 128) / 97 - 0.5, time)


def alignment_heat_maps():
    """Figure 2: the order of the rows and both heat maps."""
    deep, shallow = plant_tables(PHONES), plant_tables(PHONES[::-1])
    order = offsets.order_by_offset(offsets.mean_offsets(deep), deep.predicted)
    rows = [deep.predicted[index] for index in order]
    last = offsets.last_shown(deep.offset_steps, deep.offset_counts)
    return rows, *(offsets.phone_offsets(table, rows, last) for table in (deep, shallow))


def sorted_cells():
    """Figure 3: shares, rows and columns."""
    tables = plant_tables(PHONES)
    return contingency.sorted_contingency(tables.contingency_aligned, PHONES, ANNOTATED)


def alphabetical_cells():
    """Figures A1 to A3: shares, rows and columns."""
    tables = plant_tables(list(LETTERS))
    return contingency.alphabetical_contingency(tables.contingency_centre, LETTERS, ANNOTATED)


def input_maps():
    """Figures 4 and A4 to A6: groups, maps in the whole frame, end of the colour scale."""
    chosen = plant_maps(PHONES[:6]).chosen(PHONES[1:6])
    whole = [maps.whole_frame(values, chosen.time) for values in chosen.values]
    return chosen.groups, whole, [maps.symmetric_limit(chosen.values)]


def silhouette_lines():
    """Figures 5 and 8: scores over layers and percentiles, and their mean."""
    table = silhouette.score_table(plant_clusterings(PHONES))
    return table.index, table.to_numpy()


def profile_lines():
    """Figure S1: scores of SNAPs and of NAPs over layers."""
    snaps, naps = plant_clusterings(PHONES), plant_clusterings(PHONES[::-1])
    del naps["input"]
    return (silhouette.profile_scores(snaps, naps).to_numpy(),)


def clustermaps():
    """Figures 6 and 7: percentile, leaves, clusters and distances of each panel."""
    layered = {model: plant_clusterings(PHONES) for model in MODELS[:2]}
    views, _ = clusters.transfer_views(layered, list(layered), 5, TABLE.manner)
    return _of_views(views)


def grouping_clustermaps():
    """Figures 9 and 10: percentile, leaves, clusters and distances of each panel."""
    letters, phones = plant_clusterings(list(LETTERS[2:])), plant_clusterings(PHONES)
    return _of_views(clusters.grouping_views(letters, phones, 5, TABLE.manner)[0])


def _of_views(views):
    found = []
    for view in views:
        tree = clusters.lay_out_tree(view)
        names = [view.clustering.groups[leaf] for leaf in tree.leaves]
        found += [[view.percentile], names, tree.cluster, clusters.ordered_distance(view, tree)]
    return found


def gain_dots():
    """Figure S2: shares of the parts and of the phones."""
    tables = plant_tables(PHONES)
    parts, phones = gain.part_shares({"W2P": tables}), gain.phone_shares(tables)
    return [" ".join(key) for key in parts.index], parts, phones.index, phones


STORED = {
    alignment_heat_maps: "7427deded8736f71",
    sorted_cells: "b8967cea3d759255",
    alphabetical_cells: "0fabdbf7681c5c29",
    input_maps: "0f8f83cbcbbfbde1",
    silhouette_lines: "1432f812dcb00d44",
    profile_lines: "52e7a3b80648750f",
    clustermaps: "7bb0721d46f92921",
    grouping_clustermaps: "fe834527ecfb8a58",
    gain_dots: "5eba1195db815503",
}


@pytest.mark.parametrize("prepare", STORED, ids=lambda function: function.__name__)
def test_figures_show_the_numbers_that_they_showed(prepare):
    assert digest(*prepare()) == STORED[prepare]


def test_digest_tells_numbers_shapes_and_names_apart():
    assert digest([1.0, 2.0]) == digest([1.0, 2.0 + 1e-9])
    assert digest([0.0]) == digest([-1e-9])
    different = [[[1.0, 2.0]], [[2.0, 1.0]], [[[1.0], [2.0]]], [["a", "b"]], [["b", "a"]]]
    assert len({digest(*parts) for parts in different}) == len(different)


def every_figure(corpus):
    """Each drawing function once, by name."""
    hz, manner = mel_frequencies(), TABLE.manner
    tables, layered = plant_tables(PHONES), plant_clusterings(PHONES)
    views, _ = clusters.transfer_views({"W2L": layered}, ["W2L"], 5, manner)
    letters = plant_maps(list(LETTERS[2:8]))
    values = planted(206, 128) / 97 - 0.5
    example = method.ExampleFrame("u1", 0, "a", values, values, values, np.abs(values), 103)
    both = {"SNAP": layered, "NAP": layered}
    cells = tables.contingency_aligned, PHONES, ANNOTATED, manner
    return {
        "plot_method": method.plot_method(example, [], None, 0, hz, "W2L", corpus),
        "plot_alignment_offsets": offsets.plot_alignment_offsets({"W2P": tables}, manner, corpus),
        "plot_contingency": contingency.plot_contingency(*cells, "W2P", corpus),
        "plot_contingency_pair": contingency.plot_contingency_pair(
            tables.contingency_centre, *cells, "W2P", corpus, "phone"
        ),
        "plot_navai_snap": maps.plot_navai_snap(
            *(letters, letters, plant_maps(PHONES[:6]), ["a", "b"], PHONES[:2]),
            *(hz, manner, "W2L", corpus),
        ),
        "plot_snaps": maps.plot_snaps(letters, ["a", "b"], hz, {}, "W2L", corpus),
        "plot_silhouette_models": silhouette.plot_silhouette_models(
            {"W2L": layered}, 5, "phones", corpus
        ),
        "plot_silhouette_groupings": silhouette.plot_silhouette_groupings(
            {"predicted": layered, "annotated": layered}, "W2L", corpus
        ),
        "plot_silhouette_naps": silhouette.plot_silhouette_naps(
            {("W2L", "annotated"): both}, corpus
        ),
        "plot_clustermaps": clusters.plot_clustermaps(views, corpus),
        "plot_dendrograms": clusters.plot_dendrograms([[view] for view in views], corpus),
        "plot_alignment_gain": gain.plot_alignment_gain({"W2P": tables}, manner, corpus),
    }


@pytest.fixture(scope="module")
def drawn():
    """Every figure of a corpus other than TIMIT."""
    return every_figure(CORPUS)


def test_every_figure_is_drawn_here(drawn):
    modules = clusters, contingency, gain, maps, method, offsets, silhouette
    found = {
        name
        for module in modules
        for name, item in vars(module).items()
        if name.startswith("plot_") and item.__module__ == module.__name__
    }
    assert found == set(drawn)


def test_every_figure_names_a_corpus_other_than_timit_and_its_frames(drawn):
    for name, (figure, facts) in drawn.items():
        remarks = [text.get_text() for text in figure.texts if text.get_text().startswith("Data: ")]
        assert remarks == [f"Data: {CORPUS}, not TIMIT"], name
        assert "frame" in facts, name


def test_every_figure_is_the_same_bytes_twice(drawn):
    def png(figure):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=40, metadata={"Software": None})
        return buffer.getvalue()

    again = every_figure(CORPUS)
    for name, (figure, facts) in drawn.items():
        assert again[name][1] == facts
        assert png(again[name][0]) == png(figure), name
