"""Fully convolutional acoustic models: stacks of batch normalisation, convolution and ReLU.

Paper section 4.2 and Table 1; paddings and block order as METHOD section 2.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from snaps.errors import StudyError

NORM_EPS = 1e-3
BLOCK_ORDERS = ("norm_conv", "conv_norm")


@dataclass(frozen=True)
class Layer:
    """One convolution: number of filters, kernel width and stride in steps."""

    filters: int
    kernel: int
    stride: int = 1

    @property
    def padding(self) -> tuple[int, int]:
        """Steps of zeros before and after, so that T steps give T // stride (METHOD section 2)."""
        left = (self.kernel - 1) // 2 if self.stride == 1 else self.kernel // 2
        return left, self.kernel - self.stride - left


def layer_name(number: int) -> str:
    """Name of layer `number`: ``input`` for 0, then ``layer_01`` and so on."""
    return f"layer_{number:02d}" if number else "input"


def scale_width(
    layers: Sequence[Layer], width: float, inherited: Sequence[int] = ()
) -> list[Layer]:
    """Scale the filters of all layers but the output.

    Parameters
    ----------
    width : factor on the number of filters, 1.0 in the paper
    inherited : filters of the lowest layers where they are taken from a parent model
    """
    filters = [max(1, round(layer.filters * width)) for layer in layers[:-1]]
    filters.append(layers[-1].filters)
    filters[: len(inherited)] = inherited
    return [
        Layer(count, layer.kernel, layer.stride)
        for count, layer in zip(filters, layers, strict=True)
    ]


class Block(nn.Module):
    """Batch normalisation and convolution in either order, then ReLU unless it is the output."""

    def __init__(self, inputs: int, layer: Layer, order: str, rectified: bool):
        super().__init__()
        self.order, self.rectified, self.padding = order, rectified, layer.padding
        self.norm = nn.BatchNorm1d(inputs if order == "norm_conv" else layer.filters, eps=NORM_EPS)
        self.conv = nn.Conv1d(inputs, layer.filters, layer.kernel, layer.stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.order == "norm_conv":
            x = self.conv(functional.pad(self.norm(x), self.padding))
        else:
            x = self.norm(self.conv(functional.pad(x, self.padding)))
        return functional.relu(x) if self.rectified else x


class ConvStack(nn.Module):
    """A stack of blocks ``layer_01``, ``layer_02``, ... from log-mel steps to logits.

    Parameters
    ----------
    inputs : features of an input step (128 mel bands)
    layers : the convolutions; the last one gives the logits
    units : symbols of the output units, the blank first
    order : ``norm_conv`` (BN, conv, ReLU: the paper) or ``conv_norm`` (conv, BN, ReLU)
    """

    def __init__(
        self, inputs: int, layers: Sequence[Layer], units: Sequence[str], order: str = "norm_conv"
    ):
        super().__init__()
        if order not in BLOCK_ORDERS:
            raise StudyError(f"block order {order!r} is unknown: use one of {BLOCK_ORDERS}")
        if layers[-1].filters != len(units):
            raise StudyError(
                f"the output layer has {layers[-1].filters} filters for {len(units)} units: "
                "make them equal"
            )
        self.inputs, self.layers, self.units = inputs, tuple(layers), list(units)
        self.order = order
        for number, layer in enumerate(layers, start=1):
            block = Block(inputs, layer, order, rectified=number < len(layers))
            self.add_module(layer_name(number), block)
            inputs = layer.filters

    @property
    def blocks(self) -> list[Block]:
        """The blocks from the lowest to the output."""
        return [self.get_submodule(name) for name in self.layer_names[1:]]

    @property
    def layer_names(self) -> list[str]:
        """``input`` and the names of all layers."""
        return [layer_name(number) for number in range(len(self.layers) + 1)]

    def layer_outputs(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Outputs of all layers for (batch, features, steps): a list of (batch, filters, steps)."""
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, steps // 2, units) of log-mel spectrograms (batch, steps, features)."""
        return self.layer_outputs(x.transpose(1, 2))[-1].transpose(1, 2)


def layer_lengths(layers: Sequence[Layer], steps: int) -> list[int]:
    """Steps of the input and of the output of each layer, for an input of `steps` steps."""
    lengths = [steps]
    for layer in layers:
        lengths.append((lengths[-1] + sum(layer.padding) - layer.kernel) // layer.stride + 1)
    return lengths


def source_steps(layer: Layer, first: int, stop: int) -> tuple[int, int]:
    """Input steps (first, last + 1) that output steps `first` to `stop` - 1 see, padding included.

    A step below zero or beyond the input is padding.
    """
    left = layer.padding[0]
    return first * layer.stride - left, (stop - 1) * layer.stride - left + layer.kernel


def live_steps(layers: Sequence[Layer], steps: int, target: int) -> list[tuple[int, int]]:
    """Steps of the input and of each layer that one output step depends on.

    Parameters
    ----------
    steps : steps of the input
    target : step of the output

    Returns
    -------
    (first, last + 1) for the input and each layer: outside them saliency is exactly zero.
    """
    spans = [(target, target + 1)]
    for layer, length in zip(
        reversed(layers), reversed(layer_lengths(layers, steps)[:-1]), strict=True
    ):
        first, stop = source_steps(layer, *spans[-1])
        spans.append((max(first, 0), min(stop, length)))
    return spans[::-1]


def save_network(path: str | Path, network: ConvStack) -> None:
    """Write weights and everything needed to build the network again to a safetensors file."""
    tensors = {
        key: value.detach().cpu().contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    metadata = {
        "units": json.dumps(network.units),
        "eps": repr(NORM_EPS),
        "block_order": network.order,
        "strides": json.dumps([layer.stride for layer in network.layers]),
    }
    # safetensors would write a file that its owner alone may read.
    Path(path).write_bytes(save(tensors, metadata))


def load_network(path: str | Path) -> ConvStack:
    """Build a network from a file of :func:`save_network`, in inference mode.

    Raises
    ------
    StudyError : the file is damaged or lacks a part of what a network needs.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise StudyError(f"{path} is not a whole safetensors file: {error}") from error
    missing = [key for key in ("units", "eps", "block_order", "strides") if key not in metadata]
    if missing:
        raise StudyError(f"{path} lacks the metadata {missing}: it is not a network of this study")
    if float(metadata["eps"]) != NORM_EPS:
        raise StudyError(
            f"{path} has a batch normalisation eps of {metadata['eps']}: networks of this study "
            f"have {NORM_EPS}"
        )
    try:
        layers = []
        for number, stride in enumerate(json.loads(metadata["strides"]), start=1):
            filters, _, kernel = tensors[f"{layer_name(number)}.conv.weight"].shape
            layers.append(Layer(filters, kernel, stride))
        inputs = tensors["layer_01.conv.weight"].shape[1]
        network = ConvStack(inputs, layers, json.loads(metadata["units"]), metadata["block_order"])
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise StudyError(f"{path} does not hold the weights of a network: {error}") from error
    return network.eval()
