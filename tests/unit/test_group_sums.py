"""Sums of aligned maps over the frames of each group."""

from functools import partial

import h5py
import numpy as np
import pytest
import torch
from planted_maps import (
    in_whole_frame,
    make_layer,
    random_groups,
    random_maps,
    rows_of,
    three_frames,
    through_file,
)

from snaps.introspection.group_sums import GroupSums, group_members, group_names, write_sums
from snaps.introspection.layout import frame_times
from snaps.introspection.maps import Maps

# Layers that are whole, cropped in the middle, and cropped at one end.
LAYOUT = {
    "input": make_layer(8, live=(3, 6)),
    "layer_01": make_layer(7, live=(2, 5), kept=(1, 6), times=range(-2, 4)),
    "layer_02": make_layer(5, live=(0, 1), kept=(0, 2), times=range(2)),
}
FEATURES = {"input": 3, "layer_01": 4, "layer_02": 2}
SYMBOLS = {
    "predicted": ["<blank>", "a", "b", "c", "d"],
    "annotated": ["x", "h#", "y", "z"],
}

random_batch = partial(random_groups, LAYOUT, FEATURES, SYMBOLS)


def batch_rows(batch, rows):
    maps, steps, columns = batch
    steps, columns = ({n: v[rows] for n, v in part.items()} for part in (steps, columns))
    return rows_of(maps, rows), steps, columns


def slow_sums(batch):
    """The same sums one frame, one step at a time, from maps of whole frames."""
    maps, steps, columns = batch
    frames = len(maps.predicted)
    sums = {"frames": np.array([frames])}

    def add(name, shape, values, row=None):
        total = sums.setdefault(name, np.zeros(shape))
        if row is None:
            total += values
        else:
            total[row] += values

    groups = {
        grouping: [name for name in names if name not in ("<blank>", "h#")]
        for grouping, names in SYMBOLS.items()
    }
    for grouping, names in groups.items():
        add(f"{grouping}/count", len(names), 0)
    for frame in range(frames):
        members = []
        for grouping, names in groups.items():
            symbol = SYMBOLS[grouping][columns[grouping][frame]]
            if symbol in names:
                members.append((grouping, len(names), names.index(symbol)))
                sums[f"{grouping}/count"][names.index(symbol)] += 1
        for name, layer in LAYOUT.items():
            activation = in_whole_frame(maps.activation[name], layer.kept[0], layer.steps)
            saliency = in_whole_frame(maps.saliency[name], layer.live[0], layer.steps)
            activation = activation[frame].double().numpy()
            saliency = np.abs(saliency[frame].double().numpy())

            def centred(values, step, times):
                rows = [
                    values[step + time] if 0 <= step + time < len(values) else 0 * values[0]
                    for time in times.tolist()
                ]
                return np.array(rows)

            step = int(steps[name][frame])
            stages = {
                "activation": (centred(activation, step, layer.times), "total"),
                "saliency": (centred(saliency, step, layer.times), None),
            }
            if name == "input":
                whole = frame_times(layer.steps)
                aligned = centred(activation, int(steps["navai"][frame]), whole)
                stages["navai"] = (aligned, "navai_total")
            else:
                stages["nap"] = (activation[slice(*layer.kept)], "nap_total")
            for stage, (values, total) in stages.items():
                if total:
                    add(f"{name}/{total}", values.shape, values)
                for grouping, size, row in members:
                    add(f"{grouping}/{name}/{stage}", (size, *values.shape), values, row)
    return sums


def assert_same_sums(first, second, atol=5e-5):
    assert first.keys() == second.keys()
    for name, expected in second.items():
        np.testing.assert_allclose(first[name], expected, atol=atol, err_msg=name)


