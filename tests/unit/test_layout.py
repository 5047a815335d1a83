"""Which steps of a frame are live and kept, and the times of a SNAP."""

import numpy as np
import pytest
import torch
from planted_maps import in_whole_frame

from snaps.introspection.alignment import (
    IMPORTANCES,
    PEAKS,
    POOLS,
    AlignmentSettings,
    alignment_steps,
    centre_maps,
)
from snaps.introspection.layout import frame_layout, frame_times
from snaps.introspection.maps import Maps
from snaps.introspection.reference import ReferenceExtractor
from snaps.networks import ConvStack, Layer, live_steps

MODELS = ["W2P_shallow", "W2L"]


def test_frame_times_begin_so_that_the_centre_is_zero():
    assert frame_times(206).tolist() == list(range(-103, 103))
    assert frame_times(103).tolist() == list(range(-51, 52))
    assert frame_times(4).tolist() == [-2, -1, 0, 1]
    assert frame_times(1).tolist() == [0]


def test_layout_of_the_shallow_network_by_hand(make_network):
    layout = frame_layout(make_network("W2P_shallow"))
    # Backwards from step 51: kernels of 1 and 7 steps, then 24 before to 23 after two times 39..63.
    # Kept is the width of the live steps more on either side; times go from one less than the
    # width before (first live step, aligned at the last) to the width after (pooling moves the
    # alignment to the step before the first).
    expected = {
        "input": (206, (54, 150), (0, 206), (-103, 102)),
        "layer_01": (103, (39, 64), (14, 89), (-24, 25)),
        "layer_02": (103, (42, 61), (23, 80), (-18, 19)),
        "layer_03": (103, (45, 58), (32, 71), (-12, 13)),
        "layer_04": (103, (48, 55), (41, 62), (-6, 7)),
        "layer_05": (103, (51, 52), (50, 53), (0, 1)),
        "layer_06": (103, (51, 52), (50, 53), (0, 1)),
    }
    assert list(layout) == list(expected)
    for name, (steps, live, kept, (first, last)) in expected.items():
        layer = layout[name]
        assert (layer.steps, layer.live, layer.kept) == (steps, live, kept), name
        assert layer.times.tolist() == list(range(first, last + 1)), name


def test_layout_of_the_deep_network_by_hand(make_network):
    layout = frame_layout(make_network("W2L"))
    # The kernel of 32 steps sees 36..67, each of seven steps 3 more on either side.
    live = [(0, 206), *((12 + 3 * k, 92 - 3 * k) for k in range(9)), *[(51, 52)] * 3]
    assert [layer.live for layer in layout.values()] == live
    # Widths of 80 to 38 steps reach beyond both ends of the frame, 32 do not.
    kept = [(0, 206), *[(0, 103)] * 8, (4, 100), *[(50, 53)] * 3]
    assert [layer.kept for layer in layout.values()] == kept
    # A frame shows times -51..51; more than 51 steps wide, all of them can differ from zero.
    times = [(-103, 102), *[(-51, 51)] * 5, (-49, 50), (-43, 44), (-37, 38), (-31, 32)]
    times += [(0, 1)] * 3
    for layer, (first, last) in zip(layout.values(), times, strict=True):
        assert layer.times.tolist() == list(range(first, last + 1))


@pytest.mark.parametrize("model", MODELS)
def test_layers_align_at_the_target_or_the_middle_of_the_frame(make_network, model):
    network = make_network(model)
    layout = frame_layout(network)
    assert [layer.centre for layer in layout.values()] == [103] + [51] * len(network.layers)
    # The centre, where a constant map is left, is kept and live in every layer.
    assert all(layer.live[0] <= layer.centre < layer.live[1] for layer in layout.values())
    bounds = live_steps(network.layers, 206, 51)
    assert [layer.live for layer in layout.values()] == bounds


def test_layout_of_another_frame_and_network():
    # 20 steps; outputs 20, 20, 10: target 5 sees 10..11 of layer 1, these 8..13 of the input.
    layers = [Layer(2, 5), Layer(2, 2, 2)]
    layout = frame_layout(ConvStack(3, layers, ["<blank>", "a"]), steps=20)
    assert [layer.steps for layer in layout.values()] == [20, 20, 10]
    left = Layer(2, 2, 2).padding[0]
    first = 5 * 2 - left
    assert layout["layer_01"].live == (first, first + 2)
    assert layout["input"].live == (first - 2, first + 4)
    assert layout["layer_01"].kept == (first - 2, first + 4)
    assert layout["layer_01"].times.tolist() == [-1, 0, 1, 2]
    assert layout["layer_02"].kept == (4, 7)


