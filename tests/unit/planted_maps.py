"""Layouts, maps and sums that the tests of several modules are made from."""

import numpy as np
import torch

from snaps.introspection.group_sums import GroupSums, write_sums
from snaps.introspection.layout import LayerLayout, frame_times
from snaps.introspection.maps import Maps
from snaps.profiles import read_sums


def make_layer(steps, live=None, kept=None, times=None):
    """A layer of which all steps live and are kept, or those that are given."""
    times = frame_times(steps) if times is None else torch.tensor(times)
    return LayerLayout(steps, live or (0, steps), kept or (0, steps), times)


def random_maps(layout, features, frames, seed=0):
    """Maps of that layout; `features` of each layer."""
    generator = torch.Generator().manual_seed(seed)

    def arrays(steps, scale):
        values = {}
        for name, layer in layout.items():
            first, stop = getattr(layer, steps)
            shape = frames, stop - first, features[name]
            values[name] = scale * torch.randn(shape, generator=generator)
        return values

    predicted = torch.randint(0, 3, (frames,), generator=generator)
    return Maps(predicted, torch.zeros(frames), arrays("kept", 5.0), arrays("live", 0.01))


def random_groups(layout, features, symbols, frames, seed=0):
    """Maps of frames, their alignment steps, and their columns among the symbols."""
    rng = np.random.default_rng(seed)
    steps = {
        name: torch.from_numpy(rng.integers(0, layer.steps, frames))
        for name, layer in layout.items()
    }
    steps["navai"] = torch.from_numpy(rng.integers(0, layout["input"].steps, frames))
    columns = {
        name: rng.integers(0, len(names), frames).astype(np.int16)
        for name, names in symbols.items()
    }
    return random_maps(layout, features, frames, seed), steps, columns


def rows_of(maps, rows):
    """The maps of some of the frames."""
    return Maps(
        maps.predicted[rows],
        maps.logit[rows],
        {name: values[rows] for name, values in maps.activation.items()},
        {name: values[rows] for name, values in maps.saliency.items()},
    )


def join_maps(parts):
    """The maps of all batches in their order."""
    parts = list(parts)

    def join(kind):
        return {
            name: torch.cat([getattr(part, kind)[name] for part in parts])
            for name in getattr(parts[0], kind)
        }

    return Maps(
        torch.cat([part.predicted for part in parts]),
        torch.cat([part.logit for part in parts]),
        join("activation"),
        join("saliency"),
    )


def in_whole_frame(values, first, steps):
    """Some steps of a map as all steps of its frame: (frames, steps, features), zero elsewhere."""
    whole = values.new_zeros(len(values), steps, values.shape[2])
    whole[:, first : first + values.shape[1]] = values
    return whole


def through_file(folder, sums, grouping):
    """One grouping of sums, written to a file and read back."""
    write_sums(folder / "sums.h5", sums)
    return read_sums(folder / "sums.h5", grouping)


def three_frames():
    """Sums of three frames; predicted: a, a, blank; annotated: a, a, b; nothing is c."""

    def column(*rows):
        return torch.tensor(rows, dtype=torch.float32)[..., None]

    layout = {"input": make_layer(4), "layer_01": make_layer(3, times=[0, 1])}
    maps = Maps(
        torch.tensor([1, 1, 0]),
        torch.zeros(3),
        {
            "input": column([1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9, 9]),
            "layer_01": column([1, 5, 3], [3, 1, 1], [2, 0, 2]),
        },
        {
            "input": column([0, -2, 1, 0], [0, 4, -3, 0], [0, 0, 0, 8]),
            "layer_01": column([0, 3, 0], [-1, 0, 0], [0, 0, 5]),
        },
    )
    steps = {
        "input": torch.tensor([2, 1, 3]),
        "layer_01": torch.tensor([1, 0, 2]),
        "navai": torch.tensor([0, 2, 2]),
    }
    symbols = {"predicted": ["<blank>", "a", "b", "c"], "annotated": ["h#", "a", "b", "c"]}
    sums = GroupSums(symbols, layout)
    sums.add(maps, steps, {"predicted": np.array([1, 1, 0]), "annotated": np.array([1, 1, 2])})
    return sums
