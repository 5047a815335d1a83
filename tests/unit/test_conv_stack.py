"""The fast extractor gives the maps of the reference, to the rounding of single precision.

The reference computes in double precision here: in single it is no nearer to the truth.
"""

from copy import deepcopy
from itertools import product

import numpy as np
import pytest
import torch
from planted_maps import rows_of, through_file
from torch.nn import functional

from snaps.errors import StudyError
from snaps.features import SILENCE, open_features
from snaps.frames import frame_index
from snaps.introspection.alignment import (
    IMPORTANCES,
    PEAKS,
    POOLS,
    AlignmentSettings,
    alignment_steps,
    importance_map,
)
from snaps.introspection.conv_stack import ConvStackExtractor, fold_norm, unpadded_steps
from snaps.introspection.convolution import as_image, convolve
from snaps.introspection.engines import choose_extractor
from snaps.introspection.extraction import extract_batches
from snaps.introspection.group_sums import GroupSums
from snaps.introspection.layout import frame_layout
from snaps.introspection.maps import Maps
from snaps.introspection.reference import ReferenceExtractor
from snaps.networks import BLOCK_ORDERS, Block, ConvStack, Layer
from snaps.profiles import compute_profiles

MODELS = ["W2L", "W2P", "W2P_shallow", "W2L_TL_frozen", "W2L_TL_finetuned"]
SETTINGS = AlignmentSettings()


def all_starts(steps):
    return torch.arange(0, steps - 206 + 1, 2)


class DoubleReference:
    """The reference, in double precision."""

    def __init__(self, network):
        self.extract = ReferenceExtractor(deepcopy(network).double())
        self.layout = self.extract.layout

    def __call__(self, signal, starts):
        maps = self.extract(signal.double(), starts)
        single = (
            {name: values.float() for name, values in part.items()}
            for part in (maps.activation, maps.saliency)
        )
        return Maps(maps.predicted, maps.logit.float(), *single)


def same_gates(fast, slow, layout):
    """Frames whose relus are open and shut alike: at an input of zero either is right."""
    same = torch.ones(len(fast.predicted), dtype=torch.bool)
    for name, layer in list(layout.items())[1:-1]:
        first, stop = (step - layer.kept[0] for step in layer.live)
        gates = (maps.activation[name][:, first:stop] > 0 for maps in (fast, slow))
        same &= torch.eq(*gates).all(dim=(1, 2))
    return same


def assert_near(values, expected, name, single=None):
    """Within 1e-5 of the largest value, or as near as the reference in single precision."""
    assert values.shape == expected.shape, name
    assert values.dtype == expected.dtype == torch.float32, name
    if expected.numel():
        allowed = 1e-5 * float(expected.abs().max())
        if single is not None:
            allowed = max(allowed, float((single - expected).abs().max()))
        assert float((values - expected).abs().max()) <= allowed, name


def assert_same_maps(fast, slow, layout, single=None):
    """Equal within 1e-5 of the largest value of each layer, or as near as those of `single`."""
    same = same_gates(fast, slow, layout)
    assert same.float().mean() >= 0.9
    assert torch.equal(fast.predicted, slow.predicted)
    assert_near(fast.logit, slow.logit, "logit")
    assert list(fast.activation) == list(fast.saliency) == list(layout)
    for name in layout:
        rounded = None if single is None else single.activation[name]
        assert_near(fast.activation[name], slow.activation[name], name, rounded)
        assert_near(fast.saliency[name][same], slow.saliency[name][same], name)


def assert_same_steps(fast, slow, layout, settings=SETTINGS):
    """Equal alignment steps, but where two steps are as important to the last digits."""
    same = same_gates(fast, slow, layout)
    found, expected = (alignment_steps(maps, layout, settings) for maps in (fast, slow))
    assert list(found) == list(expected) == [*layout, "navai"]
    for name in expected:
        differ = torch.nonzero((found[name] != expected[name]) & same)[:, 0]
        if not len(differ):
            continue
        layer, maps = layout["input" if name == "navai" else name], rows_of(slow, differ)
        if name == "navai":
            importance, first = maps.saliency["input"].abs(), layer.live[0]
        else:
            importance, first = importance_map(
                maps.activation[name], maps.saliency[name], layer, settings, name == "input"
            )
        by_cell = settings.peak == "cell" or name == "navai"
        course = importance.amax(dim=2) if by_cell else importance.sum(dim=2)
        rows = torch.arange(len(differ))
        here, there = (course[rows, steps[name][differ] - first] for steps in (found, expected))
        torch.testing.assert_close(here, there, rtol=1e-4, atol=0)
    for name in ("input", "navai"):
        assert torch.eq(found[name], expected[name])[same].float().mean() >= 0.9


