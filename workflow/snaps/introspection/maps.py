"""Activation and saliency maps of a batch of frames."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Maps:
    """Maps of a batch of frames; layers are named ``input``, ``layer_01``, ...

    Attributes
    ----------
    predicted : (frames,) int64, index of the output unit with the largest logit at the target step
    logit : (frames,) float32, that logit
    activation : for each layer (frames, kept steps, features) float32; log-mel power for
        ``input``, logits for the output layer, ReLU outputs between them
    saliency : for each layer (frames, live steps, features) float32, derivative of `logit`; it is
        zero at all other steps

    Kept and live steps are those of :mod:`snaps.introspection.layout`.
    """

    predicted: torch.Tensor
    logit: torch.Tensor
    activation: dict[str, torch.Tensor]
    saliency: dict[str, torch.Tensor]


# Maps of the frames of a signal: (steps, mels) float32 and their first steps (frames,) int64, even.
Extractor = Callable[[torch.Tensor, torch.Tensor], Maps]
