"""The maps of a stack of convolutions, equal to the reference's at a tenth of its cost.

Three facts save the work (METHOD section 3):

- Where no padding reaches, a frame's activations equal those of one pass over the whole signal, so
  frames share it. Only the edges of a frame, which its own padding affects, are computed apart, and
  no further than the kept steps need them.
- Saliency lives in the cone of the target step, so the backward pass runs through the cone alone.
- Batch normalisation in inference mode is folded into the convolutions. Where it comes first, zeros
  are padded after it: the part of the bias that stems from padded steps is left out.
"""

from itertools import accumulate
from operator import mul

import torch
from torch.nn import functional

from snaps.frames import FRAME_HOP
from snaps.introspection.layout import frame_layout
from snaps.introspection.maps import Maps
from snaps.networks import NORM_EPS, Block, ConvStack, Layer, layer_lengths, source_steps

Span = tuple[int, int]


def unpadded_steps(layers: tuple[Layer, ...], steps: int) -> list[Span]:
    """Steps (first, last + 1) of the input and of each layer that no padding of a frame reaches."""
    spans = [(0, steps)]
    for layer in layers:
        first, stop = spans[-1]
        left = layer.padding[0]
        first = -(-(first + left) // layer.stride)
        last = (stop - 1 + left - layer.kernel + 1) // layer.stride
        spans.append((first, last + 1))
    return spans


def total_strides(layers: tuple[Layer, ...]) -> list[int]:
    """Steps of the input from one step to the next, of the input and of each layer."""
    return list(accumulate((layer.stride for layer in layers), mul, initial=1))


def fold_norm(
    block: Block, steps: int, layer: Layer, centred: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights and biases of a block's convolution with its normalisation folded in.

    Parameters
    ----------
    steps : input steps of a frame
    centred : whether the mean of a normalisation that comes first is taken off the input already

    Returns
    -------
    weight (filters, inputs, kernel) float32; bias (output steps, filters) float32 of a frame of
    `steps` input steps, which differs from step to step where padding follows normalisation
    """
    norm, conv = block.norm, block.conv
    weight, bias = conv.weight.double(), conv.bias.double()
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + NORM_EPS)
    mean = torch.zeros_like(scale) if centred else norm.running_mean.double()
    shift = norm.bias.double() - mean * scale
    outputs = layer_lengths([layer], steps)[-1]
    if block.order == "conv_norm":
        weight, bias = weight * scale[:, None, None], (bias * scale + shift).expand(outputs, -1)
    else:
        shifts = functional.pad(shift[None, :, None].expand(1, -1, steps), layer.padding)
        bias = functional.conv1d(shifts, weight, bias, stride=layer.stride)[0].T
        weight = weight * scale[:, None]
    return weight.float(), bias.float().contiguous()


def transposed(weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Kernel that carries gradients from outputs to inputs as an ordinary convolution.

    For stride s it yields the s input steps below each output step one after another, as s times
    as many filters: (filters, inputs, kernel) to (s * inputs, filters, kernel / s).
    """
    phases = [weight[:, :, phase::stride].transpose(0, 1).flip(2) for phase in range(stride)]
    return torch.cat(phases)


def as_image(kernel: torch.Tensor) -> torch.Tensor:
    """A kernel of one dimension as one of two, features innermost: the faster layout."""
    return kernel[:, :, None].contiguous(memory_format=torch.channels_last)


def convolve(x: torch.Tensor, kernel: torch.Tensor, stride: int, padding: Span) -> torch.Tensor:
    """Convolve (batch, steps, features) over time; `kernel` as from :func:`as_image`."""
    x = functional.pad(x, (0, 0, *padding)).transpose(1, 2)[:, :, None]
    return functional.conv2d(x, kernel, stride=(1, stride))[:, :, 0].transpose(1, 2)


class ConvStackExtractor:
    """Maps of a :class:`snaps.networks.ConvStack`, equal to those of the reference.

    Raises ValueError for a network that it does not support.
    """

    def __init__(self, network: ConvStack):
        """`network` : a network in inference mode."""
        if not self.supports(network):
            raise ValueError("frames of this network cannot share a pass: use the reference")
        self.layers = network.layers
        self.layout = frame_layout(network)
        spans = list(self.layout.values())
        self._steps = [layer.steps for layer in spans]
        self._live = [layer.live for layer in spans]
        self._kept = [layer.kept for layer in spans]
        self._strides = total_strides(self.layers)
        self._unpadded = unpadded_steps(self.layers, self._steps[0])
        self._needed = self._needed_steps()
        # ln power is far from zero: with its mean left in, large sums cancel and cost digits.
        centred = network.order == "norm_conv"
        self._mean = network.blocks[0].norm.running_mean if centred else None
        folded = [
            fold_norm(block, self._steps[number], layer, centred and number == 0)
            for number, (block, layer) in enumerate(zip(network.blocks, self.layers, strict=True))
        ]
        self._forward = [as_image(weight) for weight, _ in folded]
        self._bias = [bias for _, bias in folded]
        # A single live step takes one matrix product, more of them a convolution.
        self._backward = [
            weight.transpose(1, 2).reshape(len(weight), -1)
            if self._is_single(number)
            else as_image(transposed(weight, layer.stride))
            for number, (layer, (weight, _)) in enumerate(zip(self.layers, folded, strict=True))
        ]

    @staticmethod
    def supports(network: object) -> bool:
        """Whether a network is a stack whose live steps no padding reaches.

        Its stride must divide the hop, or the steps of one frame lie between those of another.
        """
        if not isinstance(network, ConvStack) or FRAME_HOP % total_strides(network.layers)[-1]:
            return False
        layout = list(frame_layout(network).values())
        spans = unpadded_steps(network.layers, layout[0].steps)
        return all(
            first <= layer.live[0] and layer.live[1] <= stop
            for layer, (first, stop) in zip(layout, spans, strict=True)
        ) and all(layer.kernel % layer.stride == 0 for layer in network.layers)

    def __call__(self, signal: torch.Tensor, starts: torch.Tensor) -> Maps:
        """Maps of the frames of a signal.

        Parameters
        ----------
        signal : (steps, mels) float32 log-mel power; utterances may follow each other in it
        starts : (frames,) int64, first steps of the frames, multiples of the hop
        """
        with torch.inference_mode():
            centred = signal if self._mean is None else signal - self._mean
            parts = self._edges(self._shared(centred), starts)
            parts[0] = {self._unpadded[0]: signal}
            activation = self._activations(parts, starts)
            logits = activation[-1][:, self._steps[-1] // 2 - self._kept[-1][0]]
            logit, predicted = logits.max(dim=1)
            saliency = self._saliency(activation, predicted)
        names = list(self.layout)
        return Maps(
            predicted,
            logit,
            dict(zip(names, activation, strict=True)),
            dict(zip(names, saliency, strict=True)),
        )

    def _activations(
        self, parts: list[dict[Span, torch.Tensor]], starts: torch.Tensor
    ) -> list[torch.Tensor]:
        """Kept steps of the input and of each layer: (frames, kept steps, features)."""
        return [
            self._steps_of(number, part, self._kept[number], starts)
            for number, part in enumerate(parts)
        ]

    def _is_single(self, number: int) -> bool:
        first, stop = self._live[number + 1]
        return stop - first == 1 and self.layers[number].stride == 1

    def _needed_steps(self) -> list[Span]:
        """Steps of each layer that are kept or that the edges of the layer above are made from."""
        needed = list(self._kept)
        for number in range(len(self.layers) - 1, -1, -1):
            for first, stop in self._edge_spans(needed[number + 1], number + 1):
                first, stop = source_steps(self.layers[number], first, stop)
                needed[number] = (
                    min(needed[number][0], max(first, 0)),
                    max(needed[number][1], min(stop, self._steps[number])),
                )
        return needed

    def _edge_spans(self, needed: Span, number: int) -> list[Span]:
        """The needed steps before and after those that no padding reaches."""
        first, stop = self._unpadded[number]
        spans = [(needed[0], min(needed[1], first)), (max(needed[0], stop), needed[1])]
        return [span for span in spans if span[0] < span[1]]

    def _layer(self, number: int, x: torch.Tensor, padding: Span, bias: torch.Tensor):
        """Output of a layer; its logits where it is the last."""
        y = convolve(x, self._forward[number], self.layers[number].stride, padding) + bias
        return y if number == len(self.layers) - 1 else y.relu_()

    def _shared(self, signal: torch.Tensor) -> list[dict[Span, torch.Tensor]]:
        """One pass over the signal: for each layer its unpadded steps, (steps, features).

        Step t of a layer of the frame with start s is row s / stride + t - first unpadded step, of
        the stride of all layers so far.
        """
        x, parts = signal[None], [{self._unpadded[0]: signal}]
        for number, layer in enumerate(self.layers):
            span = self._unpadded[number + 1]
            skipped = source_steps(layer, *span)[0] - self._unpadded[number][0]
            x = self._layer(number, x[:, skipped:], (0, 0), self._bias[number][span[0]])
            parts.append({span: x[0]})
        return parts

    def _edges(
        self, parts: list[dict[Span, torch.Tensor]], starts: torch.Tensor
    ) -> list[dict[Span, torch.Tensor]]:
        """Add the steps that padding affects: (frames, steps, features) by their span."""
        for number, layer in enumerate(self.layers):
            for span in self._edge_spans(self._needed[number + 1], number + 1):
                first, stop = source_steps(layer, *span)
                padding = max(0, -first), max(0, stop - self._steps[number])
                source = max(first, 0), min(stop, self._steps[number])
                patch = self._steps_of(number, parts[number], source, starts)
                bias = self._bias[number][slice(*span)]
                parts[number + 1][span] = self._layer(number, patch, padding, bias)
        return parts

    def _steps_of(
        self, number: int, parts: dict[Span, torch.Tensor], wanted: Span, starts: torch.Tensor
    ) -> torch.Tensor:
        """Some steps of a layer of all frames, from its parts: (frames, steps, features)."""
        pieces = []
        for first, stop in sorted(parts):
            low, high = max(first, wanted[0]), min(stop, wanted[1])
            if low >= high:
                continue
            part = parts[first, stop]
            if (first, stop) == self._unpadded[number]:
                rows = starts // self._strides[number]
                steps = torch.arange(low - first, high - first, device=rows.device)
                pieces.append(part[rows[:, None] + steps])
            else:
                pieces.append(part[:, low - first : high - first])
        return torch.cat(pieces, dim=1)

    def _saliency(
        self, activation: list[torch.Tensor], predicted: torch.Tensor
    ) -> list[torch.Tensor]:
        """Derivatives of the winning logit through the cone, from the output to the input."""
        units = activation[-1].shape[2]
        gradient = functional.one_hot(predicted, units).to(activation[-1].dtype)[:, None]
        saliency = [gradient]
        for number in range(len(self.layers) - 1, -1, -1):
            if number < len(self.layers) - 1:
                first, stop = (step - self._kept[number + 1][0] for step in self._live[number + 1])
                gradient = gradient * (activation[number + 1][:, first:stop] > 0)
            layer, kernel = self.layers[number], self._backward[number]
            if self._is_single(number):
                gradient = (gradient[:, 0] @ kernel).reshape(len(gradient), layer.kernel, -1)
            else:
                reach = layer.kernel // layer.stride - 1
                gradient = convolve(gradient, kernel, 1, (reach, reach))
                gradient = gradient.reshape(len(gradient), gradient.shape[1] * layer.stride, -1)
            saliency.append(gradient)
        return saliency[::-1]