def assert_equal_to_reference(network, signal, starts):
    fast, slow = ConvStackExtractor(network), DoubleReference(network)
    maps, expected = fast(signal, starts), slow(signal, starts)
    assert_same_maps(maps, expected, slow.layout)
    assert_same_steps(maps, expected, slow.layout)
    return maps


def enliven(network):
    """Convolutions that keep the size of what passes through, as training leaves them."""
    with torch.no_grad():
        for block in network.blocks:
            block.conv.weight *= 6**0.5
    return network


def perturb(network, seed=0):
    """Batch normalisations as training can leave them: scales of zero and below zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for block in network.blocks:
            scale = block.norm.weight
            signs = torch.rand(len(scale), generator=generator)
            scale[signs < 0.4] *= -1
            # Not the only channel of a narrow layer.
            if len(scale) > 2:
                scale[0] = 0
    return network


def train(network, make_spectrogram, steps=8):
    """A few steps of CTC: convolutions, scales and statistics change together."""
    batch = torch.from_numpy(np.stack([make_spectrogram(300, seed) for seed in range(2)]))
    targets = torch.randint(1, len(network.units), (2, 20), generator=torch.manual_seed(0))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    network.train()
    for _ in range(steps):
        logits = network(batch).log_softmax(dim=2).transpose(0, 1)
        loss = functional.ctc_loss(logits, targets, [150] * 2, [20] * 2, zero_infinity=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize(
    ("model", "filters"),
    [*((model, 6) for model in MODELS), *product(["W2L", "W2P_shallow"], [2, 20])],
)
def test_every_model_gives_the_maps_of_the_reference(
    make_network, make_spectrogram, model, order, filters
):
    network = make_network(model, filters=filters, seed=filters, order=order)
    signal = torch.from_numpy(make_spectrogram(251, filters))
    maps = assert_equal_to_reference(network, signal, all_starts(251))
    assert len(maps.predicted) == 23
    # A layer of two filters may well be shut.
    assert filters == 2 or all(values.any() for values in maps.activation.values())


@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_full_width_gives_the_maps_of_the_reference(make_network, make_spectrogram, model):
    network = make_network(model, filters=256)
    signal, starts = torch.from_numpy(make_spectrogram(210)), torch.tensor([0, 4])
    # In single precision, as the study computes.
    fast, slow = ConvStackExtractor(network), ReferenceExtractor(network)
    assert_same_maps(fast(signal, starts), slow(signal, starts), slow.layout)


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_scales_of_zero_and_below_zero(make_network, make_spectrogram, model, order):
    network = perturb(make_network(model, filters=12, order=order))
    assert all((block.norm.weight == 0).any() for block in network.blocks)
    assert all((block.norm.weight < 0).any() for block in network.blocks)
    signal = torch.from_numpy(make_spectrogram(240))
    maps = assert_equal_to_reference(network, signal, all_starts(240))
    if order == "norm_conv":
        # Nothing passes the channel.
        assert not any(maps.saliency[name][..., 0].any() for name in network.layer_names[:-1])


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_a_network_that_was_trained(make_network, make_spectrogram, model, order):
    torch.manual_seed(0)
    network = train(make_network(model, filters=8, order=order), make_spectrogram)
    signal, starts = torch.from_numpy(make_spectrogram(280, 9)), all_starts(280)
    fast, slow = ConvStackExtractor(network), DoubleReference(network)
    maps, expected = fast(signal, starts), slow(signal, starts)
    # Where the convolution comes first, it meets ln power far from zero, and digits are lost.
    single = ReferenceExtractor(network)(signal, starts) if order == "conv_norm" else None
    assert_same_maps(maps, expected, slow.layout, single)
    assert_same_steps(maps, expected, slow.layout)


@pytest.fixture(scope="module")
def both_maps(make_network, make_spectrogram):
    """Layout of a network, and maps of the fast extractor and the reference."""
    network = enliven(make_network("W2P_shallow", filters=8))
    signal, starts = torch.from_numpy(make_spectrogram(250)), all_starts(250)
    fast, slow = ConvStackExtractor(network), DoubleReference(network)
    return slow.layout, fast(signal, starts), slow(signal, starts)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("importance", IMPORTANCES)
@pytest.mark.parametrize("peak", PEAKS)
def test_every_reading_aligns_alike(both_maps, pool, importance, peak):
    layout, fast, slow = both_maps
    assert_same_steps(fast, slow, layout, AlignmentSettings(pool, importance, peak))


@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
@pytest.mark.parametrize("signal", ["silence", "zeros", "loud"])
def test_signals_without_change(make_network, model, signal):
    value = {"silence": SILENCE, "zeros": 0.0, "loud": 5.0}[signal]
    network = make_network(model, filters=6)
    extract, reference = ConvStackExtractor(network), DoubleReference(network)
    signal, starts = torch.full((230, 128), value), all_starts(230)
    assert_same_maps(extract(signal, starts), reference(signal, starts), reference.layout)


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
@pytest.mark.parametrize("steps", [206, 207, 208, 241])
def test_frames_at_both_ends_of_an_utterance(make_network, make_spectrogram, model, order, steps):
    network = make_network(model, order=order)
    signal = torch.from_numpy(make_spectrogram(steps))
    starts = torch.unique(torch.tensor([0, (steps - 206) // 2 * 2]))
    maps = assert_equal_to_reference(network, signal, starts)
    # What lies beyond a frame does not matter to it: it is cut out, as if it were all there is.
    for row, start in enumerate(starts.tolist()):
        frame = signal[start : start + 206].clone()
        alone = assert_equal_to_reference(network, frame, torch.tensor([0]))
        for name in network.layer_names:
            assert_near(alone.activation[name][0], maps.activation[name][row], name)


def test_frames_may_come_in_any_order_and_more_than_once(make_network, make_spectrogram):
    network = make_network("W2L")
    signal = torch.from_numpy(make_spectrogram(300))
    extract = ConvStackExtractor(network)
    starts = torch.tensor([94, 0, 40, 40, 2])
    maps, ordered = extract(signal, starts), extract(signal, all_starts(300))
    rows = starts // 2
    for name in network.layer_names:
        assert_near(maps.activation[name], ordered.activation[name][rows], name)
        assert_near(maps.saliency[name], ordered.saliency[name][rows], name)


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_utterances_of_any_length_in_batches_of_any_size(make_network, make_features, model, order):
    network = enliven(make_network(model, filters=6, order=order))
    fast, slow = ConvStackExtractor(network), DoubleReference(network)
    # 4, 0, 1, 9, 0, 1 and 8 frames.
    path = make_features((213, 205, 206, 223, 100, 207, 221))
    with open_features(path) as features:
        utterance, start = frame_index(features.steps)
        assert len(start) == 23
        for batch in (1, 9):
            batches = zip(
                *(
                    extract_batches(
                        extract, slow.layout, features, utterance, start, batch, SETTINGS
                    )
                    for extract in (fast, slow)
                ),
                strict=True,
            )
            for mine, expected in batches:
                assert_same_maps(mine.maps, expected.maps, slow.layout)
                assert_same_steps(mine.maps, expected.maps, slow.layout)
                assert mine.columns.keys() == expected.columns.keys()
                for name in ("utterance", "start", "predicted", "annotated"):
                    assert np.array_equal(mine.columns[name], expected.columns[name]), name
                for name, steps in mine.steps.items():
                    assert np.array_equal(mine.columns[f"step/{name}"], steps), name


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize("model", MODELS)
def test_snaps_are_those_of_the_reference(tmp_path, make_network, make_spectrogram, model, order):
    network = make_network(model, filters=8, order=order, units=["<blank>", "a", "b", "c"])
    fast, slow = ConvStackExtractor(enliven(network)), DoubleReference(network)
    signal, starts = torch.from_numpy(make_spectrogram(250)), all_starts(250)
    groups = np.arange(len(starts)) // 2 % 4
    maps, expected = fast(signal, starts), slow(signal, starts)
    assert_same_steps(maps, expected, slow.layout)
    # Of two steps that are as important either is right: take the same.
    steps = alignment_steps(expected, slow.layout, SETTINGS)
    rows = torch.nonzero(same_gates(maps, expected, slow.layout))[:, 0]
    assert len(rows) >= 0.9 * len(starts)
    found = []
    for part in (maps, expected):
        sums = GroupSums({"annotated": network.units}, slow.layout)
        for mine in rows.split(7):
            of_mine = {name: values[mine] for name, values in steps.items()}
            sums.add(rows_of(part, mine), of_mine, {"annotated": groups[mine]})
        found.append(compute_profiles(through_file(tmp_path, sums, "annotated")))
    for (name, arrays), (_, of_reference) in zip(*found, strict=True):
        assert arrays.keys() == of_reference.keys()
        for kind, values in of_reference.items():
            distance = np.linalg.norm(arrays[kind] - values)
            assert distance <= 1e-4 * np.linalg.norm(values), (name, kind)
        assert of_reference["snap"].any(), name


def random_stack(seed):
    """A small network of any shape whose frames can share a pass."""
    rng = np.random.default_rng(seed)
    strided = int(rng.integers(0, 4))
    layers = []
    for number in range(int(rng.integers(2, 6))):
        kernel = int(rng.integers(1, 12))
        stride = 2 if number == strided else 1
        layers.append(Layer(int(rng.integers(1, 7)), kernel * stride, stride))
    layers.append(Layer(4, int(rng.integers(1, 3))))
    torch.manual_seed(seed)
    network = ConvStack(5, layers, ["<blank>", "a", "b", "c"], BLOCK_ORDERS[seed % 2])
    for block in network.blocks:
        block.norm.running_mean.normal_()
        block.norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(block.norm.weight, -1, 1.5)
        torch.nn.init.normal_(block.norm.bias, 0.3)
    return network.eval()


@pytest.mark.parametrize("seed", range(24))
def test_stacks_of_any_shape_give_the_maps_of_the_reference(seed):
    # Kernels of odd and even width, strides in any layer or none.
    network = random_stack(seed)
    assert ConvStackExtractor.supports(network)
    signal = torch.randn(231, 5, generator=torch.Generator().manual_seed(seed))
    fast, slow = ConvStackExtractor(network), DoubleReference(network)
    starts = all_starts(231)
    assert_same_maps(fast(signal, starts), slow(signal, starts), slow.layout)


@pytest.mark.parametrize("kernel", [2, 6, 50, 52])
def test_a_first_kernel_that_pads_an_odd_number_of_steps(make_spectrogram, kernel):
    torch.manual_seed(0)
    layers = [Layer(6, kernel, 2), Layer(5, 7), Layer(3, 1)]
    network = ConvStack(128, layers, ["<blank>", "a", "b"]).eval()
    signal = torch.from_numpy(make_spectrogram(226))
    assert_equal_to_reference(network, signal, all_starts(226))


def test_maps_leave_the_network_and_the_signal_as_they_are(make_network, make_spectrogram):
    network, signal = make_network(), torch.from_numpy(make_spectrogram(220))
    state, copy = {k: v.clone() for k, v in network.state_dict().items()}, signal.clone()
    extract = ConvStackExtractor(network)
    first = extract(signal, all_starts(220))
    second = extract(signal, all_starts(220))
    assert torch.equal(signal, copy)
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    for name in network.layer_names:
        # Nor does a later call touch the maps of an earlier one.
        assert torch.equal(first.activation[name], second.activation[name])
        assert torch.equal(first.saliency[name], second.saliency[name])
        assert first.activation[name].data_ptr() != second.activation[name].data_ptr()


def test_unpadded_steps_by_hand(make_network):
    # Layer 1 pads 24 steps before and 22 after and goes by two: 12 outputs see padding before the
    # 206 steps, 11 after; each kernel of seven steps takes 3 on either side, that of 32 15 and 16.
    deep = unpadded_steps(make_network("W2L").layers, 206)
    spans = [(12 + 3 * k, 92 - 3 * k) for k in range(9)]
    assert deep == [(0, 206), *spans, (51, 52), (51, 52), (51, 52)]
    shallow = unpadded_steps(make_network("W2P_shallow").layers, 206)
    assert shallow == [(0, 206), *spans[:5], spans[4]]
    # Kernel 6, stride 2: padding of 3 and 1; step 2 sees 1..6, step 8 sees 13..18 of 20.
    assert unpadded_steps((Layer(2, 6, 2),), 20) == [(0, 20), (2, 9)]
    assert unpadded_steps((Layer(2, 4),), 10) == [(0, 10), (1, 8)]


def test_folding_by_hand():
    # Scale 2, mean 3, bias 5 of one channel: y = 2 x - 1. Kernel (1, 10, 100), bias 7.
    block = Block(1, Layer(1, 3), "norm_conv", True).eval()
    with torch.no_grad():
        block.norm.running_var.fill_(1 - 1e-3)
        block.norm.running_mean.fill_(3.0)
        block.norm.weight.fill_(2.0)
        block.norm.bias.fill_(5.0)
        block.conv.weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
        block.conv.bias.fill_(7.0)
    weight, bias = fold_norm(block, 4, Layer(1, 3))
    torch.testing.assert_close(weight, torch.tensor([[[2.0, 20.0, 200.0]]]))
    # Four steps: padding before the first leaves out its 1, after the last its 100.
    expected = torch.tensor([[7.0 - 110], [7 - 111], [7 - 111], [7 - 11]])
    torch.testing.assert_close(bias, expected)
    block.order = "conv_norm"
    # 2 (w x + 7) - 1, whatever is padded.
    weight, bias = fold_norm(block, 4, Layer(1, 3))
    torch.testing.assert_close(weight, torch.tensor([[[2.0, 20.0, 200.0]]]))
    torch.testing.assert_close(bias, torch.full((4, 1), 13.0))


@pytest.mark.parametrize("order", BLOCK_ORDERS)
@pytest.mark.parametrize("layer", [Layer(4, 7), Layer(4, 8), Layer(4, 6, 2), Layer(4, 48, 2)])
def test_a_folded_block_is_the_block(order, layer):
    torch.manual_seed(0)
    block = Block(3, layer, order, rectified=False).eval()
    block.norm.running_mean.normal_()
    block.norm.running_var.uniform_(0.5, 2)
    torch.nn.init.uniform_(block.norm.weight, -1, 1)
    torch.nn.init.normal_(block.norm.bias)
    x = torch.randn(2, 3, 30)
    with torch.no_grad():
        weight, bias = fold_norm(block, 30, layer)
        y = convolve(x.transpose(1, 2), as_image(weight), layer.stride, layer.padding) + bias
        torch.testing.assert_close(y, block(x).transpose(1, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("order", BLOCK_ORDERS)
def test_the_models_of_the_study_are_supported(make_network, model, order):
    network = make_network(model, filters=2, order=order)
    assert ConvStackExtractor.supports(network)
    for engine in ("auto", "conv_stack"):
        assert isinstance(choose_extractor(network, engine), ConvStackExtractor)
    assert isinstance(choose_extractor(network), ConvStackExtractor)
    assert isinstance(choose_extractor(network, "reference"), ReferenceExtractor)
    layouts = [choose_extractor(network, engine).layout for engine in ("auto", "reference")]
    for name, expected in frame_layout(network).items():
        for layout in layouts:
            layer = layout[name]
            assert (layer.steps, layer.kept) == (expected.steps, expected.kept)
            assert layer.live == expected.live
            assert torch.equal(layer.times, expected.times)


UNSUPPORTED = {
    # Of step 51 padding is 49 or 50 steps away, less what the layer below has lost.
    "a wide kernel on top": [Layer(3, 48, 2), Layer(3, 100), Layer(3, 1)],
    "a frame that is one step too short": [Layer(3, 48, 2), Layer(3, 7), Layer(3, 75), Layer(3, 1)],
    "a kernel wider than the frame": [Layer(3, 300, 2), Layer(3, 1)],
    "four steps from output to output": [Layer(3, 8, 2), Layer(3, 4, 2), Layer(3, 1)],
    "a stride that is not the hop's": [Layer(3, 9, 3), Layer(3, 1)],
    "a kernel that its stride does not divide": [Layer(3, 7, 2), Layer(3, 1)],
}


@pytest.mark.parametrize("layers", UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_other_networks_go_through_the_reference(make_spectrogram, layers):
    torch.manual_seed(0)
    network = ConvStack(128, layers, ["<blank>", "a", "b"]).eval()
    assert not ConvStackExtractor.supports(network)
    with pytest.raises(ValueError, match="cannot share a pass: use the reference"):
        ConvStackExtractor(network)
    with pytest.raises(StudyError, match=r"engine is conv_stack.*use auto or reference"):
        choose_extractor(network, "conv_stack")
    extract = choose_extractor(network)
    assert isinstance(extract, ReferenceExtractor)
    maps = extract(torch.from_numpy(make_spectrogram(208)), torch.tensor([0, 2]))
    for name, layer in extract.layout.items():
        assert maps.saliency[name].shape[1] == layer.live[1] - layer.live[0]


def test_a_kernel_that_just_fits_is_supported(make_spectrogram):
    # Steps 12 to 91 are free of padding after the first layer, 15 to 88 after the second: from
    # step 51 that is 36 before and 37 after, a kernel of 74 steps.
    torch.manual_seed(0)
    layers = [Layer(3, 48, 2), Layer(3, 7), Layer(3, 74), Layer(3, 1)]
    network = ConvStack(128, layers, ["<blank>", "a", "b"]).eval()
    assert frame_layout(network)["input"].live == (0, 206)
    signal = torch.from_numpy(make_spectrogram(230))
    assert_equal_to_reference(network, signal, all_starts(230))


def test_what_is_no_stack_is_not_supported():
    assert not ConvStackExtractor.supports(torch.nn.Linear(2, 2))


def test_an_unknown_engine_is_refused(make_network):
    with pytest.raises(StudyError, match=r"introspection\.engine is 'fast': use one of"):
        choose_extractor(make_network(), "fast")
