"""Profiles of groups: SNAP, NAvAI and NAP (paper section 3, METHOD section 4)."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from snaps.errors import StudyError

BASELINES = ("frames", "groups")
MASK_SCALES = ("group", "layer")
COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@dataclass
class Sums:
    """Sums over the frames of each group of one grouping.

    Attributes
    ----------
    names : (groups,) names, groups without frames included
    count : (groups,) int64, frames of each group
    frames : number of all frames, those that join no group included
    arrays : ``<layer>/total``, ``<layer>/nap_total`` and ``input/navai_total`` (steps, features)
        over all frames; ``groups/<layer>/activation``, ``.../saliency`` (absolute values),
        ``.../nap`` and ``groups/input/navai`` (groups, steps, features); float64
    times : for each layer the times of its centred maps, relative to the alignment step
    """

    names: list[str]
    count: np.ndarray
    frames: int
    arrays: dict[str, np.ndarray]
    times: dict[str, np.ndarray]

    def add(self, other: "Sums") -> None:
        """Add the sums of another shard."""
        self.count = self.count + other.count
        self.frames += other.frames
        for name, values in other.arrays.items():
            self.arrays[name] += values


def read_sums(path: str | Path, grouping: str) -> Sums:
    """Read one grouping of the sums of a shard."""
    with h5py.File(path, "r") as file:
        times = {layer: item[:] for layer, item in file["time"].items()}
        arrays = {}
        for layer in times:
            for prefix, source in (("", layer), ("groups/", f"{grouping}/{layer}")):
                for name, item in file["sums"][source].items():
                    arrays[f"{prefix}{layer}/{name}"] = item[:]
        return Sums(
            [name.decode() for name in file[f"groups/{grouping}"][:]],
            file[f"sums/{grouping}/count"][:],
            int(file["sums/frames"][0]),
            arrays,
            times,
        )


def scale_mask(saliency: np.ndarray, scale: str = "group") -> np.ndarray:
    """Saliency mask: mean absolute saliency divided by its maximum.

    Parameters
    ----------
    saliency : (groups, steps, features), mean of |saliency|
    scale : ``group`` (each group's own maximum) or ``layer`` (the largest of all groups)

    Returns
    -------
    (groups, steps, features) in [0, 1]; zero where a group has no saliency at all
    """
    if scale not in MASK_SCALES:
        raise StudyError(f"profiles.mask_scale is {scale!r}: use one of {MASK_SCALES}")
    axes = (1, 2) if scale == "group" else None
    largest = saliency.max(axis=axes, keepdims=True, initial=0.0)
    return np.divide(saliency, largest, out=np.zeros_like(saliency), where=largest > 0)


def profile(
    sums: np.ndarray, count: np.ndarray, total: np.ndarray, frames: int, baseline: str = "frames"
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each group minus the mean of all frames.

    Parameters
    ----------
    sums : (groups, steps, features) sums over the frames of each group
    count : (groups,) frames of each group, none of them zero
    total : (steps, features) sum over all frames
    frames : number of all frames
    baseline : ``frames`` (mean of all frames) or ``groups`` (mean of the groups' means)

    Returns
    -------
    profile (groups, steps, features), baseline (steps, features)
    """
    if baseline not in BASELINES:
        raise StudyError(f"profiles.baseline is {baseline!r}: use one of {BASELINES}")
    means = sums / count[:, None, None]
    base = total / frames if baseline == "frames" else means.mean(axis=0)
    return means - base, base


def compute_profiles(
    sums: Sums, baseline: str = "frames", mask_scale: str = "group"
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Profiles of the groups that have frames, layer by layer.

    Yields
    ------
    layer, and by name: ``time`` (T,); ``activation`` (G, T, C) mean of aligned activations minus
    ``baseline`` (T, C); ``saliency`` (G, T, C) mean of absolute aligned saliency, not scaled;
    ``snap`` (G, T, C) = activation x mask; for the input ``navai`` (G, 206, mels) and its
    ``navai_time``; for the other layers ``nap`` (G, steps, C), each feature map sorted along time
    """
    present = sums.count > 0
    count = sums.count[present]

    def relative(name: str, total: str) -> tuple[np.ndarray, np.ndarray]:
        mine = sums.arrays[f"groups/{name}"][present]
        return profile(mine, count, sums.arrays[total], sums.frames, baseline)

    for layer, times in sums.times.items():
        activation, base = relative(f"{layer}/activation", f"{layer}/total")
        saliency = sums.arrays[f"groups/{layer}/saliency"][present] / count[:, None, None]
        arrays = {
            "time": times,
            "activation": activation,
            "baseline": base,
            "saliency": saliency,
            "snap": activation * scale_mask(saliency, mask_scale),
        }
        if layer == "input":
            arrays["navai"], _ = relative("input/navai", "input/navai_total")
            steps = arrays["navai"].shape[1]
            arrays["navai_time"] = np.arange(steps) - steps // 2
        else:
            averages, _ = relative(f"{layer}/nap", f"{layer}/nap_total")
            arrays["nap"] = np.sort(averages, axis=1)
        yield layer, arrays


def write_profiles(
    path: str | Path,
    groups: Sequence[str],
    count: np.ndarray,
    layers: Iterator[tuple[str, dict[str, np.ndarray]]],
    attributes: dict,
) -> None:
    """Write profiles as float32, one layer at a time.

    Parameters
    ----------
    groups, count : names and frames of the groups that have frames
    layers : as from :func:`compute_profiles`
    attributes : plain values: model, seed, grouping, frames, blanks, absent, mask_scale, ...
    """
    with h5py.File(path, "w") as file:
        file.create_dataset("groups", data=list(groups), dtype=h5py.string_dtype())
        file.create_dataset("count", data=count, dtype="i8")
        file.attrs["settings"] = json.dumps(attributes, sort_keys=True)
        names = []
        for layer, arrays in layers:
            names.append(layer)
            for name, values in arrays.items():
                integer = np.issubdtype(values.dtype, np.integer)
                compression = COMPRESSION if values.ndim == 3 else {}
                file.create_dataset(
                    f"{layer}/{name}", data=values, dtype="i4" if integer else "f4", **compression
                )
            file[layer].attrs["axes"] = ["group", "time", "feature"]
        file.attrs["layers"] = names


class Profiles:
    """Read-only view of a profile file; arrays are read when asked for."""

    def __init__(self, file: h5py.File):
        self._file = file
        self.groups = [name.decode() for name in file["groups"][:]]
        self.count = file["count"][:]
        self.layers = list(file.attrs["layers"])
        self.attrs = json.loads(file.attrs["settings"])

    def time(self, layer: str) -> np.ndarray:
        """Steps of the layer relative to the alignment step: (T,) int."""
        return self._file[layer]["time"][:]

    def snap(self, layer: str) -> np.ndarray:
        """SNAPs: (G, T, C) float32."""
        return self._file[layer]["snap"][:]

    def activation(self, layer: str) -> np.ndarray:
        """Activation profiles, aligned mean minus baseline: (G, T, C) float32."""
        return self._file[layer]["activation"][:]

    def saliency(self, layer: str) -> np.ndarray:
        """Mean absolute aligned saliency, not scaled: (G, T, C) float32."""
        return self._file[layer]["saliency"][:]

    def mask(self, layer: str) -> np.ndarray:
        """Saliency masks: (G, T, C) float32 in [0, 1]."""
        return scale_mask(self.saliency(layer), self.attrs["mask_scale"])

    def baseline(self, layer: str) -> np.ndarray:
        """What the activation profiles are relative to: (T, C) float32."""
        return self._file[layer]["baseline"][:]

    def navai(self) -> np.ndarray:
        """NAvAI of the input: (G, 206, mels) float32, difference of ln power."""
        return self._file["input"]["navai"][:]

    def navai_time(self) -> np.ndarray:
        """Steps of the NAvAI relative to its alignment step: (206,) int."""
        return self._file["input"]["navai_time"][:]

    def nap(self, layer: str) -> np.ndarray:
        """NAPs of a layer other than the input: (G, steps, C), sorted along time."""
        return self._file[layer]["nap"][:]


@contextlib.contextmanager
def open_profiles(path: str | Path) -> Iterator[Profiles]:
    """Open a profile file for reading."""
    with h5py.File(path, "r") as file:
        yield Profiles(file)
