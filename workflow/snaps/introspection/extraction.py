"""Going through the frames of a shard, batch by batch, whatever their number."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from snaps.features import Features
from snaps.frames import FRAME_CENTRE, FRAME_STEPS
from snaps.introspection.alignment import (
    AlignmentSettings,
    alignment_steps,
    centre_maps,
    importance_map,
    pool_saliency,
)
from snaps.introspection.layout import LayerLayout, frame_times
from snaps.introspection.maps import Extractor, Maps


@dataclass(frozen=True)
class Batch:
    """A batch of frames.

    maps : activation and saliency of the frames
    steps : alignment steps of each layer and of NAvAI, (frames,) int64
    columns : rows of the frames file: utterance, start (step), predicted, logit, annotated,
        step/<layer>, step/navai, (frames,) each
    """

    maps: Maps
    steps: dict[str, torch.Tensor]
    columns: dict[str, np.ndarray]


def frame_steps(columns: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The alignment steps among the columns of a frames file: (frames,) int64 each."""
    return {
        name.removeprefix("step/"): torch.from_numpy(values.astype(np.int64))
        for name, values in columns.items()
        if name.startswith("step/")
    }


def best_device() -> torch.device:
    """The accelerator where there is one, with convolutions in full float32."""
    # TF32, the default of cuDNN, would leave three digits of a map.
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def read_signal(
    features: Features, utterance: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What some frames need of their utterances, one after another.

    Parameters
    ----------
    utterance, start : (frames,) int, every utterance's frames side by side and in order

    Returns
    -------
    signal (steps, mels) float32; first steps of the frames in it (frames,) int64; phones at their
    centres (frames,) int16
    """
    signals, starts, phones, offset = [], [], [], 0
    for index in dict.fromkeys(utterance.tolist()):
        mine = start[utterance == index].astype(np.int64)
        signals.append(features.log_mel(index)[mine[0] : mine[-1] + FRAME_STEPS])
        starts.append(mine - mine[0] + offset)
        phones.append(features.phone(index)[mine + FRAME_CENTRE])
        offset += len(signals[-1])
    return np.concatenate(signals), np.concatenate(starts), np.concatenate(phones)


def extract_batches(
    extract: Extractor,
    layout: dict[str, LayerLayout],
    features: Features,
    utterance: np.ndarray,
    start: np.ndarray,
    batch: int,
    settings: AlignmentSettings,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Maps and alignment steps of frames in ascending order of utterance.

    Parameters
    ----------
    extract : computes the maps
    utterance, start : (frames,) int, as from :func:`snaps.frames.frame_index`
    batch : number of frames worked on at once
    """
    for first in range(0, len(utterance), batch):
        rows = slice(first, first + batch)
        signal, starts, annotated = read_signal(features, utterance[rows], start[rows])
        maps = extract(torch.from_numpy(signal).to(device), torch.from_numpy(starts).to(device))
        steps = alignment_steps(maps, layout, settings)
        columns = {
            "utterance": utterance[rows],
            "start": start[rows],
            "predicted": maps.predicted.cpu().numpy().astype(np.int16),
            "logit": maps.logit.cpu().numpy(),
            "annotated": annotated,
        }
        for name, values in steps.items():
            columns[f"step/{name}"] = values.cpu().numpy().astype(np.int16)
        yield Batch(maps, steps, columns)


def choose_example(predicted: np.ndarray, logit: np.ndarray, units: list[str]) -> int:
    """The surest frame of the most frequent prediction, of those that join a clustering.

    Parameters
    ----------
    predicted, logit : (frames,) as in the frames file
    units : output units, the blank first

    Returns
    -------
    index of the frame
    """
    frames = np.bincount(predicted, minlength=len(units))
    for number, unit in enumerate(units):
        if not unit[0].isalpha() or unit == "h#":
            frames[number] = 0
    return int(np.argmax(np.where(predicted == frames.argmax(), logit, -np.inf)))


def trace_alignment(
    maps: Maps, layout: dict[str, LayerLayout], settings: AlignmentSettings, names: list[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Every stage of one frame's alignment (paper Figure 1A), all steps of the frame.

    Parameters
    ----------
    maps : of one frame
    names : layers to trace

    Returns
    -------
    for each layer ``activation``, ``saliency``, ``pooled``, ``importance`` and ``aligned``,
    (steps, features) each, zero where they were not kept, and ``step``
    """
    steps = alignment_steps(maps, layout, settings)
    traced = {}
    for name in names:
        layer = layout[name]
        activation, saliency = maps.activation[name], maps.saliency[name]
        kept, live = layer.kept[0], layer.live[0]
        pooled = pool_saliency(saliency, layer)
        importance, first = importance_map(activation, saliency, layer, settings, name == "input")
        centre = torch.full_like(steps[name], layer.centre)
        stages = {
            "activation": (activation, kept, centre),
            "saliency": (saliency, live, centre),
            "pooled": (pooled, live - (pooled.shape[1] - saliency.shape[1]), centre),
            "importance": (importance, first, centre),
            "aligned": (activation, kept, steps[name]),
        }
        traced[name] = {
            stage: centre_maps(values, begin, at, frame_times(layer.steps))[0].cpu().numpy()
            for stage, (values, begin, at) in stages.items()
        }
        traced[name]["step"] = steps[name].cpu().numpy()[0]
    return traced
