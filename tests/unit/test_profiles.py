"""SNAP, NAvAI and NAP."""

from dataclasses import replace
from functools import partial

import h5py
import numpy as np
import pytest
from planted_maps import make_layer, random_groups, three_frames, through_file

from snaps.errors import StudyError
from snaps.features import open_features
from snaps.frames import frame_index
from snaps.introspection.alignment import AlignmentSettings
from snaps.introspection.dumps import DumpWriter, concatenate_frames, read_dump
from snaps.introspection.extraction import extract_batches, frame_steps
from snaps.introspection.group_sums import GroupSums
from snaps.introspection.layout import frame_times
from snaps.introspection.reference import ReferenceExtractor
from snaps.profiles import (
    Sums,
    compute_profiles,
    open_profiles,
    profile,
    read_sums,
    scale_mask,
    write_profiles,
)

LAYOUT = {
    "input": make_layer(8, live=(2, 7)),
    "layer_01": make_layer(5, live=(1, 4), kept=(0, 5), times=range(-1, 3)),
    "layer_02": make_layer(5, times=range(2)),
}
FEATURES = {"input": 3, "layer_01": 4, "layer_02": 2}
SYMBOLS = {
    "predicted": ["<blank>", "a", "b", "c", "d"],
    "annotated": ["h#", "x", "y", "z"],
}

random_batch = partial(random_groups, LAYOUT, FEATURES, SYMBOLS)


@pytest.fixture
def sums_of(tmp_path):
    """The sums of batches of one grouping, as a rule reads them."""

    def make(grouping, *batches):
        sums = GroupSums(SYMBOLS, LAYOUT)
        for batch in batches:
            sums.add(*batch)
        return through_file(tmp_path, sums, grouping)

    return make


@pytest.fixture
def three(tmp_path):
    """Profiles of one grouping of the three frames, by layer."""

    def make(grouping, **settings):
        return dict(compute_profiles(through_file(tmp_path, three_frames(), grouping), **settings))

    return make


def values(arrays, name):
    return arrays[name][..., 0]


def test_profiles_of_three_frames_on_paper(three):
    layers = three("predicted")
    arrays = layers["input"]
    # Aligned: (1 2 3 4), (0 5 6 7), and of the blank (9 9 9 0). All: (10 16 18 11) / 3.
    np.testing.assert_allclose(values(arrays, "baseline"), [10 / 3, 16 / 3, 6, 11 / 3])
    # a: (0.5 3.5 4.5 5.5) minus that.
    activation = [-17 / 6, -11 / 6, -1.5, 11 / 6]
    np.testing.assert_allclose(values(arrays, "activation"), [activation])
    # |saliency|, aligned: (0 2 1 0), (0 0 4 3); divided by 2.5 it is the mask.
    np.testing.assert_allclose(values(arrays, "saliency"), [[0, 1, 2.5, 1.5]])
    np.testing.assert_allclose(
        values(arrays, "snap"), [[0, -11 / 6 * 0.4, -1.5, 11 / 6 * 0.6]], rtol=1e-6
    )
    assert arrays["time"].tolist() == [-2, -1, 0, 1]
    # NAvAI: (0 0 1 2), (5 6 7 8) and (9 9 9 9); no mask.
    np.testing.assert_allclose(values(arrays, "navai"), [[-13 / 6, -2, -5 / 3, -4 / 3]])
    assert arrays["navai_time"].tolist() == [-2, -1, 0, 1]

    arrays = layers["layer_01"]
    # At times 0 and 1: (5 3), (3 1) and (2 0); |saliency| (3 0), (1 0).
    np.testing.assert_allclose(values(arrays, "activation"), [[4 - 10 / 3, 2 - 4 / 3]])
    np.testing.assert_allclose(values(arrays, "saliency"), [[2, 0]])
    np.testing.assert_allclose(values(arrays, "snap"), [[4 - 10 / 3, 0]])
    # NAP: not aligned, (2 3 2) minus (2 2 2), sorted.
    np.testing.assert_allclose(values(arrays, "nap"), [[0, 0, 1]], atol=1e-12)


def test_frames_without_a_group_count_in_the_baseline_alone(three):
    predicted, annotated = three("predicted"), three("annotated")
    for layer in ("input", "layer_01"):
        assert len(predicted[layer]["snap"]) == 1
        assert len(annotated[layer]["snap"]) == 2
        assert np.array_equal(predicted[layer]["baseline"], annotated[layer]["baseline"])
        assert np.array_equal(predicted[layer]["activation"], annotated[layer]["activation"][:1])


