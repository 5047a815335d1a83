"""Convolutions over time with less work than the plain ones, and the same results."""

import torch
from torch.nn import functional

from snaps.networks import Layer

Span = tuple[int, int]
# Of a transposed convolution: halved again and again while it is long (a nested tuple).
Kernel = torch.Tensor | tuple["Kernel", ...]
# Taps from which halving a kernel costs less than it saves: measured.
LONG_KERNEL = 7


def as_image(kernel: torch.Tensor) -> torch.Tensor:
    """A kernel of one dimension as one of two, features innermost: the faster layout."""
    return kernel[:, :, None].contiguous(memory_format=torch.channels_last)


def convolve(x: torch.Tensor, kernel: torch.Tensor, stride: int, padding: Span) -> torch.Tensor:
    """Convolve (batch, steps, features) over time; `kernel` as from :func:`as_image`."""
    if any(padding):
        x = functional.pad(x, (0, 0, *padding))
    x = x.transpose(1, 2)[:, :, None]
    return functional.conv2d(x, kernel, stride=(1, stride))[:, :, 0].transpose(1, 2)


def transposed_kernel(weight: torch.Tensor, stride: int) -> Kernel:
    """Kernel of a transposed convolution, for :func:`convolve_transposed`.

    A long kernel becomes three of half its length: its even taps, its odd taps and their sum.
    A tap is `stride` steps wide.

    Parameters
    ----------
    weight : (filters, inputs, kernel) float32
    """
    taps = weight.unflatten(2, (-1, stride))
    if taps.shape[2] < LONG_KERNEL:
        return as_image(weight)
    even, odd = taps[:, :, ::2], taps[:, :, 1::2]
    both = even.clone()
    both[:, :, : odd.shape[2]] += odd
    return tuple(transposed_kernel(part.flatten(2), stride) for part in (even, odd, both))


def convolve_transposed(x: torch.Tensor, kernel: Kernel, taps: int, stride: int) -> torch.Tensor:
    """Carry gradients from the outputs of a convolution to its inputs.

    A long kernel is applied by phases, the fast FIR algorithm (Parker and Parhi 1997): of the even
    and odd steps and taps, the products of even with even, odd with odd and sum with sum yield all
    four in three quarters of the work.

    Parameters
    ----------
    x : (batch, steps, filters)
    kernel : as from :func:`transposed_kernel`
    taps : its length; a tap is `stride` steps wide

    Returns
    -------
    (batch, steps + taps - 1, stride * inputs): the `stride` input steps below each output step one
    after another
    """
    if isinstance(kernel, torch.Tensor):
        image = x.transpose(1, 2)[:, :, None]
        y = functional.conv_transpose2d(image, kernel, stride=(1, stride))
        return y[:, :, 0].transpose(1, 2).reshape(len(x), -1, stride * kernel.shape[1])
    if x.shape[1] == 1:
        longer = functional.pad(x, (0, 0, 0, 1))
        return convolve_transposed(longer, kernel, taps, stride)[:, :-1]
    even, odd = x[:, ::2], x[:, 1::2]
    both = even.clone()
    both[:, : odd.shape[1]] += odd
    evens = convolve_transposed(even, kernel[0], (taps + 1) // 2, stride)
    odds = convolve_transposed(odd, kernel[1], taps // 2, stride)
    mixed = convolve_transposed(both, kernel[2], (taps + 1) // 2, stride)
    mixed -= evens
    mixed[:, : odds.shape[1]] -= odds
    y = x.new_zeros(len(x), x.shape[1] + taps - 1, evens.shape[2])
    y[:, ::2][:, : evens.shape[1]] = evens
    y[:, 2::2][:, : odds.shape[1]] += odds
    y[:, 1::2] = mixed[:, : y.shape[1] // 2]
    return y


class SharedEdges:
    """The padded steps of a first layer, from products that all frames share.

    At the edge of a frame an output is the sum of those taps that lie within the frame. As the
    layer is linear in the signal, every block of taps meets every block of steps only once.
    """

    def __init__(self, weight: torch.Tensor, layer: Layer, steps: int):
        """Prepare the products.

        Parameters
        ----------
        weight : (filters, inputs, kernel) float32
        steps : input steps of a frame, a multiple of the stride
        """
        self.stride, self.blocks = layer.stride, steps // layer.stride
        # A tap of block b + 1 meets the step block b - lead beyond that of the output's number.
        self.lead, rest = divmod(layer.padding[0], layer.stride)
        head = (layer.stride - rest) % layer.stride
        self.lead += head > 0
        tail = -(head + layer.kernel) % layer.stride
        taps = functional.pad(weight, (head, tail)).unflatten(2, (-1, layer.stride))
        self.taps = taps.shape[2]
        self.matrix = taps.permute(3, 1, 2, 0).flatten(0, 1).flatten(1).contiguous()

    def __call__(
        self, signal: torch.Tensor, spans: list[Span], starts: torch.Tensor
    ) -> list[torch.Tensor]:
        """Some padded steps of frames, without bias.

        Parameters
        ----------
        signal : (steps, inputs)
        spans : of steps at either end of a frame
        starts : (frames,) int64, first steps of the frames in the signal

        Returns
        -------
        (frames, steps, filters) for each span
        """
        if not spans:
            return []
        reach = self.taps * self.stride
        after = reach + -len(signal) % self.stride
        blocks = functional.pad(signal, (0, 0, reach, after)).unflatten(0, (-1, self.stride))
        products = (blocks.flatten(1) @ self.matrix).unflatten(1, (self.taps, -1))
        # Of a kernel that lies at each block in turn, what each of its blocks of taps yields.
        block, tap, feature = products.stride()
        places = len(products) - self.taps + 1
        shape = places, self.taps, products.shape[2]
        yields = products.as_strided(shape, (block, block + tap, feature))
        edges = []
        for first, stop in spans:
            steps = torch.arange(first, stop, device=starts.device)
            lead = self.lead - steps
            place = (starts // self.stride)[:, None] + self.taps - lead
            if first < self.lead:
                edges.append(yields.flip(1).cumsum(1)[place, self.taps - 1 - lead])
            else:
                edges.append(yields.cumsum(1)[place, self.blocks - 1 + lead])
        return edges
