"""The maps of a stack of convolutions, equal to the reference's at a tenth of its cost.

Four facts save the work (METHOD section 3):

- Where no padding reaches, a frame's activations equal those of one pass over the whole signal, so
  frames share it. Only the edges of a frame, which its own padding affects, are computed apart, and
  no further than the kept steps need them.
- Padded steps differ from shared ones only in the taps that padding reaches: in the first layer,
  which is linear in the signal, and beside a single live step, the other taps are shared too.
- Saliency lives in the cone of the target step, so the backward pass runs through the cone alone.
- Batch normalisation in inference mode is folded into the convolutions. Where it comes first, zeros
  are padded after it: the part of the bias that stems from padded steps is left out.
"""

from itertools import accumulate
from operator import mul

import torch
from torch.nn import functional

from snaps.frames import FRAME_HOP
from snaps.introspection.convolution import (
    SharedEdges,
    Span,
    as_image,
    convolve,
    convolve_transposed,
    transposed_kernel,
)
from snaps.introspection.layout import frame_layout
from snaps.introspection.maps import Maps
from snaps.networks import NORM_EPS, Block, ConvStack, Layer, layer_lengths, source_steps


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
        self._bias = [bias for _, bias in folded]
        self._first_edges = SharedEdges(folded[0][0], self.layers[0], self._steps[0])
        # One live step to a frame takes a matrix product, more of them a convolution.
        self._single = [
            live[1] - live[0] == 1 and layer.stride == 1
            for live, layer in zip(self._live[1:], self.layers, strict=True)
        ]
        self._matrix = [
            weight.transpose(1, 2).reshape(len(weight), -1).contiguous() if single else None
            for single, (weight, _) in zip(self._single, folded, strict=True)
        ]
        self._forward = [
            None if single else as_image(weight)
            for single, (weight, _) in zip(self._single, folded, strict=True)
        ]
        self._backward = [
            None if single else transposed_kernel(weight, layer.stride)
            for single, layer, (weight, _) in zip(self._single, self.layers, folded, strict=True)
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
            needed = self._activations(self._shared(signal), starts)
            frame = torch.arange(self._steps[0], device=starts.device)
            activation = [signal[starts[:, None] + frame]]
            for steps, kept, (first, _) in zip(
                needed, self._kept[1:], self._needed[1:], strict=True
            ):
                activation.append(steps[:, kept[0] - first : kept[1] - first])
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

    def _shared(self, signal: torch.Tensor) -> list[torch.Tensor]:
        """One pass over the signal: for the input and each layer the steps that no padding reaches.

        It goes one step of the last layer beyond both ends of the signal, where its values only
        have to be finite: see :meth:`_single_edge`.

        Returns
        -------
        (steps, features) each, before the ReLU
        """
        beyond = self._strides[-1]
        ends = signal[:1].expand(beyond, -1), signal[-1:].expand(beyond, -1)
        signal = torch.cat([ends[0], signal, ends[1]])
        rows = [signal if self._mean is None else signal - self._mean]
        for number, layer in enumerate(self.layers):
            first = self._unpadded[number + 1][0]
            skipped = source_steps(layer, first, first + 1)[0] - self._unpadded[number][0]
            x = rows[number][skipped:]
            x = x.relu() if number else x
            if self._single[number]:
                windows = x.unfold(0, layer.kernel, 1).transpose(1, 2).flatten(1)
                y = functional.linear(windows, self._matrix[number])
            else:
                y = convolve(x[None], self._forward[number], layer.stride, (0, 0))[0]
            rows.append(y.add_(self._bias[number][first]))
        return rows

    def _steps_of(
        self, number: int, rows: list[torch.Tensor], span: Span, starts: torch.Tensor
    ) -> torch.Tensor:
        """Steps of a layer of all frames from the shared pass: (frames, steps, features)."""
        begin = (starts + self._strides[-1]) // self._strides[number] - self._unpadded[number][0]
        return rows[number][begin[:, None] + torch.arange(*span, device=starts.device)]

    def _activations(self, rows: list[torch.Tensor], starts: torch.Tensor) -> list[torch.Tensor]:
        """Needed steps of each layer: (frames, steps, features).

        Parameters
        ----------
        rows : as from :meth:`_shared`
        """
        needed = []
        for number, layer in enumerate(self.layers):
            first, stop = self._needed[number + 1]
            low, high = self._unpadded[number + 1]
            y = rows[-1].new_empty(len(starts), stop - first, layer.filters)
            shared = max(first, low), min(stop, high)
            y[:, shared[0] - first : shared[1] - first] = self._steps_of(
                number + 1, rows, shared, starts
            )
            spans = self._edge_spans((first, stop), number + 1)
            if number == 0:
                edges = self._first_edges(rows[0], spans, starts + self._strides[-1])
            elif self._single[number]:
                edges = [
                    self._single_edge(number, span, needed[-1], rows, starts) for span in spans
                ]
            else:
                edges = [self._edge(number, span, needed[-1]) for span in spans]
            for span, edge in zip(spans, edges, strict=True):
                y[:, span[0] - first : span[1] - first] = edge + self._bias[number][slice(*span)]
            needed.append(y if number == len(self.layers) - 1 else y.relu_())
        return needed

    def _edge(self, number: int, span: Span, below: torch.Tensor) -> torch.Tensor:
        """Steps of a layer that padding affects, without bias: (frames, steps, features).

        Parameters
        ----------
        below : (frames, steps, features) needed steps of the layer below
        """
        first, stop = source_steps(self.layers[number], *span)
        begin, steps = self._needed[number][0], self._steps[number]
        x = below[:, max(first, 0) - begin : min(stop, steps) - begin]
        padding = max(0, -first), max(0, stop - steps)
        return convolve(x, self._forward[number], self.layers[number].stride, padding)

    def _single_edge(
        self,
        number: int,
        span: Span,
        below: torch.Tensor,
        rows: list[torch.Tensor],
        starts: torch.Tensor,
    ) -> torch.Tensor:
        """The step beside a single live one, where padding affects it; as :meth:`_edge`.

        It differs from the shared pass in one step at the end of its kernel.
        """
        low, high = self._unpadded[number]
        first = self._unpadded[number + 1][0]
        source, tap = (low - 1, 0) if span[0] < first else (high, self.layers[number].kernel - 1)
        shared = self._steps_of(number, rows, (source, source + 1), starts)[:, 0].relu_()
        if 0 <= source < self._steps[number]:
            own = below[:, source - self._needed[number][0]]
        else:
            own = torch.zeros_like(shared)
        inputs = shared.shape[1]
        kernel = self._matrix[number][:, tap * inputs : (tap + 1) * inputs]
        y = self._steps_of(number + 1, rows, span, starts) - self._bias[number][first]
        return y + functional.linear(own - shared, kernel)[:, None]

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
            layer = self.layers[number]
            if self._single[number]:
                gradient = gradient[:, 0] @ self._matrix[number]
                gradient = gradient.reshape(len(gradient), layer.kernel, -1)
            else:
                taps = layer.kernel // layer.stride
                gradient = convolve_transposed(gradient, self._backward[number], taps, layer.stride)
                gradient = gradient.reshape(len(gradient), gradient.shape[1] * layer.stride, -1)
            saliency.append(gradient)
        return saliency[::-1]