def test_the_second_group_on_paper(three):
    layers = three("annotated")
    # b: (9 9 9 0) minus (10 16 18 11) / 3; saliency (0 0 8 0).
    np.testing.assert_allclose(
        values(layers["input"], "activation")[1], [17 / 3, 11 / 3, 3, -11 / 3]
    )
    np.testing.assert_allclose(values(layers["input"], "snap")[1], [0, 0, 3, 0])
    np.testing.assert_allclose(values(layers["layer_01"], "nap")[1], [-2, 0, 0])


def test_baseline_of_the_groups(three):
    layers = three("annotated", baseline="groups")
    arrays = layers["input"]
    expected = np.array([4.75, 6.25, 6.75, 2.75])
    np.testing.assert_allclose(values(arrays, "baseline"), expected)
    np.testing.assert_allclose(
        values(arrays, "activation"), [[0.5, 3.5, 4.5, 5.5] - expected, [9, 9, 9, 0] - expected]
    )
    # Of NAvAI: means (2.5 3 4 5) and (9 9 9 9).
    np.testing.assert_allclose(values(arrays, "navai")[1], [3.25, 3, 2.5, 2])
    np.testing.assert_allclose(
        values(layers["layer_01"], "nap"),
        # Means (2 3 2) and (2 0 2), theirs (2 1.5 2).
        [[0, 0, 1.5], [-1.5, 0, 0]],
    )


def test_masks_scaled_by_the_layer(three):
    arrays = three("annotated", mask_scale="layer")["input"]
    mask = np.array([[0, 1, 2.5, 1.5], [0, 0, 8, 0]]) / 8
    np.testing.assert_allclose(values(arrays, "snap"), values(arrays, "activation") * mask)


def test_scale_mask_by_hand():
    saliency = np.array([[[1.0, 2.0]], [[4.0, 1.0]], [[0.0, 0.0]]])
    assert scale_mask(saliency).tolist() == [[[0.5, 1.0]], [[1.0, 0.25]], [[0.0, 0.0]]]
    layer = scale_mask(saliency, "layer")
    assert layer.tolist() == [[[0.25, 0.5]], [[1.0, 0.25]], [[0.0, 0.0]]]
    assert not scale_mask(np.zeros((2, 3, 4)), "layer").any()


def test_unknown_settings_are_refused():
    with pytest.raises(StudyError, match=r"profiles\.mask_scale is 'all'"):
        scale_mask(np.ones((1, 1, 1)), "all")
    with pytest.raises(StudyError, match=r"profiles\.baseline is 'none'"):
        profile(np.ones((1, 1, 1)), np.ones(1), np.ones((1, 1)), 1, "none")


def test_a_file_of_sums_gives_back_one_grouping(tmp_path):
    sums = GroupSums(SYMBOLS, LAYOUT)
    sums.add(*random_batch(12))
    for grouping, names in (("predicted", list("abcd")), ("annotated", list("xyz"))):
        read = through_file(tmp_path, sums, grouping)
        assert read.names == names
        assert np.array_equal(read.count, sums.arrays[f"{grouping}/count"])
        assert read.frames == 12
        assert list(read.times) == list(LAYOUT)
        assert all(np.array_equal(read.times[name], LAYOUT[name].times) for name in LAYOUT)
        expected = {}
        for name, values in sums.arrays.items():
            first, _, rest = name.partition("/")
            if first == grouping and rest != "count":
                expected[f"groups/{rest}"] = values
            elif first in LAYOUT:
                expected[name] = values
        assert read.arrays.keys() == expected.keys()
        assert all(np.array_equal(read.arrays[name], v) for name, v in expected.items())
        read.add(read_sums(tmp_path / "sums.h5", grouping))
        assert read.frames == 24
        assert np.array_equal(read.count, 2 * sums.arrays[f"{grouping}/count"])
        assert all(np.array_equal(read.arrays[name], 2 * v) for name, v in expected.items())


def test_sums_by_hand_give_profiles_by_hand():
    # Of four frames two are a's, none is b's and one is c's.
    sums = Sums(
        ["a", "b", "c"],
        np.array([2, 0, 1]),
        4,
        {
            "layer_01/total": np.array([[8.0, 4.0]]),
            "layer_01/nap_total": np.array([[4.0, 0.0], [0.0, 8.0]]),
            "groups/layer_01/activation": np.array([[[6.0, 2.0]], [[0.0, 0.0]], [[1.0, 3.0]]]),
            "groups/layer_01/saliency": np.array([[[4.0, 1.0]], [[0.0, 0.0]], [[0.0, 0.0]]]),
            "groups/layer_01/nap": np.array(
                [[[2.0, 0.0], [6.0, 2.0]], [[0.0, 0.0]] * 2, [[3.0, 0.0], [1.0, 5.0]]]
            ),
        },
        {"layer_01": np.array([0])},
    )
    ((layer, arrays),) = compute_profiles(sums)
    assert layer == "layer_01"
    assert arrays["baseline"].tolist() == [[2, 1]]
    assert arrays["activation"].tolist() == [[[1, 0]], [[-1, 2]]]
    assert arrays["saliency"].tolist() == [[[2, 0.5]], [[0, 0]]]
    # A group whose frames have no saliency has no SNAP.
    assert arrays["snap"].tolist() == [[[1, 0]], [[0, 0]]]
    # Means (1 0), (3 1) and (3 0), (1 5) minus (1 0), (0 2); each feature sorted.
    assert arrays["nap"].tolist() == [[[0, -1], [3, 0]], [[1, 0], [2, 3]]]
    assert list(arrays) == ["time", "activation", "baseline", "saliency", "snap", "nap"]


