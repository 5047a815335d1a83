"""Dumps of maps and the frames file."""

import h5py
import numpy as np
import pytest
import torch
from planted_maps import make_layer, random_maps, rows_of

from snaps.introspection.dumps import (
    DumpWriter,
    concatenate_frames,
    read_dump,
    read_frames,
    write_frames,
)

LAYOUT = {
    "input": make_layer(206, live=(54, 150)),
    "layer_01": make_layer(103, live=(39, 64), kept=(14, 89)),
    "layer_02": make_layer(103, live=(51, 52), kept=(50, 53)),
}
FEATURES = {"input": 128, "layer_01": 6, "layer_02": 3}


def maps_of(frames):
    return random_maps(LAYOUT, FEATURES, frames)


def write_dump(path, maps, frames, batch, layers=None):
    with h5py.File(path, "w") as file:
        writer = DumpWriter(file, frames, LAYOUT, layers)
        for start in range(0, len(frames), batch):
            writer.append(rows_of(maps, slice(start, start + batch)))


@pytest.mark.parametrize(("written", "read"), [(7, 4), (4, 7), (23, 1), (1, 23), (100, 100)])
def test_a_dump_gives_back_half_precision_whatever_the_batches(tmp_path, written, read):
    maps, frames = maps_of(23), np.arange(100, 123)
    write_dump(tmp_path / "dump.h5", maps, frames, written)
    rows, batches = zip(*read_dump(tmp_path / "dump.h5", read), strict=True)
    assert [r for s in rows for r in range(s.start, s.stop)] == list(range(23))
    assert max(s.stop - s.start for s in rows) <= read
    for kind in ("activation", "saliency"):
        assert all(list(getattr(batch, kind)) == list(LAYOUT) for batch in batches)
        for layer in LAYOUT:
            values = torch.cat([getattr(batch, kind)[layer] for batch in batches])
            expected = getattr(maps, kind)[layer].numpy().astype(np.float16)
            assert values.dtype == torch.float32
            assert np.array_equal(values, expected.astype(np.float32)), (kind, layer)


def test_a_dump_has_the_names_types_and_chunks_of_the_contract(tmp_path):
    frames = np.arange(50, 91)
    write_dump(tmp_path / "dump.h5", maps_of(41), frames, 16)
    with h5py.File(tmp_path / "dump.h5") as file:
        assert np.array_equal(file["frame"][:], frames)
        assert file["frame"].dtype == "i8"
        assert set(file) == {"frame", *LAYOUT}
        assert file.attrs["layers"].tolist() == list(LAYOUT)
        for name, layer in LAYOUT.items():
            assert set(file[name]) == {"activation", "saliency"}
            for kind, (first, stop) in (("activation", layer.kept), ("saliency", layer.live)):
                data, shape = file[name][kind], (stop - first, FEATURES[name])
                assert (data.dtype, data.shape) == ("f2", (41, *shape))
                assert data.attrs["axes"].tolist() == ["frame", "step", "feature"]
                # Where in the frame the stored steps lie.
                assert data.attrs["first_step"] == first
                # Whole frames, in a power of two that fits into a mebibyte but not twice.
                assert data.chunks[1:] == shape
                chunk = data.chunks[0] * 2 * np.prod(shape)
                assert data.chunks[0] in {1, 2, 4, 8, 16, 32, 41}
                assert chunk <= 2**20
                assert 2 * chunk > 2**20 or data.chunks[0] == 41
                assert data._filters


def test_a_dump_of_some_layers_holds_these_alone(tmp_path):
    maps = maps_of(5)
    write_dump(tmp_path / "dump.h5", maps, np.arange(5), 2, ["layer_02", "input"])
    with h5py.File(tmp_path / "dump.h5") as file:
        assert set(file) == {"frame", "input", "layer_02"}
    ((rows, read),) = read_dump(tmp_path / "dump.h5", 9)
    assert rows == slice(0, 5)
    assert list(read.activation) == list(read.saliency) == ["layer_02", "input"]
    assert torch.equal(read.saliency["input"], maps.saliency["input"].half().float())


def test_values_beyond_half_precision_are_rounded_as_numpy_does(tmp_path):
    maps = maps_of(4)
    values = torch.tensor([0.1, -25.328436, 1e-7, 65504.0, 2049.0, 6e-8])
    maps.activation["layer_01"][0, 0] = values
    write_dump(tmp_path / "dump.h5", maps, np.arange(4), 4)
    ((_, read),) = read_dump(tmp_path / "dump.h5", 4)
    expected = values.numpy().astype(np.float16).astype(np.float32)
    assert np.array_equal(read.activation["layer_01"][0, 0], expected)


def test_compression_loses_nothing_and_saves_space(tmp_path):
    maps = maps_of(30)
    for values in maps.saliency.values():
        values[:, : 4 * values.shape[1] // 5] = 0
    write_dump(tmp_path / "dump.h5", maps, np.arange(30), 30)
    with h5py.File(tmp_path / "dump.h5") as file:
        data = file["layer_01"]["saliency"]
        assert data.id.get_storage_size() < 0.6 * data.size * 2


def columns(frames, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "utterance": rng.integers(0, 9, frames).astype(np.int32),
        "logit": rng.normal(size=frames).astype(np.float32),
        "step/input": rng.integers(0, 206, frames).astype(np.int16),
        "step/layer_01": rng.integers(0, 103, frames).astype(np.int16),
        "step/navai": rng.integers(0, 206, frames).astype(np.int16),
    }


def test_a_frames_file_gives_back_its_columns(tmp_path):
    written = columns(12)
    write_frames(tmp_path / "frames.h5", written)
    read = read_frames(tmp_path / "frames.h5")
    assert read.keys() == written.keys()
    for name, values in written.items():
        assert np.array_equal(read[name], values)
        assert read[name].dtype == values.dtype


def test_frames_of_shards_are_joined_in_order():
    parts = [columns(count, seed) for seed, count in enumerate((5, 1, 3))]
    joined = concatenate_frames(iter(parts))
    assert joined.keys() == parts[0].keys()
    for name, values in joined.items():
        assert values.tolist() == [v for p in parts for v in p[name].tolist()]
        assert values.dtype == parts[0][name].dtype
