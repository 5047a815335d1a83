"""Alignment: where a frame is centred, and centring it (paper 3.3, Figure 1A)."""

from dataclasses import dataclass

import torch

from snaps.errors import StudyError
from snaps.features import SILENCE
from snaps.introspection.layout import LayerLayout
from snaps.introspection.maps import Maps

POOLS = ("signed", "absolute", "none")
IMPORTANCES = ("shifted", "product", "saliency")
PEAKS = ("cell", "features")


@dataclass(frozen=True)
class AlignmentSettings:
    """The readings of METHOD section 3; the defaults are the study's.

    pool : ``signed`` (pool the saliency), ``absolute`` (its absolute values) or ``none``
    importance : ``shifted`` (\\|saliency\\| x activation, the input made non-negative),
        ``product`` (the literal product) or ``saliency`` (\\|saliency\\| alone)
    peak : ``cell`` (largest cell) or ``features`` (largest sum over features)
    """

    pool: str = "signed"
    importance: str = "shifted"
    peak: str = "cell"

    def __post_init__(self) -> None:
        choices = {"pool": POOLS, "importance": IMPORTANCES, "peak": PEAKS}
        for key, allowed in choices.items():
            if getattr(self, key) not in allowed:
                raise StudyError(f"alignment.{key} is {getattr(self, key)!r}: use one of {allowed}")


def pool_saliency(saliency: torch.Tensor, layer: LayerLayout) -> torch.Tensor:
    """Average pooling of 2 x 2 cells (time x feature) with stride 1, of the same size.

    The far ends of the frame are padded and the padding is left out of the mean.

    Parameters
    ----------
    saliency : (frames, live steps, features) float32; zero at the steps before and after

    Returns
    -------
    (frames, steps, features); where the live steps do not begin with the frame, one step more at
    the beginning, whose mean takes in the first of them
    """
    first, stop = layer.live
    before, after = int(first > 0), int(stop < layer.steps)
    pooled = saliency.new_empty(len(saliency), stop - first + before, saliency.shape[2])
    torch.add(saliency[:, :-1], saliency[:, 1:], out=pooled[:, before : stop - first + before - 1])
    if before:
        pooled[:, 0] = saliency[:, 0]
    pooled[:, -1] = saliency[:, -1] if after else 2 * saliency[:, -1]
    over_time = pooled
    pooled = torch.empty_like(over_time)
    torch.add(over_time[:, :, :-1], over_time[:, :, 1:], out=pooled[:, :, :-1])
    torch.mul(over_time[:, :, -1], 2, out=pooled[:, :, -1])
    return pooled.mul_(0.25)


def importance_map(
    activation: torch.Tensor,
    saliency: torch.Tensor,
    layer: LayerLayout,
    settings: AlignmentSettings,
    is_input: bool,
) -> tuple[torch.Tensor, int]:
    """Importance of each cell: \\|pooled saliency\\| x activation.

    Parameters
    ----------
    activation : (frames, kept steps, features) float32
    saliency : (frames, live steps, features) float32
    is_input : log-mel activations are shifted by ln 1e-11 so that silence counts zero

    Returns
    -------
    (frames, steps, features) float32 and the step of the frame that it begins with; importance is
    zero at all other steps
    """
    first = layer.live[0]
    if settings.pool == "none":
        weight = saliency.abs()
    else:
        weight = pool_saliency(saliency.abs() if settings.pool == "absolute" else saliency, layer)
        weight = weight.abs_()
        first -= weight.shape[1] - saliency.shape[1]
    if settings.importance == "saliency":
        return weight, first
    begin = first - layer.kept[0]
    activation = activation[:, begin : begin + weight.shape[1]]
    if is_input and settings.importance == "shifted":
        activation = activation - SILENCE
    return weight.mul_(activation), first


def peak_steps(
    importance: torch.Tensor, first: int, steps: int, peak: str = "cell"
) -> torch.Tensor:
    """Alignment step of each frame: the time of the largest importance, the first on ties.

    A constant map leaves the frame where it is: its step is the centre, steps // 2.

    Parameters
    ----------
    importance : (frames, some steps, features); zero at the steps that it leaves out
    first : step of the frame that `importance` begins with
    steps : steps of the frame
    peak : ``cell`` or ``features`` (sum over features)

    Returns
    -------
    (frames,) int64
    """
    course = importance.new_zeros(len(importance), steps)
    highest = importance.amax(dim=2) if peak == "cell" else importance.sum(dim=2)
    course[:, first : first + highest.shape[1]] = highest
    # Where the highest cells are all equal, the lowest decide whether the map is constant.
    constant = course.amax(dim=1) == course.amin(dim=1)
    if peak == "cell" and constant.any():
        constant &= importance.amin(dim=(1, 2)) == course[:, 0]
    return torch.where(constant, steps // 2, course.argmax(dim=1))


def alignment_steps(
    maps: Maps, layout: dict[str, LayerLayout], settings: AlignmentSettings
) -> dict[str, torch.Tensor]:
    """Alignment step of each frame in every layer, and under ``navai`` that of NAvAI.

    In the output layer the step is the target, steps // 2, by construction: only there has the
    gradient of a logit a non-zero value. NAvAI aligns the input at the time of its largest
    absolute saliency, without pooling and activation (paper section 3.1).

    Returns
    -------
    (frames,) int64 each
    """
    steps = {}
    *hidden, output = layout
    for name in hidden:
        layer = layout[name]
        importance, first = importance_map(
            maps.activation[name], maps.saliency[name], layer, settings, name == "input"
        )
        steps[name] = peak_steps(importance, first, layer.steps, settings.peak)
    steps[output] = torch.full_like(steps["input"], layout[output].centre)
    frame = layout["input"]
    steps["navai"] = peak_steps(maps.saliency["input"].abs(), frame.live[0], frame.steps)
    return steps


def centre_maps(
    maps: torch.Tensor,
    first: int,
    steps: torch.Tensor,
    times: torch.Tensor,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Shift each frame so that its alignment step lies at time 0; zeros where it has no data.

    Parameters
    ----------
    maps : (frames, some steps, features)
    first : step of the frame that `maps` begins with
    steps : (frames,) int, alignment steps
    times : (times,) int, steps relative to the alignment step; ``arange(T) - T // 2`` crops one
        side and pads the other as the paper does
    out : (frames, times, features) contiguous, memory for the result

    Returns
    -------
    (frames, times, features)
    """
    frames, length, features = maps.shape
    source = (steps[:, None] + times.to(steps.device) - first).flatten()
    outside = ((source < 0) | (source >= length)).nonzero()[:, 0]
    offsets = torch.arange(frames, device=steps.device).repeat_interleave(len(times)) * length
    if out is None:
        out = maps.new_empty(frames, len(times), features)
    centred = out.view(-1, features)
    index = source.clamp_(0, length - 1).add_(offsets)
    torch.index_select(maps.reshape(-1, features), 0, index, out=centred)
    centred.index_fill_(0, outside, 0)
    return out