def slow_profile(batch, layer, grouping, group):
    """SNAP of one group, one frame and one step at a time."""
    maps, steps, columns = batch
    activation, saliency = maps.activation[layer], maps.saliency[layer]
    frames, _, features = activation.shape
    times = LAYOUT[layer].times.tolist()
    sums = np.zeros((3, len(times), features))
    mine = 0

    def cell(values, frame, step, first):
        inside = 0 <= step - first < values.shape[1]
        return values[frame, step - first].double().numpy() if inside else 0.0

    for frame in range(frames):
        is_mine = SYMBOLS[grouping][columns[grouping][frame]] == group
        mine += is_mine
        for row, time in enumerate(times):
            source = int(steps[layer][frame]) + time
            value = cell(activation, frame, source, LAYOUT[layer].kept[0])
            sums[0, row] += value
            if is_mine:
                sums[1, row] += value
                sums[2, row] += abs(cell(saliency, frame, source, LAYOUT[layer].live[0]))
    return (sums[1] / mine - sums[0] / frames) * sums[2] / sums[2].max()


def test_snaps_agree_with_a_loop(sums_of):
    batch = random_batch(30)
    for grouping in SYMBOLS:
        sums = sums_of(grouping, batch)
        for layer, arrays in compute_profiles(sums):
            for group, name in enumerate(sums.names):
                expected = slow_profile(batch, layer, grouping, name)
                np.testing.assert_allclose(arrays["snap"][group], expected, atol=1e-5)


def test_profiles_do_not_depend_on_shards(tmp_path, sums_of):
    batches = [random_batch(frames, seed) for seed, frames in enumerate((1, 13, 26))]
    for grouping in SYMBOLS:
        whole = sums_of(grouping, *batches)
        merged = sums_of(grouping, batches[0])
        for batch in batches[1:]:
            merged.add(sums_of(grouping, batch))
        assert merged.frames == 40
        pairs = zip(compute_profiles(merged), compute_profiles(whole), strict=True)
        for (layer, first), (_, second) in pairs:
            assert first.keys() == second.keys()
            for name in first:
                np.testing.assert_allclose(first[name], second[name], atol=1e-5, err_msg=layer)


@pytest.fixture
def extracted(make_network, make_features):
    """The layout of a network and the batches of maps of a few utterances."""
    network = make_network(filters=4, units=["<blank>", "a", "b"])
    # Saliency of an untrained network of this size would be below half precision.
    network.blocks[-1].conv.weight.data *= 1000
    extract = ReferenceExtractor(network)
    with open_features(make_features((240, 206, 230))) as features:
        utterance, start = frame_index(features.steps)
        batches = extract_batches(
            extract, extract.layout, features, utterance, start, 8, AlignmentSettings()
        )
        return extract.layout, list(batches)


