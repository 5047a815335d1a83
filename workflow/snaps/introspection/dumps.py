"""Activation and saliency maps of a shard in chunked HDF5, and the frames they belong to."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import torch

from snaps.introspection.layout import LayerLayout
from snaps.introspection.maps import Maps

CHUNK_BYTES = 2**20
FILTERS = {
    # Measured: activations hold many exact zeros and noise, which shuffling spoils; saliency gains
    # from it.
    "activation": hdf5plugin.Zstd(clevel=3),
    "saliency": hdf5plugin.Blosc2(cname="zstd", clevel=1, filters=hdf5plugin.Blosc2.BITSHUFFLE),
}


class DumpWriter:
    """Appends batches of maps to an open dump; arrays are (frame, step, feature) float16.

    Steps are stored only where a SNAP can need them; the attribute ``first_step`` of an array is
    the step of the frame that it begins with. Conversion to and from float16 is left to torch,
    whose loops are vectorised; numpy's take ten times as long.
    """

    def __init__(
        self,
        file: h5py.File,
        frames: np.ndarray,
        layout: dict[str, LayerLayout],
        layers: Iterable[str] | None = None,
    ):
        """Begin a dump.

        Parameters
        ----------
        frames : (frames,) int64, index of each frame of this shard into the frames file
        layers : names of the layers to store; None for all
        """
        self._file, self._frames, self._written = file, len(frames), 0
        self._layout = {name: layout[name] for name in (layout if layers is None else layers)}
        file.create_dataset("frame", data=frames, dtype="i8")
        file.attrs["layers"] = list(self._layout)

    def append(self, maps: Maps) -> None:
        """Write the maps of the next frames."""
        start, stop = self._written, self._written + len(maps.predicted)
        for name, layer in self._layout.items():
            for kind, first in (("activation", layer.kept[0]), ("saliency", layer.live[0])):
                values = getattr(maps, kind)[name]
                if not start:
                    self._create(f"{name}/{kind}", values.shape[1:], kind, first)
                self._file[name][kind][start:stop] = values.half().cpu().numpy()
        self._written = stop

    def _create(self, name: str, shape: tuple[int, ...], kind: str, first: int) -> None:
        # A power of two, so that batches seldom end inside a chunk, which is then packed twice.
        rows = 2 ** int(np.log2(max(1, CHUNK_BYTES // (2 * int(np.prod(shape))))))
        dataset = self._file.create_dataset(
            name,
            (self._frames, *shape),
            "f2",
            chunks=(min(rows, self._frames), *shape),
            **FILTERS[kind],
        )
        dataset.attrs["axes"] = ["frame", "step", "feature"]
        dataset.attrs["first_step"] = first


def read_dump(path: str | Path, batch: int) -> Iterator[tuple[slice, Maps]]:
    """Read a dump in batches of frames.

    Yields
    ------
    rows : slice of the shard's frames
    maps : float32; prediction and logit are in the frames file and empty here
    """
    empty = torch.empty(0)
    with h5py.File(path, "r") as file:
        layers = list(file.attrs["layers"])
        for start in range(0, len(file["frame"]), batch):
            rows = slice(start, min(start + batch, len(file["frame"])))
            activation, saliency = (
                {name: torch.from_numpy(file[name][kind][rows]).float() for name in layers}
                for kind in FILTERS
            )
            yield rows, Maps(empty, empty, activation, saliency)


def write_frames(path: str | Path, columns: dict[str, np.ndarray]) -> None:
    """Write a frames file: columns such as ``start`` or ``step/input``, (frames,) each."""
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file.create_dataset(name, data=values)


def read_frames(path: str | Path) -> dict[str, np.ndarray]:
    """Read the columns of a frames file: ``utterance``, ``start``, ..., ``step/<layer>``."""
    columns: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: (
                columns.update({name: item[:]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return columns


def concatenate_frames(parts: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Join the columns of all shards in their order."""
    parts = list(parts)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