def test_live_steps_end_at_the_frame():
    # A kernel of 300 steps sees the whole of any frame.
    layout = frame_layout(ConvStack(3, [Layer(2, 300), Layer(2, 1)], ["<blank>", "a"]))
    assert layout["input"].live == layout["input"].kept == (0, 206)
    assert layout["layer_01"].live == (103, 104)
    assert layout["layer_01"].kept == (102, 105)


def sparse_maps(layout, frames, seed):
    """Non-negative activations and saliency in a few cells, so that peaks lie anywhere."""
    rng = np.random.default_rng(seed)
    activation, saliency = {}, {}
    for name, layer in layout.items():
        first, stop = layer.live
        values = rng.random((frames, layer.steps, 2)).astype(np.float32)
        values *= rng.random((frames, layer.steps, 1)) < rng.uniform(0.01, 1, (frames, 1, 1))
        weights = np.zeros((frames, layer.steps, 2), np.float32)
        weights[:, first:stop] = rng.normal(size=(frames, stop - first, 2))
        weights[:, first:stop] *= rng.random((frames, stop - first, 1)) < 0.7
        # Nothing at all; peaks at the ends of what is possible; a peak at the far end of it.
        values[:4] = 0
        for frame, step in ((1, max(first - 1, 0)), (2, first), (3, stop - 1)):
            values[frame, step] = 1
            weights[frame, first] = weights[frame, stop - 1] = 1
        activation[name], saliency[name] = torch.from_numpy(values), torch.from_numpy(weights)
    return activation, saliency


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("importance", IMPORTANCES)
@pytest.mark.parametrize("peak", PEAKS)
def test_live_kept_and_times_hold_all_that_a_profile_needs(
    make_network, model, pool, importance, peak
):
    layout = frame_layout(make_network(model))
    activation, saliency = sparse_maps(layout, 60, 0)
    maps = Maps(
        torch.zeros(60, dtype=torch.int64),
        torch.zeros(60),
        {n: v[:, slice(*layout[n].kept)] for n, v in activation.items()},
        {n: v[:, slice(*layout[n].live)] for n, v in saliency.items()},
    )
    steps = alignment_steps(maps, layout, AlignmentSettings(pool, importance, peak))
    *hidden, _ = list(layout)[1:]
    for name, layer in layout.items():
        everywhere = frame_times(layer.steps)
        shown = torch.isin(everywhere, layer.times)
        weight = centre_maps(saliency[name], 0, steps[name], everywhere)
        assert weight[:, shown].any()
        assert not weight[:, ~shown].any(), name
        if name in hidden and pool != "none" and importance != "saliency":
            first, stop = layer.live
            assert steps[name][1:4].tolist() == [first - 1, first, stop - 1]
            if stop - first < 50:
                # Nor can one time be spared.
                assert weight[:, shown][:, [0, -1]].any(dim=(0, 2)).all(), name
        # Cropping to what is kept changes nothing at the times that are shown.
        whole = centre_maps(activation[name], 0, steps[name], layer.times)
        cropped = centre_maps(maps.activation[name], layer.kept[0], steps[name], layer.times)
        assert torch.equal(cropped, whole), name


@pytest.mark.parametrize("model", ["W2P_shallow", "W2L"])
def test_live_and_kept_steps_of_a_network(make_network, make_spectrogram, model):
    extract = ReferenceExtractor(make_network(model))
    signal = torch.from_numpy(make_spectrogram(212))
    starts = torch.tensor([0, 2, 4, 6])
    maps = extract(signal, starts)
    frames = torch.stack([signal[start : start + 206] for start in starts])
    outputs, gradients, _, _ = extract.whole_maps(frames)
    for (name, layer), output, gradient in zip(
        extract.layout.items(), outputs, gradients, strict=True
    ):
        assert torch.equal(maps.activation[name], output[:, slice(*layer.kept)])
        whole = in_whole_frame(maps.saliency[name], layer.live[0], layer.steps)
        assert torch.equal(whole, gradient), name
