"""Which steps of a frame matter in each layer (METHOD section 3)."""

from dataclasses import dataclass

import torch

from snaps.frames import FRAME_STEPS
from snaps.networks import ConvStack, layer_lengths, live_steps


@dataclass(frozen=True, eq=False)
class LayerLayout:
    """Steps of one layer of a frame; ranges are (first, last + 1).

    steps : steps of the layer, 206 in the input and 103 in the others
    live : steps that the target depends on; saliency is exactly zero outside them
    kept : steps whose activation a SNAP, NAvAI or NAP can need
    times : (times,) int64, steps relative to the alignment step at which a SNAP can differ from
        zero
    """

    steps: int
    live: tuple[int, int]
    kept: tuple[int, int]
    times: torch.Tensor

    @property
    def centre(self) -> int:
        """The step that alignment moves things to, steps // 2."""
        return self.steps // 2


def frame_times(steps: int) -> torch.Tensor:
    """Times of a centred map of `steps` steps, relative to its centre: (steps,) int64."""
    return torch.arange(steps) - steps // 2


def frame_layout(network: ConvStack, steps: int = FRAME_STEPS) -> dict[str, LayerLayout]:
    """Layout of the input and of every layer for frames of `steps` steps.

    Of the input all steps are kept: NAvAI shows the whole of it, and where importance is the
    literal product with negative log power its largest value can lie outside the live steps. In
    the other layers the alignment step is a live one or, since pooling reaches one step on, the
    one before the first.
    """
    lengths = layer_lengths(network.layers, steps)
    bounds = live_steps(network.layers, steps, lengths[-1] // 2)
    layout = {"input": LayerLayout(steps, bounds[0], (0, steps), frame_times(steps))}
    for name, length, live in zip(network.layer_names[1:], lengths[1:], bounds[1:], strict=True):
        width = live[1] - live[0]
        kept = max(0, live[0] - width), min(length, live[1] + width)
        times = frame_times(length)
        times = times[(times > -width) & (times <= width)]
        layout[name] = LayerLayout(length, live, kept, times)
    return layout