def test_sums_of_three_frames_on_paper():
    arrays = three_frames().arrays
    sums = {name: values.tolist() for name, values in arrays.items()}
    # Predicted: a, a, blank; annotated: a, a, b; nothing is c.
    assert sums["frames"] == [3]
    assert sums["predicted/count"] == [2, 0, 0]
    assert sums["annotated/count"] == [2, 1, 0]

    def of(name):
        return arrays[name][..., 0].tolist()

    # Aligned: (1 2 3 4), (0 5 6 7) and (9 9 9 0); |saliency|: (0 2 1 0), (0 0 4 3), (0 0 8 0).
    assert of("input/total") == [10, 16, 18, 11]
    assert of("predicted/input/activation") == [[1, 7, 9, 11], [0] * 4, [0] * 4]
    assert of("annotated/input/activation") == [[1, 7, 9, 11], [9, 9, 9, 0], [0] * 4]
    assert of("predicted/input/saliency") == [[0, 2, 5, 3], [0] * 4, [0] * 4]
    assert of("annotated/input/saliency") == [[0, 2, 5, 3], [0, 0, 8, 0], [0] * 4]
    # NAvAI: (0 0 1 2), (5 6 7 8), (9 9 9 9).
    assert of("input/navai_total") == [14, 15, 17, 19]
    assert of("annotated/input/navai") == [[5, 6, 8, 10], [9] * 4, [0] * 4]
    # At times 0 and 1: (5 3), (3 1), (2 0); |saliency|: (3 0), (1 0), (5 0).
    assert of("layer_01/total") == [10, 4]
    assert of("annotated/layer_01/activation") == [[8, 4], [2, 0], [0, 0]]
    assert of("annotated/layer_01/saliency") == [[4, 0], [5, 0], [0, 0]]
    # Not aligned: (1 5 3), (3 1 1), (2 0 2).
    assert of("layer_01/nap_total") == [6, 6, 6]
    assert of("annotated/layer_01/nap") == [[4, 6, 4], [2, 0, 2], [0, 0, 0]]


@pytest.mark.parametrize("frames", [1, 2, 37])
def test_sums_agree_with_a_loop(frames):
    batch = random_batch(frames, seed=frames)
    sums = GroupSums(SYMBOLS, LAYOUT)
    sums.add(*batch)
    expected = slow_sums(batch)
    # A grouping without members has zeros, not nothing.
    for name in sums.arrays.keys() - expected.keys():
        assert not sums.arrays.pop(name).any()
    assert_same_sums(sums.arrays, expected)
    for name, values in sums.arrays.items():
        counts = name == "frames" or name.endswith("/count")
        assert values.dtype == (torch.int64 if counts else torch.float64), name


@pytest.mark.parametrize(
    "members",
    [[2, 0, -1, 2, 2, 5, -1, 0, 5], [-1] * 9, [3] * 9, [0, 1, 2, 3, 4, 5, 6, 0, 1]],
)
def test_every_selection_of_groups_agrees_with_numpy(members):
    symbols, members = {"predicted": ["<blank>", *"abcdefg"]}, np.array(members)
    layout = {"input": make_layer(5)}
    maps = random_maps(layout, {"input": 4}, 9)
    centre = torch.full((9,), 2)
    sums = GroupSums(symbols, layout)
    sums.add(maps, {"input": centre, "navai": centre}, {"predicted": members + 1})
    expected = np.zeros((7, 5, 4))
    mine = members >= 0
    np.add.at(expected, members[mine], maps.activation["input"].double().numpy()[mine])
    found = sums.arrays["predicted/input/activation"].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not found[~np.isin(np.arange(7), members)].any()
    np.testing.assert_allclose(sums.arrays["predicted/input/navai"], expected, atol=1e-5)
    count = np.bincount(members[mine], minlength=7)
    assert np.array_equal(sums.arrays["predicted/count"], count)


def test_sums_do_not_depend_on_batches_and_shards(tmp_path):
    batch = random_batch(40)
    whole = GroupSums(SYMBOLS, LAYOUT)
    whole.add(*batch)
    shards = []
    for first, stop in ((0, 1), (1, 14), (14, 40)):
        shard = GroupSums(SYMBOLS, LAYOUT)
        for start in range(first, stop, 6):
            shard.add(*batch_rows(batch, slice(start, min(start + 6, stop))))
        shards.append(shard)
    for grouping in SYMBOLS:
        merged = through_file(tmp_path, shards[0], grouping)
        for shard in shards[1:]:
            merged.add(through_file(tmp_path, shard, grouping))
        expected = through_file(tmp_path, whole, grouping)
        assert merged.frames == expected.frames == 40
        assert np.array_equal(merged.count, expected.count)
        assert_same_sums(merged.arrays, expected.arrays)


