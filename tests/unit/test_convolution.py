"""Convolutions with less work give what torch's plain ones give."""

import pytest
import torch
from torch.nn import functional

from snaps.introspection.convolution import (
    LONG_KERNEL,
    SharedEdges,
    convolve_transposed,
    transposed_kernel,
)
from snaps.networks import Layer, layer_lengths


def depth(kernel):
    """How often a kernel was halved."""
    return 0 if isinstance(kernel, torch.Tensor) else 1 + depth(kernel[0])


@pytest.mark.parametrize("steps", [1, 2, 5, 8, 80])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 3, 4, 7, 11, 12, 13, 24, 25, 27, 48])
def test_transposed_convolutions_carry_gradients(taps, stride, steps):
    generator = torch.Generator().manual_seed(taps)
    weight = torch.randn(4, 3, taps * stride, generator=generator)
    x = torch.randn(2, steps, 4, generator=generator)
    kernel = transposed_kernel(weight, stride)
    found = convolve_transposed(x, kernel, taps, stride)
    assert found.shape == (2, steps + taps - 1, stride * 3)
    expected = functional.conv_transpose1d(
        x.double().transpose(1, 2), weight.double(), stride=stride
    ).transpose(1, 2)
    torch.testing.assert_close(
        found.reshape(2, -1, 3).double(), expected, rtol=0, atol=1e-6 * expected.abs().max().item()
    )


def test_long_kernels_are_halved_until_they_are_short():
    for taps, halvings in ((LONG_KERNEL - 1, 0), (LONG_KERNEL, 1), (2 * LONG_KERNEL, 2)):
        assert depth(transposed_kernel(torch.ones(1, 1, taps), 1)) == halvings


def test_the_halves_of_a_kernel_by_hand():
    even, odd, both = transposed_kernel(torch.arange(1.0, 8).reshape(1, 1, 7), 1)
    assert even.flatten().tolist() == [1, 3, 5, 7]
    assert odd.flatten().tolist() == [2, 4, 6]
    assert both.flatten().tolist() == [3, 7, 11, 7]


@pytest.mark.parametrize("tail", [0, 1])
@pytest.mark.parametrize(
    "layer",
    [
        Layer(5, 48, 2),
        Layer(5, 47, 2),
        Layer(5, 46, 2),
        Layer(5, 7),
        Layer(5, 8),
        Layer(5, 10, 2),
        Layer(5, 2, 2),
        Layer(5, 1),
    ],
)
def test_shared_edges_are_those_of_padded_frames(layer, tail):
    generator = torch.Generator().manual_seed(layer.kernel)
    steps, starts = 60, torch.tensor([0, 2, 8, 30, 30, 14])
    signal = torch.randn(90 + tail, 3, generator=generator, dtype=torch.float64)
    weight = torch.randn(5, 3, layer.kernel, generator=generator, dtype=torch.float64)
    frames = signal[starts[:, None] + torch.arange(steps)].transpose(1, 2)
    padded = functional.pad(frames, layer.padding)
    whole = functional.conv1d(padded, weight, stride=layer.stride).transpose(1, 2)
    length = layer_lengths([layer], steps)[-1]
    left = -(-layer.padding[0] // layer.stride)
    inside = (steps - layer.kernel + layer.padding[0]) // layer.stride + 1
    spans = [span for span in ((0, left), (inside, length)) if span[0] < span[1]]
    edges = SharedEdges(weight, layer, steps)(signal, spans, starts)
    assert len(edges) == len(spans)
    for (first, stop), edge in zip(spans, edges, strict=True):
        torch.testing.assert_close(edge, whole[:, first:stop])
