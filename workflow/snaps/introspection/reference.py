"""The definition of a frame's maps: plain automatic differentiation (METHOD section 3)."""

import torch

from snaps.frames import FRAME_STEPS
from snaps.introspection.layout import frame_layout
from snaps.introspection.maps import Maps
from snaps.networks import ConvStack


class ReferenceExtractor:
    """Activations and saliency of every layer by one forward and one backward pass of each frame.

    Saliency is the derivative of the largest logit at the target step, the middle of the output
    sequence, with respect to the activations of each layer (paper section 3.3).
    """

    def __init__(self, network: ConvStack):
        """`network` : a network in inference mode."""
        self.network = network.requires_grad_(False)
        self.layout = frame_layout(network)

    def __call__(self, signal: torch.Tensor, starts: torch.Tensor) -> Maps:
        """Maps of the frames of a signal.

        Parameters
        ----------
        signal : (steps, mels) float32 log-mel power
        starts : (frames,) int64, first steps of the frames
        """
        steps = torch.arange(FRAME_STEPS, device=starts.device)
        frames = signal[starts[:, None] + steps]
        outputs, gradients, logit, predicted = self.whole_maps(frames)

        def crop(tensors: list[torch.Tensor], steps: str) -> dict[str, torch.Tensor]:
            cropped = {}
            for (name, layer), tensor in zip(self.layout.items(), tensors, strict=True):
                first, stop = getattr(layer, steps)
                cropped[name] = tensor[:, first:stop].contiguous()
            return cropped

        return Maps(predicted, logit, crop(outputs, "kept"), crop(gradients, "live"))

    def whole_maps(
        self, frames: torch.Tensor
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """All steps of all layers.

        Parameters
        ----------
        frames : (frames, steps, mels) float32 log-mel power, 206 steps in the study

        Returns
        -------
        activations and saliency of the input and each layer (frames, steps, features); logit and
        index of the winning unit (frames,)
        """
        x = frames.transpose(1, 2)
        with torch.enable_grad():
            outputs = [x.requires_grad_(), *self.network.layer_outputs(x)]
            logits = outputs[-1][:, :, outputs[-1].shape[2] // 2]
            logit, predicted = logits.max(dim=1)
            gradients = torch.autograd.grad(logit.sum(), outputs)
        outputs = [tensor.detach().transpose(1, 2) for tensor in outputs]
        gradients = [tensor.transpose(1, 2) for tensor in gradients]
        return outputs, gradients, logit.detach(), predicted
