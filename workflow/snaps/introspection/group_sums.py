"""Sums of aligned maps over the frames of each group, whatever their number (paper 3.3)."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import h5py
import numpy as np
import torch

from snaps.introspection.alignment import centre_maps
from snaps.introspection.layout import LayerLayout, frame_times
from snaps.introspection.maps import Maps
from snaps.phones import BLANK, SILENCE


def group_names(symbols: Sequence[str]) -> list[str]:
    """Groups that symbols can form: all but the blank and h#."""
    return [symbol for symbol in symbols if symbol not in (BLANK, SILENCE)]


def group_members(index: np.ndarray, symbols: Sequence[str]) -> torch.Tensor:
    """Group of each frame: (frames,) int64 among :func:`group_names`, -1 for none.

    Parameters
    ----------
    index : (frames,) int, index into `symbols`
    """
    names = group_names(symbols)
    group = torch.tensor([names.index(symbol) if symbol in names else -1 for symbol in symbols])
    return group[torch.from_numpy(index.astype(np.int64))]


# Frames summed by one matrix product: few enough that they hold few groups and fit into a cache.
FRAMES_AT_ONCE = 32
# Matrix that sums over frames; for each grouping the groups whose sums its rows yield.
Selection = tuple[torch.Tensor, list[tuple[str, torch.Tensor]]]


class GroupSums:
    """Sums over the frames of each group, for one or more groupings, in float64.

    Some frames at a time are summed in float32 by one matrix product and added in float64, so that
    precision does not depend on the number of frames.

    Attributes
    ----------
    arrays : by name; ``frames`` (1,) and ``<grouping>/count`` (groups,) int64;
        ``<layer>/total``, ``<layer>/nap_total``, ``input/navai_total`` (steps, features) over all
        frames; ``<grouping>/<layer>/activation``, ``.../saliency`` (absolute values),
        ``.../nap`` and ``<grouping>/input/navai`` (groups, steps, features)
    """

    def __init__(
        self,
        symbols: dict[str, Sequence[str]],
        layout: dict[str, LayerLayout],
        device: torch.device | str = "cpu",
    ):
        """Begin with zeros.

        Parameters
        ----------
        symbols : for each grouping the symbols that its column of the frames file is an index into
        """
        self.symbols, self.layout, self.device = dict(symbols), layout, torch.device(device)
        self.groups = {grouping: group_names(names) for grouping, names in symbols.items()}
        self._memories: dict[str, torch.Tensor] = {}
        self.arrays = {"frames": torch.zeros(1, dtype=torch.int64)}
        for grouping, names in self.groups.items():
            self.arrays[f"{grouping}/count"] = torch.zeros(len(names), dtype=torch.int64)

    def add(
        self, maps: Maps, steps: dict[str, torch.Tensor], columns: dict[str, np.ndarray]
    ) -> None:
        """Add a batch of frames.

        Parameters
        ----------
        maps : activation and saliency, not aligned
        steps : alignment steps of each layer and of ``navai``, (frames,) int64
        columns : for each grouping the symbol of each frame, (frames,) int
        """
        members = {
            grouping: group_members(columns[grouping], symbols)
            for grouping, symbols in self.symbols.items()
        }
        self.arrays["frames"] += len(steps["input"])
        for grouping, groups in members.items():
            count = self.arrays[f"{grouping}/count"]
            count += torch.bincount(groups[groups >= 0], minlength=len(count))
        for start in range(0, len(steps["input"]), FRAMES_AT_ONCE):
            rows = slice(start, start + FRAMES_AT_ONCE)
            selection = self._select({name: groups[rows] for name, groups in members.items()})
            for name in self.layout:
                self._add_layer(name, maps, steps, rows, selection)

    def _add_layer(
        self,
        name: str,
        maps: Maps,
        steps: dict[str, torch.Tensor],
        rows: slice,
        selection: Selection,
    ) -> None:
        layer = self.layout[name]
        activation, saliency = maps.activation[name][rows], maps.saliency[name][rows]

        def centre(values: torch.Tensor, first: int, at: str, times: torch.Tensor) -> torch.Tensor:
            memory = self._memory("centred", (len(values), len(times), values.shape[2]))
            return centre_maps(values, first, steps[at][rows], times, memory)

        first, times = layer.kept[0], layer.times
        centred = centre(activation, first, name, times)
        self._accumulate(f"{name}/activation", f"{name}/total", centred, selection)
        weight = centre(saliency, layer.live[0], name, times).abs_()
        self._accumulate(f"{name}/saliency", None, weight, selection)
        if name == "input":
            navai = centre(activation, first, "navai", frame_times(layer.steps))
            self._accumulate("input/navai", "input/navai_total", navai, selection)
        else:
            self._accumulate(f"{name}/nap", f"{name}/nap_total", activation, selection)

    def _select(self, members: dict[str, torch.Tensor]) -> Selection:
        """Matrix (rows, frames) that sums over all frames, then over each group that is there."""
        rows, present = [torch.ones(1, len(next(iter(members.values()))))], []
        for grouping, groups in members.items():
            found = groups[groups >= 0].unique()
            rows.append((groups == found[:, None]).float())
            present.append((grouping, found.to(self.device)))
        return torch.cat(rows).to(self.device), present

    def _accumulate(
        self,
        name: str,
        total: str | None,
        maps: torch.Tensor,
        selection: Selection,
    ) -> None:
        matrix, present = selection
        shape, maps = maps.shape[1:], maps.reshape(len(maps), -1)
        sums = torch.mm(matrix, maps, out=self._memory("sums", (len(matrix), maps.shape[1])))
        sums = self._memory("doubles", sums.shape, torch.float64).copy_(sums).view(-1, *shape)
        if total is not None:
            self._array(total, shape).add_(sums[0])
        row = 1
        for grouping, found in present:
            array = self._array(f"{grouping}/{name}", (len(self.groups[grouping]), *shape))
            array.index_add_(0, found, sums[row : row + len(found)])
            row += len(found)

    def _memory(
        self, name: str, shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Memory for passing results; fresh memory would cost more than what is done with it."""
        size = prod(shape)
        if name not in self._memories or self._memories[name].numel() < size:
            self._memories[name] = torch.empty(size, dtype=dtype, device=self.device)
        return self._memories[name][:size].view(*shape)

    def _array(self, name: str, shape: Sequence[int]) -> torch.Tensor:
        if name not in self.arrays:
            self.arrays[name] = torch.zeros(*shape, dtype=torch.float64, device=self.device)
        return self.arrays[name]


def write_sums(path: str | Path, sums: GroupSums) -> None:
    """Write the sums of a shard, and the times of each layer's centred maps."""
    with h5py.File(path, "w") as file:
        for name, values in sums.arrays.items():
            file.create_dataset(f"sums/{name}", data=values.cpu().numpy())
        for name, layer in sums.layout.items():
            file.create_dataset(f"time/{name}", data=layer.times.numpy())
        for grouping, names in sums.groups.items():
            file.create_dataset(f"groups/{grouping}", data=names, dtype=h5py.string_dtype())
