"""Activations and saliency by automatic differentiation: the definition of a frame's maps."""

import numpy as np
import pytest
import torch
from planted_maps import in_whole_frame

from snaps.introspection.reference import ReferenceExtractor
from snaps.networks import ConvStack, Layer, live_steps

MODELS = ["W2P_shallow", "W2L", "W2P"]


def two_layers():
    """A network to differentiate on paper: kernels of one step, two bands, two hidden, two units.

    Normalised input: u = (2 x0 - 1, x1). Hidden: h = relu(u0 - u1, 2 u0 + u1 - 1), normalised
    v = (h0, h1 / 2 + 1). Logits: (v0 + v1 / 2, -v0 + 2 v1).
    """
    network = ConvStack(2, [Layer(2, 1), Layer(2, 1)], ["<blank>", "a"]).eval()
    first, second = network.blocks
    with torch.no_grad():
        for block in network.blocks:
            block.norm.running_var.fill_(1 - 1e-3)
        first.norm.weight.copy_(torch.tensor([2.0, 1.0]))
        first.norm.running_mean.copy_(torch.tensor([0.5, 0.0]))
        second.norm.weight.copy_(torch.tensor([1.0, 0.5]))
        second.norm.bias.copy_(torch.tensor([0.0, 1.0]))
        first.conv.weight.copy_(torch.tensor([[1.0, -1.0], [2.0, 1.0]])[..., None])
        first.conv.bias.copy_(torch.tensor([0.0, -1.0]))
        second.conv.weight.copy_(torch.tensor([[1.0, 0.5], [-1.0, 2.0]])[..., None])
        second.conv.bias.zero_()
    return network


def whole_maps(network, frames):
    """Activation and saliency of all steps by layer, logits and predictions, as arrays."""
    frames = torch.as_tensor(np.asarray(frames))
    *maps, logit, predicted = ReferenceExtractor(network).whole_maps(frames)
    activation, saliency = (
        dict(zip(network.layer_names, (tensor.numpy() for tensor in tensors), strict=True))
        for tensors in maps
    )
    return activation, saliency, logit.numpy(), predicted.numpy()


def test_maps_by_hand():
    # At the target, step 1 of 3: x = (1, 2), u = (1, 2), h = (relu(-1), 3), v = (0, 2.5),
    # logits (1.25, 5): unit 1 wins. d/dv = (-1, 2), d/dh = (-1, 1); only h1 passes its relu:
    # d/du = 1 x (2, 1), d/dx = (4, 1).
    frame = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], np.float32)
    activation, saliency, logit, predicted = whole_maps(two_layers(), frame[None])
    assert predicted.tolist() == [1]
    np.testing.assert_allclose(logit, [5.0], rtol=1e-5)
    zero = [0.0, 0.0]
    expected = {
        "input": [zero, [4.0, 1.0], zero],
        "layer_01": [zero, [-1.0, 1.0], zero],
        "layer_02": [zero, [0.0, 1.0], zero],
    }
    for layer, values in expected.items():
        np.testing.assert_allclose(saliency[layer][0], values, atol=1e-5)
    # Step 0: u = (-1, 0), h = 0, v = (0, 1). Step 2: u = (5, 1), h = (4, 10), v = (4, 6).
    np.testing.assert_array_equal(activation["input"][0], frame)
    hidden = [[0.0, 0.0], [0.0, 3.0], [4.0, 10.0]]
    logits = [[0.5, 2.0], [1.25, 5.0], [7.0, 8.0]]
    np.testing.assert_allclose(activation["layer_01"][0], hidden, atol=1e-4)
    np.testing.assert_allclose(activation["layer_02"][0], logits, atol=1e-4)


def test_the_other_unit_wins_where_its_logit_is_larger():
    # x = (3, -7): u = (5, -7), h = (12, 2), v = (12, 2), logits (13, -8). d/dh = (1, 1/4), both
    # relus are open: d/du = (1 + 2/4, -1 + 1/4), d/dx = (3, -3/4).
    frame = np.array([[[0, 0], [3, -7], [0, 0]]], np.float32)
    _, saliency, logit, predicted = whole_maps(two_layers(), frame)
    assert predicted.tolist() == [0]
    np.testing.assert_allclose(logit, [13.0], rtol=1e-5)
    np.testing.assert_allclose(saliency["layer_01"][0, 1], [1.0, 0.25], rtol=1e-5)
    np.testing.assert_allclose(saliency["input"][0, 1], [3.0, -0.75], rtol=1e-5)


