"""Figures: what they draw, the criteria they apply, their style and that nothing is cut off."""

import io
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb

from snaps.alignment_evaluation import AlignmentTables
from snaps.clusters import PERCENTILES, Clustering, cluster_profiles
from snaps.features import mel_frequencies
from snaps.figures import clusters, contingency, gain, maps, method, offsets, silhouette, style
from snaps.introspection.alignment import centre_maps
from snaps.introspection.layout import frame_times
from snaps.phones import LETTERS, read_phones

TABLE = read_phones(Path(__file__).parents[2] / "config" / "phones.tsv")
PHONES = sorted(phone for phone in TABLE.phones if phone != "h#")
ANNOTATED = [*(phone for phone in TABLE.phones if phone != "h#"), "h#"]
ALPHABET = list(LETTERS[2:])
MANNER = TABLE.manner
MEL_HZ = mel_frequencies()
CORPUS = "embedded espeak-ng corpus"

# Brettel-like matrices of Machado, Oliveira and Fernandes (2009), linear RGB, full severity.
DICHROMACIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def make_clustering(groups, seed=0, scores=None):
    """Clustering of random points, with planted Silhouette scores where given."""
    points = np.random.default_rng(seed).normal(size=(len(groups), 2, 6))
    made = cluster_profiles(list(groups), np.full(len(groups), 50), points)
    if scores is not None:
        made = Clustering(**{**made.__dict__, "silhouette": np.array(scores, float)})
    return made


def make_layers(groups, scores):
    """Clusterings of layers 0, 1, ... with the planted scores of each."""
    base = make_clustering(groups)
    return {
        silhouette.layer_name(number): Clustering(
            **{**base.__dict__, "silhouette": np.array(row, float)}
        )
        for number, row in enumerate(scores)
    }


def make_maps(groups, count=None, peak=2.0, time=None):
    """One Gaussian blob for each group, at a frequency of its own."""
    time = np.arange(-20, 21) if time is None else time
    mels = np.arange(len(MEL_HZ))
    centres = np.linspace(10, 110, len(groups))
    values = np.stack(
        [
            peak
            * np.exp(-((time / 6) ** 2))[:, None]
            * np.exp(-(((mels - centre) / 6) ** 2))[None]
            * (-1) ** index
            for index, centre in enumerate(centres)
        ]
    )
    count = np.arange(1, len(groups) + 1) if count is None else np.asarray(count)
    return maps.InputMaps(list(groups), count, values, time)


def make_tables(predicted, seed=0, empty=()):
    """Alignment tables with counts drawn at random; units in `empty` have no frames."""
    random = np.random.default_rng(seed)
    n = random.integers(20, 500, len(predicted))
    n[[index for index, unit in enumerate(predicted) if unit in empty]] = 0
    rows = [
        random.multinomial(total, random.dirichlet(np.full(len(ANNOTATED), 0.2))) for total in n
    ]
    steps = np.array([-1, 0, 1, 2, 5, 9, 40])
    counts = [random.multinomial(total, [0.1, 0.4, 0.2, 0.1, 0.1, 0.08, 0.02]) for total in n]
    return AlignmentTables(
        list(predicted), ANNOTATED, n, np.array(rows), np.array(rows)[:, ::-1], steps,
        np.array(counts), None, {},
    )  # fmt: skip


def centre_frame(values, step):
    """A frame of the input, shifted so that `step` lies at its centre."""
    frames, steps = torch.from_numpy(values[None]), torch.tensor([step])
    return centre_maps(frames, 0, steps, frame_times(206))[0].numpy()


def make_example(step=140):
    random = np.random.default_rng(0)
    activation = random.normal(-8, 2, (206, 128))
    time = frame_times(206).numpy()
    saliency = np.roll(make_maps(["x"], time=time).values[0], step - 103, axis=0)
    aligned = centre_frame(activation, step)
    return method.ExampleFrame(
        "fvmh0_sx206", 40, "a", activation, aligned, saliency, np.abs(saliency), step
    )


def make_layer(title, seconds):
    values = make_maps(["x"]).values[0]
    return method.LayerProfile(
        title, values, np.abs(values) / 2, values, np.arange(-20, 21), seconds
    )