def sums_of_thirds(folder, layout, batches):
    """Sums with every third frame in group a, every third in b, the others in none."""
    sums = GroupSums({"thirds": ["<blank>", "a", "b"]}, layout)
    for maps, columns in batches:
        thirds = {"thirds": columns["start"] // 2 % 3}
        sums.add(maps, frame_steps(columns), thirds)
    return through_file(folder, sums, "thirds")


def test_sums_of_a_dump_equal_those_in_memory(tmp_path, extracted):
    layout, batches = extracted
    columns = concatenate_frames(b.columns for b in batches)
    with h5py.File(tmp_path / "dump.h5", "w") as file:
        writer = DumpWriter(file, np.arange(len(columns["start"])), layout)
        for batch in batches:
            writer.append(batch.maps)
    dumped = (
        (maps, {name: values[rows] for name, values in columns.items()})
        for rows, maps in read_dump(tmp_path / "dump.h5", 5)
    )
    dumped = sums_of_thirds(tmp_path, layout, dumped)
    streamed = sums_of_thirds(tmp_path, layout, ((b.maps, b.columns) for b in batches))
    for (layer, first), (_, second) in zip(
        compute_profiles(dumped), compute_profiles(streamed), strict=True
    ):
        # Half precision rounds by 2^-11 of a value at most.
        activation, saliency = (
            2**-11 * max(float(getattr(b.maps, kind)[layer].abs().max()) for b in batches)
            for kind in ("activation", "saliency")
        )
        np.testing.assert_allclose(first["saliency"], second["saliency"], atol=saliency)
        for name in ("activation", "baseline", "navai" if layer == "input" else "nap"):
            np.testing.assert_allclose(first[name], second[name], atol=2 * activation)
        tolerance = 2 * activation + 2**-9 * np.abs(second["activation"]).max()
        np.testing.assert_allclose(first["snap"], second["snap"], atol=tolerance)
        assert np.abs(second["snap"]).max() > tolerance, layer


def test_times_that_are_not_listed_have_no_snap(tmp_path, extracted):
    layout, batches = extracted
    everywhere = {
        name: replace(layer, times=frame_times(layer.steps)) for name, layer in layout.items()
    }
    found = []
    for times in (layout, everywhere):
        sums = GroupSums({"annotated": ["aa", "b", "s", "h#"]}, times)
        for batch in batches:
            sums.add(batch.maps, batch.steps, batch.columns)
        found.append(compute_profiles(through_file(tmp_path, sums, "annotated")))
    for (layer, few), (_, all_times) in zip(*found, strict=True):
        shown = np.isin(all_times["time"], few["time"])
        assert not all_times["snap"][:, ~shown].any(), layer
        np.testing.assert_allclose(few["snap"], all_times["snap"][:, shown], atol=1e-5)
        assert few["snap"].any(), layer


def test_a_profile_file_gives_back_the_profiles(tmp_path):
    path = tmp_path / "profiles.h5"
    sums = through_file(tmp_path, three_frames(), "annotated")
    attributes = {"model": "W2L", "absent": ["c"], "mask_scale": "layer", "frames": 3}
    layers = compute_profiles(sums, mask_scale="layer")
    write_profiles(path, ["a", "b"], np.array([2, 1]), layers, attributes)
    expected = dict(compute_profiles(sums, mask_scale="layer"))
    with open_profiles(path) as profiles:
        assert profiles.groups == ["a", "b"]
        assert profiles.count.tolist() == [2, 1]
        assert profiles.layers == ["input", "layer_01"]
        assert profiles.attrs == attributes
        for layer, arrays in expected.items():
            for name in ("snap", "activation", "saliency", "baseline"):
                read = getattr(profiles, name)(layer)
                assert read.dtype == np.float32
                assert np.array_equal(read, arrays[name].astype(np.float32)), name
            assert np.array_equal(profiles.time(layer), arrays["time"])
            np.testing.assert_allclose(
                profiles.mask(layer) * profiles.activation(layer), profiles.snap(layer), rtol=1e-5
            )
        assert np.array_equal(profiles.navai(), expected["input"]["navai"].astype(np.float32))
        assert profiles.navai_time().tolist() == [-2, -1, 0, 1]
        nap = expected["layer_01"]["nap"].astype(np.float32)
        assert np.array_equal(profiles.nap("layer_01"), nap)
    with h5py.File(path) as file:
        assert file["count"].dtype == "i8"
        assert set(file["input"]) == {
            "snap", "activation", "saliency", "baseline", "time", "navai", "navai_time",
        }  # fmt: skip


@pytest.mark.parametrize("mask_scale", ["group", "layer"])
def test_a_network_that_predicts_blanks_alone_gives_an_empty_file(tmp_path, sums_of, mask_scale):
    maps, steps, columns = random_batch(5)
    columns["predicted"][:] = 0
    layers = compute_profiles(sums_of("predicted", (maps, steps, columns)), mask_scale=mask_scale)
    path = tmp_path / "profiles.h5"
    write_profiles(path, [], np.empty(0, int), layers, {"mask_scale": mask_scale})
    with open_profiles(path) as profiles:
        assert profiles.groups == []
        assert profiles.snap("layer_01").shape == (0, 4, 4)


def test_nap_sorts_each_feature_on_its_own(sums_of):
    maps, steps, columns = random_batch(10)
    arrays = dict(compute_profiles(sums_of("annotated", (maps, steps, columns))))["layer_01"]
    values = maps.activation["layer_01"].double().numpy()
    for group in range(3):
        mine = columns["annotated"] == group + 1
        profile_of_group = values[mine].mean(axis=0) - values.mean(axis=0)
        for feature in range(4):
            expected = sorted(profile_of_group[:, feature])
            np.testing.assert_allclose(arrays["nap"][group, :, feature], expected, atol=1e-5)