def test_frames_of_a_signal_by_hand():
    # The target is step 103 of 206; of layers that look at no other step only the two beside it are
    # kept. The frames that begin at steps 0, 2 and 4 keep 102..104, 104..106 and 106..108.
    signal = torch.zeros(210, 2)
    signal[103] = torch.tensor([1.0, 2.0])
    signal[104] = torch.tensor([3.0, 1.0])
    signal[107] = torch.tensor([3.0, -7.0])
    maps = ReferenceExtractor(two_layers())(signal, torch.tensor([0, 2, 4]))
    # At rest: u = (-1, 0), h = (0, 0), v = (0, 1), logits (0.5, 2).
    assert maps.predicted.tolist() == [1, 1, 0]
    np.testing.assert_allclose(maps.logit, [5.0, 2.0, 13.0], rtol=1e-5)
    assert torch.equal(maps.activation["input"], signal.unfold(0, 206, 2).transpose(1, 2))
    rest, first, next_to_it, last = [0.0, 0.0], [0.0, 3.0], [4.0, 10.0], [12.0, 2.0]
    hidden = [[rest, first, next_to_it], [next_to_it, rest, rest], [rest, last, rest]]
    np.testing.assert_allclose(maps.activation["layer_01"], hidden, atol=1e-4)
    rest, first, next_to_it, last = [0.5, 2.0], [1.25, 5.0], [7.0, 8.0], [13.0, -8.0]
    logits = [[rest, first, next_to_it], [next_to_it, rest, rest], [rest, last, rest]]
    np.testing.assert_allclose(maps.activation["layer_02"], logits, atol=1e-4)
    expected = {
        "input": [[4.0, 1.0], [0.0, 0.0], [3.0, -0.75]],
        # At rest d/dv = (-1, 2) too, but no relu is open.
        "layer_01": [[-1.0, 1.0], [-1.0, 1.0], [1.0, 0.25]],
        "layer_02": [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]],
    }
    for layer, values in expected.items():
        np.testing.assert_allclose(maps.saliency[layer][:, 0], values, atol=1e-5)
        assert maps.saliency[layer].shape == (3, 1, 2)


@pytest.mark.parametrize("order", ["norm_conv", "conv_norm"])
@pytest.mark.parametrize("model", ["W2P_shallow", "W2L"])
def test_saliency_agrees_with_finite_differences(make_network, make_spectrogram, model, order):
    network = make_network(model, order=order).double()
    frame = make_spectrogram(206)[None].astype(np.float64)
    activations, saliencies, _, predicted = whole_maps(network, frame)
    bounds = live_steps(network.layers, 206, 51)
    unit = int(predicted[0])

    def logit(depth, activation):
        x = torch.from_numpy(activation).T[None]
        for block in network.blocks[depth:]:
            x = block(x)
        return float(x[0, unit, 51])

    rng = np.random.default_rng(0)
    with torch.inference_mode():
        for depth, layer in enumerate(network.layer_names):
            activation, saliency = activations[layer][0], saliencies[layer][0]
            assert np.any(saliency), layer
            first, stop = bounds[depth]
            cells = [(rng.integers(first, stop), rng.integers(saliency.shape[1])) for _ in range(5)]
            cells.append(np.unravel_index(np.abs(saliency).argmax(), saliency.shape))
            for cell in cells:
                high, low = activation.copy(), activation.copy()
                high[cell] += 1e-6
                low[cell] -= 1e-6
                slope = (logit(depth, high) - logit(depth, low)) / 2e-6
                assert slope == pytest.approx(saliency[cell], rel=1e-4, abs=1e-7), (layer, cell)


