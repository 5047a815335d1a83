"""The networks of Table 1, what their outputs see, and their files."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from snaps.errors import StudyError
from snaps.networks import (
    ConvStack,
    Layer,
    layer_lengths,
    layer_name,
    live_steps,
    load_network,
    save_network,
    scale_width,
    source_steps,
)


def layers_of(architecture):
    return [Layer(**layer) for layer in architecture["layers"]]


@pytest.mark.parametrize(
    ("layer", "padding"),
    [
        (Layer(256, 48, 2), (24, 22)),
        (Layer(256, 7), (3, 3)),
        (Layer(2048, 32), (15, 16)),
        (Layer(2048, 1), (0, 0)),
    ],
)
def test_paddings_of_the_paper(layer, padding):
    assert layer.padding == padding


@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_there_is_an_output_for_every_two_steps(make_network, model):
    network = make_network(model, filters=2)
    for steps in (2, 3, 60, 101, 205, 206, 207):
        with torch.inference_mode():
            logits = network(torch.zeros(1, steps, 128))
        assert logits.shape == (1, steps // 2, len(network.units))


def test_206_steps_are_48_and_the_strides_of_the_other_layers(architectures):
    layers = layers_of(architectures["W2L"])
    assert 48 + 8 * 6 * 2 + 31 * 2 == 206
    assert live_steps(layers, 206, 51)[0] == (0, 206)
    # Not one step of the frame could be spared: the same output of a longer input sees no more.
    first, stop = live_steps(layers, 1000, 200)[0]
    assert stop - first == 206
    assert first == 2 * (200 - 51)


@pytest.mark.parametrize("model", ["W2L", "W2P", "W2L_TL_frozen", "W2L_TL_finetuned"])
def test_live_steps_of_the_deep_networks(architectures, model):
    bounds = live_steps(layers_of(architectures[model]), 206, 51)
    assert [stop - first for first, stop in bounds] == [
        206, 80, 74, 68, 62, 56, 50, 44, 38, 32, 1, 1, 1,
    ]  # fmt: skip
    assert [first for first, _ in bounds] == [0, 12, 15, 18, 21, 24, 27, 30, 33, 36, 51, 51, 51]


def test_live_steps_of_the_shallow_network(architectures):
    bounds = live_steps(layers_of(architectures["W2P_shallow"]), 206, 51)
    assert bounds[0] == (54, 150)
    assert [stop - first for first, stop in bounds[1:]] == [25, 19, 13, 7, 1, 1]
    assert bounds[-1] == (51, 52)


def test_sources_of_output_steps_by_hand():
    # Output 51 of the first layer begins at 2 x 51 - 24 = 78 and sees 48 steps.
    assert source_steps(Layer(256, 48, 2), 51, 52) == (78, 126)
    assert source_steps(Layer(256, 48, 2), 0, 2) == (-24, 26)
    assert source_steps(Layer(256, 7), 10, 20) == (7, 23)
    assert source_steps(Layer(2048, 32), 51, 52) == (36, 68)
    assert source_steps(Layer(29, 1), 4, 6) == (4, 6)


@pytest.mark.parametrize("model", ["W2L", "W2P_shallow"])
def test_layer_lengths_are_those_of_the_outputs(make_network, model):
    network = make_network(model, filters=2)
    for steps in (3, 50, 206, 207):
        with torch.inference_mode():
            outputs = network.layer_outputs(torch.zeros(1, 128, steps))
        lengths = layer_lengths(network.layers, steps)
        assert lengths == [steps, *(output.shape[2] for output in outputs)]


def test_live_steps_end_at_the_ends_of_the_input(architectures):
    bounds = live_steps(layers_of(architectures["W2P_shallow"]), 60, 0)
    assert bounds == [(0, 48), (0, 13), (0, 10), (0, 7), (0, 4), (0, 1), (0, 1)]
    assert live_steps(layers_of(architectures["W2P_shallow"]), 60, 29)[0] == (10, 60)


@pytest.mark.parametrize(("model", "first", "last"), [("W2P_shallow", 54, 149), ("W2P", 0, 205)])
def test_output_51_sees_its_live_steps_and_no_others(make_network, model, first, last):
    network = make_network(model)
    spectrogram = torch.full((1, 206, 128), -9.0)
    with torch.inference_mode():
        before = network(spectrogram)[0, 51]
        for step in {0, first - 1, first, 103, last, last + 1, 205} & set(range(206)):
            changed = spectrogram.clone()
            changed[0, step] += 5.0
            seen = not torch.equal(network(changed)[0, 51], before)
            assert seen == (first <= step <= last), step


@pytest.mark.parametrize(
    ("model", "units", "parameters"),
    [
        # 256 input channels of normalisation count twice: weight and bias. By hand:
        # 1 573 376 + 8 x 459 520 + 16 779 776 + 4 200 448 + (4 096 + 2 048 u + u)
        ("W2L", 29, 26_293_277),
        ("W2P", 62, 26_360_894),
        # 1 573 376 + 4 x 459 520 + (512 + 256 u + u)
        ("W2P_shallow", 62, 3_427_902),
        ("W2L_TL_frozen", 29, 26_293_277),
        ("W2L_TL_finetuned", 29, 26_293_277),
    ],
)
def test_networks_of_table_1(architectures, model, units, parameters):
    with torch.device("meta"):
        network = ConvStack(128, layers_of(architectures[model]), ["x"] * units)
    assert sum(p.numel() for p in network.parameters()) == parameters
    depth = 6 if model == "W2P_shallow" else 12
    assert network.layer_names == ["input", *(f"layer_{k:02d}" for k in range(1, depth + 1))]
    assert all(block.norm.eps == 1e-3 for block in network.blocks)
    assert [block.rectified for block in network.blocks] == [True] * (depth - 1) + [False]


def test_transfer_in_table_2(architectures):
    stages = {m: (a["parent"], a["transferred"], a["trained"]) for m, a in architectures.items()}
    assert stages == {
        "W2L": (None, 0, "all"),
        "W2P": (None, 0, "all"),
        "W2P_shallow": (None, 0, "all"),
        "W2L_TL_frozen": ("W2P_shallow", 5, "new"),
        "W2L_TL_finetuned": ("W2L_TL_frozen", 12, "convolutions"),
    }
    for parent, transferred, _ in stages.values():
        if parent == "W2P_shallow":
            assert (
                architectures["W2L_TL_frozen"]["layers"][:transferred]
                == architectures[parent]["layers"][:transferred]
            )


def test_scale_width_keeps_the_output_and_what_is_inherited():
    layers = [Layer(256, 48, 2), Layer(256, 7), Layer(2048, 32), Layer(29, 1)]
    assert [x.filters for x in scale_width(layers, 1.0)] == [256, 256, 2048, 29]
    assert [x.filters for x in scale_width(layers, 0.25)] == [64, 64, 512, 29]
    assert [x.filters for x in scale_width(layers, 0.25, [100])] == [100, 64, 512, 29]
    assert [x.filters for x in scale_width(layers, 1e-6)] == [1, 1, 1, 29]
    scaled = scale_width(layers, 0.25)
    assert [(x.kernel, x.stride) for x in scaled] == [(48, 2), (7, 1), (32, 1), (1, 1)]


def one_channel(order):
    """A block by hand: kernel (1, 2, 4), bias 1; normalisation y = 3 x + 2; then the output 1 x."""
    network = ConvStack(1, [Layer(1, 3), Layer(1, 1)], ["<blank>"], order).eval()
    block, output = network.blocks
    with torch.no_grad():
        block.conv.weight.copy_(torch.tensor([[[1.0, 2.0, 4.0]]]))
        block.conv.bias.fill_(1.0)
        for norm in (block.norm, output.norm):
            norm.running_var.fill_(1 - 1e-3)
        block.norm.weight.fill_(3.0)
        block.norm.bias.fill_(2.0)
        output.conv.weight.fill_(1.0)
        output.conv.bias.zero_()
    return network


@pytest.mark.parametrize(
    ("order", "hidden"),
    [
        # Normalised: 5, -4, 2. Zeros before and after: 1 + 2 x 5 - 4 x 4 = -5,
        # 1 + 5 - 2 x 4 + 4 x 2 = 6, 1 - 4 + 2 x 2 = 1.
        ("norm_conv", [0.0, 6.0, 1.0]),
        # 1 + 2 - 4 x 2 = -5, 1 + 1 - 2 x 2 + 0 = -2, 1 - 2 + 0 = -1; then 3 x + 2.
        ("conv_norm", [0.0, 0.0, 0.0]),
    ],
)
def test_a_block_by_hand(order, hidden):
    with torch.inference_mode():
        outputs = one_channel(order).layer_outputs(torch.tensor([[[1.0, -2.0, 0.0]]]))
    torch.testing.assert_close(outputs[0], torch.tensor([[hidden]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs[1], torch.tensor([[hidden]]), atol=1e-5, rtol=0)


def test_conv_norm_by_hand_where_it_is_not_cut_off():
    with torch.inference_mode():
        outputs = one_channel("conv_norm").layer_outputs(torch.tensor([[[1.0, 2.0, 0.0]]]))
    # 1 + 2 + 8 = 11, 1 + 1 + 4 = 6, 1 + 2 = 3; then 3 x + 2.
    expected = torch.tensor([[[35.0, 20.0, 11.0]]])
    torch.testing.assert_close(outputs[0], expected, atol=1e-4, rtol=0)


def test_block_orders_differ(make_network):
    orders = [make_network(order=order) for order in ("norm_conv", "conv_norm")]
    assert orders[0].blocks[0].norm.num_features == 128
    assert orders[1].blocks[0].norm.num_features == 6
    spectrogram = torch.randn(1, 40, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert not torch.allclose(orders[0](spectrogram), orders[1](spectrogram))


def test_logits_are_not_rectified_and_hidden_layers_are(make_network):
    spectrogram = torch.randn(1, 128, 206, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        outputs = make_network().layer_outputs(spectrogram)
    assert all((output >= 0).all() and (output == 0).any() for output in outputs[:-1])
    assert (outputs[-1] < 0).any()


def test_unknown_settings_are_refused():
    with pytest.raises(StudyError, match=r"'relu_first' is unknown.*norm_conv"):
        ConvStack(3, [Layer(2, 1)], ["<blank>", "a"], "relu_first")
    with pytest.raises(StudyError, match="has 3 filters for 2 units"):
        ConvStack(3, [Layer(3, 1)], ["<blank>", "a"])


def test_layer_names():
    assert [layer_name(n) for n in (0, 1, 12)] == ["input", "layer_01", "layer_12"]


@pytest.mark.parametrize("order", ["norm_conv", "conv_norm"])
@pytest.mark.parametrize("model", ["W2P_shallow", "W2L"])
def test_a_file_gives_back_the_network(tmp_path, make_network, make_spectrogram, model, order):
    network = make_network(model, order=order)
    path = tmp_path / "weights.safetensors"
    save_network(path, network)
    torch.manual_seed(1)
    again = load_network(path)
    assert not again.training
    assert (again.units, again.layers, again.order) == (network.units, network.layers, order)
    spectrogram = torch.from_numpy(make_spectrogram(220))[None]
    with torch.inference_mode():
        assert torch.equal(again(spectrogram), network(spectrogram))
    for key, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_whoever_may_read_other_results_may_read_the_file(tmp_path, make_network):
    path, other = tmp_path / "weights.safetensors", tmp_path / "other"
    save_network(path, make_network())
    other.write_text("", encoding="utf-8")
    assert path.stat().st_mode == other.stat().st_mode


def test_the_file_has_the_names_of_the_contract(tmp_path, make_network):
    path = tmp_path / "weights.safetensors"
    network = make_network()
    save_network(path, network)
    with safe_open(path, framework="np") as file:
        keys, metadata = set(file.keys()), file.metadata()
        weight = file.get_tensor("layer_01.conv.weight")
    names = (
        "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
        "conv.weight", "conv.bias",
    )  # fmt: skip
    assert keys == {f"layer_{k:02d}.{name}" for k in range(1, 7) for name in names}
    assert json.loads(metadata["units"]) == network.units
    assert (float(metadata["eps"]), metadata["block_order"]) == (1e-3, "norm_conv")
    assert np.array_equal(weight, network.blocks[0].conv.weight.detach().numpy())


def damage(path, change):
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    change(tensors, metadata)
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors, metadata: metadata.clear(), "lacks the metadata"),
        (lambda tensors, metadata: metadata.pop("units"), r"metadata \['units'\]"),
        (lambda tensors, metadata: metadata.update(eps="1e-05"), "eps of 1e-05"),
        (lambda tensors, metadata: metadata.update(block_order="x"), "block order 'x'"),
        (lambda tensors, metadata: metadata.update(units='["a"]'), "for 1 units"),
        (lambda tensors, metadata: tensors.pop("layer_02.conv.weight"), "layer_02.conv.weight"),
        (lambda tensors, metadata: tensors.pop("layer_02.norm.bias"), "layer_02.norm.bias"),
        (lambda tensors, metadata: tensors.update(extra=torch.ones(1)), "extra"),
        (
            lambda tensors, metadata: tensors.update({"layer_03.conv.bias": torch.ones(1)}),
            "layer_03.conv.bias",
        ),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, make_network, change, message):
    path = tmp_path / "weights.safetensors"
    save_network(path, make_network())
    damage(path, change)
    with pytest.raises(StudyError, match=message) as error:
        load_network(path)
    if "block order" not in message and "units" not in message:
        assert "weights.safetensors" in str(error.value)


def test_a_file_that_is_cut_off_is_refused(tmp_path, make_network):
    path = tmp_path / "weights.safetensors"
    save_network(path, make_network())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StudyError, match=r"weights\.safetensors is not a whole"):
        load_network(path)