def drawn_texts(figure):
    """All texts that are drawn, with their extents in pixels."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    found = [*figure.texts]
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
    found += [text for legend in legends for text in legend.get_texts()]
    for ax in figure.axes:
        found += ax.texts
        if not ax.axison:
            continue
        found.append(ax.title)
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [axis.label, axis.offsetText]
            for tick in axis.get_major_ticks():
                if low <= tick.get_loc() <= high:
                    found += [tick.label1, tick.label2]
    return [
        (text.get_text(), text.get_window_extent(renderer).extents)
        for text in found
        if text.get_visible() and text.get_text().strip()
    ]


def assert_legible(figure):
    """Every text lies inside the figure, and none covers another by more than a tenth."""
    texts = drawn_texts(figure)
    box = np.array([extent for _, extent in texts])
    width, height = figure.bbox.width, figure.bbox.height
    outside = (box[:, :2] < -0.5).any(axis=1) | (box[:, 2] > width + 0.5)
    outside |= box[:, 3] > height + 0.5
    assert not outside.any(), [texts[i][0] for i in np.flatnonzero(outside)]
    # A label on the second line below its tick has an empty first line that may cover another.
    kept = np.array([not text.startswith("\n") for text, _ in texts])
    box, names = box[kept], [text for text, _ in texts if not text.startswith("\n")]
    low = np.maximum(box[:, None, :2], box[None, :, :2])
    high = np.minimum(box[:, None, 2:], box[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.prod(box[:, 2:] - box[:, :2], axis=1)
    covered = np.triu(common / np.minimum(area[:, None], area[None]) > 0.1, 1)
    assert not covered.any(), [(names[i], names[j]) for i, j in np.argwhere(covered)]


def labels_of(figure):
    """Axis labels, colour bars included, that are not empty."""
    return {
        label
        for ax in figure.axes
        for label in (ax.get_xlabel(), ax.get_ylabel())
        if label and ax.axison
    }


# --- style -----------------------------------------------------------------------------------


def test_diverging_map_is_white_in_the_middle_and_equally_dark_on_both_sides():
    colours = style.DIVERGING(np.linspace(0, 1, 255))[:, :3]
    assert np.allclose(colours[127], 1.0, atol=1e-3)
    lightness = style.to_oklab(colours)[:, 0]
    assert np.allclose(lightness, lightness[::-1], atol=0.01)
    assert np.allclose(np.diff(lightness[:128]), np.diff(lightness[:128]).mean(), atol=2e-3)
    assert colours[0, 2] > colours[0, 0] and colours[-1, 0] > colours[-1, 2]


def test_share_map_runs_from_white_to_black_in_equal_steps():
    colours = style.SHARE(np.linspace(0, 1, 255))[:, :3]
    assert np.allclose(style.to_oklab(colours)[:, 0], np.linspace(1, 0, 255), atol=0.01)
    assert np.allclose(colours, colours[:, :1], atol=1e-3)


def test_oklab_of_known_colours_and_back():
    # Ottosson's own example: sRGB red has lightness 0.628, a 0.225, b 0.126.
    assert np.allclose(style.to_oklab([1.0, 0.0, 0.0]), [0.628, 0.225, 0.126], atol=1e-3)
    rgb = np.random.default_rng(0).random((20, 3))
    assert np.allclose(style.from_oklab(style.to_oklab(rgb)), rgb, atol=1e-6)


@pytest.mark.parametrize("vision", [None, *DICHROMACIES])
def test_manners_are_told_apart_whatever_the_colour_vision(vision):
    rgb = np.array([to_rgb(colour) for colour in style.MANNER_COLOURS.values()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    contrast = 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    assert contrast.min() >= 3.0 - 0.05
    seen = linear @ np.array(DICHROMACIES[vision]).T if vision else linear
    seen = np.clip(seen, 0, 1)
    seen = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = style.to_oklab(seen)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 9 * np.eye(len(lab))
    assert apart.min() > 0.085


def test_every_manner_has_a_colour():
    assert set(MANNER.values()) == set(style.MANNER_COLOURS)


@pytest.mark.parametrize(
    ("corpus", "remark"),
    [
        ("TIMIT", ""),
        (CORPUS, "Data: embedded espeak-ng corpus, not TIMIT"),
        ("TIMIT sample (NLTK)", "Data: TIMIT sample (NLTK), not the full TIMIT"),
    ],
)
def test_figures_say_when_the_corpus_is_not_timit(corpus, remark):
    assert style.corpus_remark(corpus) == remark
    assert [text.get_text() for text in style.new_figure(2, corpus).texts] == [remark] * bool(
        remark
    )


@pytest.mark.parametrize(
    ("number", "text"), [(87, "87th"), (93, "93rd"), (91, "91st"), (11, "11th"), (99.9, "99.9th")]
)
def test_ordinal(number, text):
    assert style.ordinal(number) == text


def test_names_are_listed_as_in_a_sentence():
    assert style.list_names(["a"]) == "a"
    assert style.list_names([" ", "'", "zh"]) == "space, apostrophe and zh"


def test_drawing_leaves_global_settings_alone():
    before = dict(matplotlib.rcParams)
    maps.plot_snaps(make_maps(["aa"]), ["aa"], MEL_HZ, MANNER, "W2L", CORPUS)
    assert dict(matplotlib.rcParams) == before


def test_saved_figures_are_the_same_bytes_with_fonts_and_without_dates(tmp_path):
    def save(name):
        drawn = maps.plot_snaps(make_maps(["aa", "t"]), ["aa", "t"], MEL_HZ, MANNER, "W2L", CORPUS)
        paths = [tmp_path / f"{name}.{ending}" for ending in ("pdf", "png", "txt")]
        style.save_figure(*drawn, *paths)
        return [path.read_bytes() for path in paths]

    pdf, png, text = save("one")
    assert save("two") == [pdf, png, text]
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf
    assert b"Software" not in png
    assert png[1:4] == b"PNG" and text.decode().startswith("Model W2L")
    width = int.from_bytes(png[16:20], "big")
    assert width == style.WIDTH * 200


# --- maps ------------------------------------------------------------------------------------


def test_symmetric_limit():
    assert maps.symmetric_limit(np.array([-3.0, 1.0]), 100) == 3.0
    assert maps.symmetric_limit(np.zeros(4)) == 1.0
    assert maps.symmetric_limit(np.r_[np.zeros(10_000), 2.0]) == 2.0
    assert maps.symmetric_limit(np.empty((0, 3, 4))) == 1.0


def test_wanted_groups_without_frames_are_named_and_others_drawn():
    some = make_maps(["a", "b", "c"], count=[4, 0, 9])
    assert maps.choose_groups(some, ["c", "b", "z"]) == (["c"], ["b", "z"])
    assert maps.choose_groups(some, ["b", "z"]) == (["c", "a"], ["b", "z"])
    assert maps.choose_groups(make_maps(["a"], count=[0]), ["a"]) == ([], ["a"])


def test_maps_are_placed_in_the_whole_frame_on_a_symmetric_scale():
    ax = style.new_figure(2, CORPUS).add_subplot()
    values = np.arange(6.0).reshape(2, 3)
    image = maps.draw_input_map(ax, values, np.array([-103, 102]), 4.0)
    shown = image.get_array()
    assert shown.shape == (3, 206)
    assert np.array_equal(shown[:, 0], values[0]) and np.array_equal(shown[:, -1], values[1])
    assert not shown[:, 1:-1].any()
    assert image.get_clim() == (-4.0, 4.0)
    # Step 0 (the alignment) covers 0 s, half a step of 4 ms to either side.
    assert image.get_extent()[:2] == pytest.approx([-103.5 * 0.008, 102.5 * 0.008])


def test_frequency_ticks_lie_at_their_mel_bands():
    ax = style.new_figure(2, CORPUS).add_subplot()
    maps.label_frequency(ax, MEL_HZ)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["0.5", "1", "2", "4"]
    at = np.interp(ax.get_yticks(), np.arange(128), MEL_HZ)
    assert at == pytest.approx([500, 1000, 2000, 4000])


@pytest.mark.parametrize("groups", [PHONES[:30], PHONES[30:], ["zh"]])
def test_snaps_of_many_groups(groups):
    assert groups[0] in ("aa", "ix", "zh")
    figure, facts = maps.plot_snaps(make_maps(PHONES[:-1]), groups, MEL_HZ, MANNER, "W2L", CORPUS)
    shown = [group for group in groups if group != "zh"]
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert [title.split()[0] for title in titles] == shown
    limits = {image.get_clim() for ax in figure.axes for image in ax.images}
    assert len(limits) <= 1 and all(low == -high for low, high in limits)
    assert ("zh" in facts) == ("zh" in groups)
    assert_legible(figure)


def test_navai_beside_snap():
    letters, phones = make_maps(LETTERS), make_maps(PHONES[:-1], peak=9.0)
    figure, facts = maps.plot_navai_snap(
        letters, letters, phones, ["a", "s", "t"], ["aa", "ae", "zh"], MEL_HZ, MANNER, "W2L", CORPUS
    )
    titles = [ax.get_title().rsplit("  ", 1)[0] for ax in figure.axes if ax.get_title()]
    assert titles == [*["letter a", "letter s", "letter t"] * 2, "phone aa", "phone ae"]
    assert "No frame belongs to phone zh." in facts
    rows = [
        {image.get_clim() for ax in figure.axes[i : i + 3] for image in ax.images} for i in (0, 4)
    ]
    assert all(len(row) == 1 for row in rows)
    assert "Frequency (kHz)" in labels_of(figure)
    assert "Time from alignment (s)" in labels_of(figure)
    assert_legible(figure)


# --- contingency -----------------------------------------------------------------------------


def test_row_shares_and_orders():
    shares = contingency.row_shares([[1, 3], [0, 0], [4, 0]])
    assert shares.tolist() == [[0.25, 0.75], [0, 0], [1, 0]]
    assert contingency.order_by_maximum(shares).tolist() == [2, 0, 1]
    assert contingency.alphabetical(["t", "h#", "aa"]).tolist() == [2, 0, 1]


def test_contingency_is_sorted_by_maximum_with_agreement_on_the_diagonal():
    tables = make_tables(PHONES, empty=("zh",))
    figure, facts = contingency.plot_contingency(
        tables.contingency_aligned, PHONES, ANNOTATED, MANNER, "W2P_shallow", CORPUS
    )
    (mesh,) = figure.axes[0].collections
    shown = mesh.get_array()
    assert shown.shape == (59, 61)
    assert np.allclose(shown.sum(axis=1), 1.0)
    assert (np.diff(shown.max(axis=1)) <= 1e-12).all()
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    columns = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert columns == [*rows, "zh", "h#"]
    row = PHONES.index(rows[7])
    expected = tables.contingency_aligned[row, [ANNOTATED.index(name) for name in columns]]
    assert np.allclose(shown[7], expected / expected.sum())
    assert mesh.get_clim() == (0, 1)
    assert "zh" in facts
    assert_legible(figure)


@pytest.mark.parametrize(("units", "kind"), [(PHONES, "phone"), (list(LETTERS), "letter")])
def test_contingency_before_and_after(units, kind):
    tables = make_tables(units, empty=("b",))
    figure, facts = contingency.plot_contingency_pair(
        *(tables.contingency_centre, tables.contingency_aligned, units, ANNOTATED, MANNER),
        *("W2L", CORPUS, kind),
    )
    before, after = (ax.collections[0].get_array() for ax in figure.axes[:2])
    assert before.shape == after.shape == (len(units) - 1, 61)
    assert np.allclose(before.sum(axis=1), 1.0) and np.allclose(after.sum(axis=1), 1.0)
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names[:-1] == sorted(names[:-1]) and names[-1] == "h#"
    assert f"Predicted {kind}" in labels_of(figure)
    assert "without a row: b" in facts
    assert_legible(figure)


def test_a_model_that_predicts_nothing_is_said_so_in_words():
    empty = np.zeros((2, 61), int)
    for figure, facts in (
        contingency.plot_contingency(empty, ["a", "b"], ANNOTATED, MANNER, "M", CORPUS),
        contingency.plot_contingency_pair(
            empty, empty, ["a", "b"], ANNOTATED, MANNER, "M", CORPUS, "letter"
        ),
    ):
        assert "no frame predicts anything but the blank" in facts
        assert_legible(figure)


# --- offsets ---------------------------------------------------------------------------------


def test_offset_counts_are_spread_and_cut():
    dense = offsets.dense_counts(np.array([-1, 0, 3, 9]), np.array([[4, 5, 6, 7]]), last=4)
    assert dense.tolist() == [[4, 5, 0, 0, 6, 0]]
    without = offsets.dense_counts(np.array([0, 1]), np.array([[2, 3]]), last=1)
    assert without.tolist() == [[0, 2, 3]]


def test_the_cut_keeps_95_percent_of_the_offsets_that_exist():
    steps = np.array([-1, 0, 10, 20, 100])
    # 94 of 100 offsets are 10 or less, 96 are 20 or less; the 900 frames without one do not count.
    assert offsets.last_shown(steps, np.array([[900, 90, 4, 2, 4]])) == 20
    assert offsets.last_shown(steps, np.array([[900, 0, 0, 0, 0]])) == 0


def test_rows_scaled_to_their_maximum():
    scaled = offsets.scale_rows([[2, 4], [0, 0]])
    assert scaled[0].tolist() == [0.5, 1.0] and np.isnan(scaled[1]).all()


def test_phones_ordered_by_offset_then_name():
    assert offsets.order_by_offset(np.array([8.0, np.nan, 0.0, 8.0]), ["b", "a", "c", "aa"]) == [
        2, 3, 0, 1,
    ]  # fmt: skip


def test_offset_maps_are_scaled_per_phone_and_sorted_by_the_first_model():
    tables = {
        "W2P": make_tables(PHONES, 1, empty=("zh", "t")),
        "W2P_shallow": make_tables(PHONES, 2, empty=("zh", "b")),
    }
    figure, facts = offsets.plot_alignment_offsets(tables, MANNER, CORPUS)
    first, second = (ax for ax in figure.axes if ax.get_title() in tables)
    rows = [label.get_text() for label in first.get_yticklabels()]
    assert len(rows) == 59 and rows[-1] == "t" and "zh" not in rows
    none, shown = (mesh.get_array() for mesh in second.collections[:2])
    whole = np.ma.concatenate([none, shown], axis=1)
    others = [index for index, name in enumerate(rows) if name != "b"]
    # Offset 0 holds most frames of every phone, so that the largest cell is drawn.
    assert np.allclose(whole[others].max(axis=1), 1.0) and whole[others].min() >= 0.0
    assert whole[rows.index("b")].mask.all()
    assert "Offsets above 72 ms" in facts
    assert "by W2P, a grey row: t" in facts and "by W2P_shallow, a grey row: b" in facts
    assert "no row: zh" in facts
    assert {"Offset (ms)", "Share of frames", "Phones"} <= labels_of(figure)
    assert_legible(figure)


# --- gain ------------------------------------------------------------------------------------


def make_gain_tables(seed=0, n=None):
    """Alignment tables with shares of each phone and part."""
    random = np.random.default_rng(seed)
    base = make_tables(PHONES, seed)
    within = np.sort(random.random((60, 4)), axis=1)
    names = ("centre", "aligned", "centre_pm2", "aligned_pm2", "cap")
    values = dict(zip(names, (0.2, 0.3, 0.5, 0.45, 0.9), strict=True))
    summary = {part: values | {"frames": 4000} for part in ("test", "train", "all")}
    errors = {part: dict.fromkeys(names, 0.01) | {"speakers": 11} for part in summary}
    counts = base.n if n is None else n
    return AlignmentTables(
        **{**base.__dict__, "n": counts, "within": within, "summary": summary, "errors": errors}
    )


def test_gain_over_the_centre():
    table = make_gain_tables()
    table.summary["test"]["frames"] = 0
    shares = gain.part_shares({"W2P": table})
    assert list(shares.index) == [("W2P", "all"), ("W2P", "train")]
    assert shares.loc[("W2P", "all"), ["centre", "aligned_pm2", "cap"]].tolist() == [20, 45, 90]
    # Student's t with 10 degrees of freedom.
    assert shares.loc[("W2P", "all"), "centre_margin"] == pytest.approx(2.228, abs=1e-3)
    table.n[3] = 0
    phones = gain.phone_shares(table)
    assert list(phones.index) == [phone for k, phone in enumerate(PHONES) if k != 3]
    assert phones["aligned_pm2"].iloc[0] == pytest.approx(100 * table.within[0, 3])
    assert phones["centre_pm2"].iloc[0] == pytest.approx(100 * table.within[0, 1])


def test_gain_is_drawn_for_parts_and_phones():
    tables = {"W2P": make_gain_tables(0), "W2P_shallow": make_gain_tables(1)}
    figure, facts = gain.plot_alignment_gain(tables, MANNER, CORPUS)
    parts, *panels = figure.axes
    assert len(parts.get_yticklabels()) == 6
    for panel, table in zip(panels, tables.values(), strict=True):
        (dots,) = panel.collections
        assert np.allclose(dots.get_offsets(), 100 * table.within[:, [1, 3]])
    assert "W2P, all, 4,000 frames of 11 speakers: 20.0 % at the centre" in facts
    assert "within two steps 50.0 and 45.0 % (-5.0 points); cap 90.0 %." in facts
    assert "W2P: of 60 phones 60 gain by the alignment, 0 lose." in facts
    assert_legible(figure)


def test_gain_of_models_that_predict_no_phone_is_said_in_words():
    table = make_gain_tables(n=np.zeros(60, int))
    for part in table.summary.values():
        part["frames"] = 0
    figure, facts = gain.plot_alignment_gain({"W2P": table}, MANNER, CORPUS)
    assert facts == "No frame predicts a phone."
    assert_legible(figure)


# --- Silhouette ------------------------------------------------------------------------------


def test_score_table_means_only_defined_scores():
    table = silhouette.score_table(
        make_layers("abcdef", [[0.1, 0.2, 0.3, 0.4], [np.nan, 0.2, np.nan, 0.4]])
    )
    assert table.index.tolist() == [0, 1]
    assert table.columns.tolist() == [*PERCENTILES, "mean"]
    assert table["mean"].tolist() == pytest.approx([0.25, 0.3])
    assert silhouette.undefined_scores(table) == 2


def test_layer_names_and_numbers():
    assert [silhouette.layer_number(name) for name in ("input", "layer_05")] == [0, 5]
    assert [silhouette.layer_name(number) for number in (0, 12)] == ["input", "layer_12"]


def planted(before, after):
    table = pd.DataFrame([before, after], index=[4, 5], columns=list(PERCENTILES), dtype=float)
    table["mean"] = table.mean(axis=1)
    return table


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([[0.1, 0.1, 0.1, 0.5], [0.1, 0.1, 0.1, -0.5]], 96),  # opposite signs do not cancel
        ([[0.1, 0.6, 0.1, 0.5], [0.1, -0.2, 0.1, 0.1]], 90),
        ([[0.2, 0.2, 0.1, 0.0], [0.2, 0.2, 0.1, 0.0]], 87),  # the lower of equals
        ([[np.nan, 0.1, np.nan, np.nan], [np.nan, 0.2, 0.1, np.nan]], 90),
        ([[np.nan] * 4, [np.nan] * 4], None),
    ],
)
def test_percentile_of_the_largest_change(changes, expected):
    tables = {f"model {index}": planted([0.0] * 4, change) for index, change in enumerate(changes)}
    assert silhouette.percentile_of_largest_change(tables, 4, 5)[0] == expected


@pytest.mark.parametrize("layers", [13, 7])
def test_silhouette_over_layers(layers):
    scores = np.random.default_rng(0).uniform(-0.1, 0.4, (layers, 4))
    scores[3, 1] = np.nan
    layered = {
        model: make_layers("abcdef", scores)
        for model in ("W2L", "W2L_TL_frozen", "W2L_TL_finetuned")
    }
    figure, facts = silhouette.plot_silhouette_models(layered, 5, "annotated phones", CORPUS)
    titles = [ax.get_title() for ax in figure.axes]
    expected = [f"{style.ordinal(percentile)} percentile" for percentile in PERCENTILES]
    assert titles == [*expected, "Mean over percentiles"]
    for ax in figure.axes:
        assert any(line.get_xdata()[0] == 5.5 for line in ax.lines)
        assert len(ax.get_xticks()) == layers
    drawn = figure.axes[1].lines[0].get_ydata()
    assert np.allclose(drawn, scores[:, 1], equal_nan=True)
    assert "W2L 1 of" in facts and "W2L: 6 groups of 300 frames" in facts
    assert_legible(figure)
    both = {"predicted": layered["W2L"], "annotated": layered["W2L_TL_frozen"]}
    figure, facts = silhouette.plot_silhouette_groupings(both, "W2L", CORPUS)
    assert f"predicted letters {np.nanmax(scores):.2f}" in facts
    assert_legible(figure)


def test_silhouette_of_a_grouping_without_clusters():
    both = {
        "predicted": {},
        "annotated": make_layers("abc", [[np.nan] * 4] * 3),
    }
    figure, facts = silhouette.plot_silhouette_groupings(both, "W2L", CORPUS)
    assert "none is defined" in facts
    assert_legible(figure)


def test_naps_beside_snaps():
    snaps = make_layers("abcdef", [[0.1] * 4, [0.2, 0.4, np.nan, 0.3], [0.5] * 4, [0.0] * 4])
    naps = make_layers("abcdef", [[0.9] * 4, [0.4] * 4, [0.2] * 4, [np.nan] * 4])
    del naps["input"]
    scores = silhouette.profile_scores(snaps, naps)
    assert scores["SNAP"].tolist() == pytest.approx([0.1, 0.3, 0.5, 0.0])
    assert scores.index.tolist() == [0, 1, 2, 3]
    assert scores["NAP"].tolist() == pytest.approx([np.nan, 0.4, 0.2, np.nan], nan_ok=True)
    models = ["W2L", "W2L_TL_frozen", "W2L_TL_finetuned", "W2P", "W2P_shallow"]
    keys = [("W2L", "predicted"), *((model, "annotated") for model in models)]
    both = {"SNAP": snaps, "NAP": naps}
    figure, facts = silhouette.plot_silhouette_naps(dict.fromkeys(keys, both), CORPUS)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:2] == ["W2L, letters", "W2L, phones"]
    snap_line, nap_line = figure.axes[0].lines[:2]
    assert snap_line.get_ydata().tolist() == pytest.approx([0.1, 0.3, 0.5, 0.0])
    assert np.isnan(nap_line.get_ydata()[0])
    # Layers 1 and 2 have both: -0.1 and +0.3.
    assert "A, W2L, 6 groups of 300 frames: SNAPs score higher in 1 of 2 layers" in facts
    assert "on average by +0.10" in facts
    assert_legible(figure)


# --- clusters --------------------------------------------------------------------------------


def view_of(clustering, percentile=90, manner=MANNER):
    return clusters.ClusterView("A", "W2L, layer 4", clustering, percentile, manner)


def test_tree_keeps_clusters_together_and_colours_merges_below_the_cut():
    clustering = make_clustering(PHONES, seed=3)
    tree = clusters.lay_out_tree(view_of(clustering))
    assert sorted(tree.leaves) == list(range(60))
    assert (np.diff(tree.cluster) >= 0).all() and tree.cluster[0] == 1
    labels = clustering.labels[1][tree.leaves]
    for number in np.unique(tree.cluster):
        assert len(np.unique(labels[tree.cluster == number])) == 1
        assert (tree.size[tree.cluster == number] == (tree.cluster == number).sum()).all()
    below = tree.height.max(axis=1) <= clustering.cut[1]
    assert np.array_equal(tree.merged > 0, below)
    assert len(np.unique(tree.cluster)) == 7


def test_single_groups_are_grey():
    points = np.array([[0.0], [0.1], [0.2], [9.0]])[:, None]
    clustering = cluster_profiles(list("abcd"), np.ones(4, int), points, (60,))
    tree = clusters.lay_out_tree(view_of(clustering, 60, {}))
    colours = clusters.cluster_colours(tree)
    alone = [tree.cluster[place] for place, leaf in enumerate(tree.leaves) if leaf == 3]
    assert colours[alone[0]] == style.SINGLE
    assert clusters.main_clusters(view_of(clustering, 60, {})) == 1


def test_transfer_views_apply_the_criterion():
    scores = np.zeros((13, 4))
    scores[5] = [0.0, 0.0, 0.3, 0.1]
    layered = make_layers(PHONES[:8], scores)
    views, text = clusters.transfer_views(
        {"W2L": layered, "W2L_TL_frozen": layered}, ["W2L", "W2L_TL_frozen"], 5, MANNER
    )
    assert {view.percentile for view in views} == {93}
    assert [view.title for view in views] == [
        "W2L, layer 4", "W2L_TL_frozen, layer 4", "W2L, layer 5", "W2L_TL_frozen, layer 5",
    ]  # fmt: skip
    assert "0.300 at the 93rd percentile" in text


def test_transfer_views_without_any_defined_change_show_the_highest_percentile():
    layered = make_layers(PHONES[:8], np.full((13, 4), np.nan))
    views, text = clusters.transfer_views({"W2L": layered}, ["W2L"], 5, MANNER)
    assert {view.percentile for view in views} == {96} and "No change is defined" in text


def test_grouping_views_take_the_best_percentile_of_each_panel():
    letters, phones = np.zeros((7, 4)), np.zeros((7, 4))
    letters[5, 3] = letters[6, 0] = phones[5, 1] = phones[6, 2] = 0.5
    views, _ = clusters.grouping_views(
        make_layers(ALPHABET, letters), make_layers(PHONES, phones), 5, MANNER
    )
    assert [(view.title, view.percentile) for view in views] == [
        ("Letters, layer 5", 96),
        ("Phones, layer 5", 90),
        ("Letters, output layer 6", 87),
        ("Phones, output layer 6", 93),
    ]
    figure, _ = clusters.plot_clustermaps(views, CORPUS, shared=[(0, 1), (2, 3)])
    limits = [ax.collections[0].get_clim() for ax in figure.axes if _is_heatmap(ax)]
    assert len(limits) == 4 and limits[0] == limits[1] and limits[2] == limits[3]
    assert_legible(figure)
    a, b, c, d = views
    figure, facts = clusters.plot_dendrograms([[a, c], [b], [d]], CORPUS)
    assert facts.startswith("A, Letters, layer 5: ") and "; D, Phones, output layer 6: " in facts
    assert_legible(figure)


def _is_heatmap(ax):
    """Whether axes hold a distance map; a colour bar has one cell for each of 256 colours."""
    meshes = [item for item in ax.collections if isinstance(item, QuadMesh)]
    return len(meshes) == 1 and np.ptp(meshes[0].get_array().shape) == 0


def test_clustermap_shows_distances_in_leaf_order():
    clustering = make_clustering(PHONES, seed=5)
    view = view_of(clustering)
    figure, facts = clusters.plot_clustermaps([view], CORPUS)
    tree = clusters.lay_out_tree(view)
    (shown,) = [ax.collections[0].get_array() for ax in figure.axes if _is_heatmap(ax)]
    assert np.allclose(shown, clustering.distance[np.ix_(tree.leaves, tree.leaves)])
    assert np.allclose(np.diag(shown), 0.0)
    assert "Distance of SNAPs (activation units)" in labels_of(figure)
    assert "60 groups" in facts


def test_transfer_dendrograms_are_legible():
    views = [view_of(make_clustering(PHONES, seed)) for seed in range(4)]
    figure, _ = clusters.plot_dendrograms([[view] for view in views], CORPUS)
    assert_legible(figure)


def test_layers_with_less_than_two_groups_are_said_so_in_words():
    view = clusters.ClusterView("A", "Letters, layer 5", None, 96, {})
    for figure, facts in (
        clusters.plot_clustermaps([view], CORPUS),
        clusters.plot_dendrograms([[view]], CORPUS),
    ):
        assert "fewer than two groups" in facts
        assert_legible(figure)


# --- method ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 60, 103, 150, 205])
def test_hatched_times_are_those_that_centring_fills_with_zeros(step):
    aligned = centre_frame(np.ones((206, 1)), step)
    seconds = frame_times(206).numpy() * 0.008
    begin, end = method.padding_bounds(step)
    hatched = (begin < seconds) & (seconds < end)
    assert np.array_equal(aligned[:, 0] == 0, hatched)


def test_method_figure():
    layers = [make_layer("input layer", 0.008), make_layer("layer 4", 0.016)]
    figure, facts = method.plot_method(make_example(), layers, "a", 1234, MEL_HZ, "W2L", CORPUS)
    assert "shifted by -296 ms" in facts and "1,234 frames" in facts
    labels = labels_of(figure)
    assert {"Frequency (kHz)", "Time from centre (s)", "Time from alignment (s)"} <= labels
    assert {"ln power", "logit", "Feature map"} <= labels
    assert_legible(figure)


@pytest.mark.parametrize(
    ("pool", "importance", "title", "unit"),
    [
        ("signed", "shifted", "|pooled saliency|\n\u00d7 power above the floor", "logit"),
        ("absolute", "product", "pooled |saliency|\n\u00d7 ln power", "logit"),
        ("none", "saliency", "|saliency|", "\u2202 logit / \u2202 ln power"),
    ],
)
def test_method_figure_names_the_importance_that_was_used(pool, importance, title, unit):
    figure, _ = method.plot_method(
        make_example(), [], None, 0, MEL_HZ, "W2L", CORPUS, pool, importance
    )
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles[2] == f"Importance: {title}"
    bars = [ax.get_xlabel() for ax in figure.axes if not ax.get_title()]
    assert bars[2] == unit
    assert_legible(figure)


def test_method_figure_of_a_model_that_predicts_only_blanks():
    figure, facts = method.plot_method(make_example(), [], None, 0, MEL_HZ, "W2L", CORPUS)
    assert "nothing but the blank" in facts
    assert_legible(figure)


def test_png_bytes_do_not_depend_on_what_was_drawn_before():
    def png():
        tables = make_tables(PHONES[:6])
        figure, _ = contingency.plot_contingency(
            tables.contingency_aligned, PHONES[:6], ANNOTATED, MANNER, "M", CORPUS
        )
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    first = png()
    clusters.plot_dendrograms([[view_of(make_clustering(PHONES[:9]))]], CORPUS)
    assert png() == first