@pytest.mark.parametrize("model", MODELS)
def test_saliency_is_exactly_zero_outside_the_live_steps(make_network, make_spectrogram, model):
    network = make_network(model, filters=16)
    frames = np.stack([make_spectrogram(206, seed) for seed in range(3)])
    _, saliencies, _, _ = whole_maps(network, frames)
    bounds = live_steps(network.layers, 206, 51)
    for layer, (first, stop) in zip(network.layer_names, bounds, strict=True):
        saliency = saliencies[layer]
        outside = np.ones(saliency.shape[1], bool)
        outside[first:stop] = False
        assert np.all(saliency[:, outside] == 0), layer
        assert np.all(np.any(saliency[:, first:stop] != 0, axis=(1, 2))), layer
    # 18 layers of random relus leave the outermost input steps alive.
    first, stop = bounds[0]
    assert np.any(saliencies["input"][:, first])
    assert np.any(saliencies["input"][:, stop - 1])


@pytest.mark.parametrize("model", MODELS)
def test_saliency_of_the_output_is_one_at_the_prediction(make_network, make_spectrogram, model):
    network = make_network(model)
    frames = np.stack([make_spectrogram(206, seed) for seed in range(4)])
    activation, saliency, logit, predicted = whole_maps(network, frames)
    output = network.layer_names[-1]
    expected = np.zeros((4, 103, len(network.units)), np.float32)
    expected[np.arange(4), 51, predicted] = 1
    assert np.array_equal(saliency[output], expected)
    at_target = activation[output][:, 51]
    assert np.array_equal(predicted, at_target.argmax(axis=1))
    assert np.array_equal(logit, at_target.max(axis=1))


@pytest.mark.parametrize("model", MODELS)
def test_activations_are_the_outputs_of_the_layers(make_network, make_spectrogram, model):
    network = make_network(model)
    frames = np.stack([make_spectrogram(206, seed) for seed in range(2)])
    activation, saliency, _, _ = whole_maps(network, frames)
    with torch.no_grad():
        outputs = network.layer_outputs(torch.from_numpy(frames).transpose(1, 2))
    assert list(activation) == list(saliency) == network.layer_names
    assert np.array_equal(activation["input"], frames)
    for layer, output in zip(network.layer_names[1:], outputs, strict=True):
        assert np.array_equal(activation[layer], output.transpose(1, 2).numpy()), layer
        assert activation[layer].shape == saliency[layer].shape
        assert activation[layer].dtype == saliency[layer].dtype == np.float32


@pytest.mark.parametrize("model", MODELS)
def test_maps_are_the_kept_and_live_steps_of_frames_of_the_signal(
    make_network, make_spectrogram, model
):
    network = make_network(model)
    signal, starts = torch.from_numpy(make_spectrogram(231)), torch.tensor([24, 0, 10])
    extract = ReferenceExtractor(network)
    maps = extract(signal, starts)
    frames = np.stack([signal[start : start + 206] for start in starts])
    activation, saliency, logit, predicted = whole_maps(network, frames)
    assert list(maps.activation) == list(maps.saliency) == list(extract.layout)
    assert list(extract.layout) == network.layer_names
    assert np.array_equal(maps.predicted, predicted)
    assert np.array_equal(maps.logit, logit)
    for name, layer in extract.layout.items():
        first, stop = layer.kept
        assert np.array_equal(maps.activation[name], activation[name][:, first:stop]), name
        live = in_whole_frame(maps.saliency[name], layer.live[0], layer.steps)
        assert np.array_equal(live, saliency[name]), name
        assert maps.activation[name].dtype == maps.saliency[name].dtype == torch.float32
        # What goes on without gradients keeps none.
        assert not maps.activation[name].requires_grad
        assert not maps.saliency[name].requires_grad


def test_frames_of_a_batch_do_not_meet(make_network, make_spectrogram):
    network = make_network("W2L")
    frames = np.stack([make_spectrogram(206, seed) for seed in range(3)])
    together = whole_maps(network, frames)
    for row in range(3):
        alone = whole_maps(network, frames[row : row + 1])
        for layer in network.layer_names:
            for kind in (0, 1):
                np.testing.assert_allclose(
                    together[kind][layer][row], alone[kind][layer][0], atol=1e-4, rtol=1e-4
                )


def test_maps_leave_the_network_and_the_signal_as_they_are(make_network, make_spectrogram):
    network, signal = make_network(), torch.from_numpy(make_spectrogram(208))
    state, copy = {k: v.clone() for k, v in network.state_dict().items()}, signal.clone()
    ReferenceExtractor(network)(signal, torch.tensor([0, 2]))
    assert torch.equal(signal, copy)
    assert not signal.requires_grad
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    # Gradients of weights would double the work.
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