def test_frames_of_a_batch_may_come_in_any_order():
    batch = random_batch(20)
    sums, shuffled = GroupSums(SYMBOLS, LAYOUT), GroupSums(SYMBOLS, LAYOUT)
    sums.add(*batch)
    shuffled.add(*batch_rows(batch, np.random.default_rng(0).permutation(20)))
    assert_same_sums(shuffled.arrays, sums.arrays)


def constant_maps(layout, frames, value):
    """Frames whose every cell has one value; they are aligned where they are."""

    cells = {name: torch.full((frames, layer.steps, 1), value) for name, layer in layout.items()}
    maps = Maps(torch.zeros(frames, dtype=torch.int64), torch.zeros(frames), cells, cells)
    steps = {name: torch.full((frames,), layer.centre) for name, layer in layout.items()}
    return maps, steps | {"navai": steps["input"]}


def test_many_frames_are_summed_without_loss():
    # In float32 the sum would stop growing at 2^24.
    layout = {"input": make_layer(1), "layer_01": make_layer(1)}
    sums = GroupSums({"predicted": ["<blank>", "a"]}, layout)
    maps, steps = constant_maps(layout, 3, 1.0)
    columns = {"predicted": np.array([1, 1, 0])}
    sums.add(maps, steps, columns)
    totals = [name for name in sums.arrays if name not in ("frames", "predicted/count")]
    assert len(totals) == 5 + 5
    for name in totals:
        sums.arrays[name].fill_(2.0**24)
    for _ in range(5):
        sums.add(maps, steps, columns)
    for name in totals:
        assert sums.arrays[name].item() == 2.0**24 + (15 if name.endswith("total") else 10), name


def test_precision_does_not_depend_on_the_number_of_batches():
    layout, frames, batches = {"input": make_layer(2)}, 64, 2000
    sums = GroupSums({"predicted": ["<blank>", "a"]}, layout)
    maps, steps = constant_maps(layout, frames, -9.1)
    columns = {"predicted": np.ones(frames, int)}
    exact = float(np.float32(-9.1))
    for batch in range(1, batches + 1):
        sums.add(maps, steps, columns)
        if batch in (10, batches):
            for name in ("input/total", "input/navai_total", "predicted/input/activation"):
                mean = sums.arrays[name] / (batch * frames)
                # One sum of 64 values in single precision; 128,000 would be off by 1e-5 and more.
                np.testing.assert_allclose(mean, exact, rtol=5e-7, err_msg=name)
    np.testing.assert_allclose(
        sums.arrays["predicted/input/saliency"] / (batches * frames), -exact, rtol=5e-7
    )


def test_adding_leaves_the_maps_as_they_are():
    maps, steps, columns = random_batch(6)
    before = rows_of(maps, slice(None))
    copies = [
        {name: values.clone() for name, values in part.items()}
        for part in (before.activation, before.saliency, steps)
    ]
    GroupSums(SYMBOLS, LAYOUT).add(maps, steps, columns)
    for part, copy in zip((maps.activation, maps.saliency, steps), copies, strict=True):
        assert all(torch.equal(part[name], values) for name, values in copy.items())


def test_a_file_of_sums_has_the_names_of_the_sums(tmp_path):
    sums = GroupSums(SYMBOLS, LAYOUT)
    sums.add(*random_batch(12))
    write_sums(tmp_path / "sums.h5", sums)
    with h5py.File(tmp_path / "sums.h5") as file:
        for name, values in sums.arrays.items():
            assert np.array_equal(file["sums"][name], values), name
            assert file["sums"][name].dtype == values.numpy().dtype
        assert {name: item[:].tolist() for name, item in file["time"].items()} == {
            name: layer.times.tolist() for name, layer in LAYOUT.items()
        }
        assert [name.decode() for name in file["groups/annotated"]] == ["x", "y", "z"]


def test_groups_are_all_units_but_blank_and_silence():
    units = ["<blank>", "b", "h#", " ", "aa"]
    assert group_names(units) == ["b", " ", "aa"]
    members = group_members(np.array([0, 1, 2, 3, 4, 4], np.int16), units)
    assert members.tolist() == [-1, 0, -1, 1, 2, 2]
