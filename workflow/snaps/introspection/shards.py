"""A shard: a block of whole speakers whose frames are worked on in one job."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from snaps.features import Features, open_features
from snaps.frames import shard_frames
from snaps.introspection.alignment import AlignmentSettings
from snaps.introspection.engines import choose_extractor
from snaps.introspection.extraction import Batch, best_device, extract_batches
from snaps.introspection.layout import LayerLayout
from snaps.introspection.maps import Extractor
from snaps.networks import load_network


@dataclass(frozen=True)
class Shard:
    """Frames of a shard and what turns them into maps.

    frame : (frames,) int64, index of each among the frames of all utterances
    utterance, start : (frames,) int32, where it is cut from
    symbols : for each grouping the symbols that its indices mean
    """

    frame: np.ndarray
    utterance: np.ndarray
    start: np.ndarray
    symbols: dict[str, list[str]]
    extract: Extractor
    layout: dict[str, LayerLayout]
    features: Features
    alignment: AlignmentSettings
    batch: int
    device: torch.device

    @property
    def batch_count(self) -> int:
        """Number of batches."""
        return -(-len(self.frame) // self.batch)

    def batches(self) -> Iterator[Batch]:
        """Maps and alignment steps of all frames."""
        return extract_batches(
            self.extract,
            self.layout,
            self.features,
            self.utterance,
            self.start,
            self.batch,
            self.alignment,
            self.device,
        )


@contextlib.contextmanager
def open_shard(
    features: str | Path,
    utterances: str | Path,
    weights: str | Path,
    shard: str,
    engine: str,
    batch: int,
    threads: int,
    alignment: dict[str, str],
) -> Iterator[Shard]:
    """Open a shard of a study.

    Parameters
    ----------
    features, utterances, weights : paths of the feature file, the corpus index and the network
    shard : ``2-of-4`` and the like
    engine : ``auto``, ``conv_stack`` or ``reference``
    batch : frames worked on at once
    threads : of the processor
    alignment : fields of :class:`snaps.introspection.alignment.AlignmentSettings`
    """
    torch.set_num_threads(threads)
    device = best_device()
    network = load_network(weights).to(device)
    extract = choose_extractor(network, engine)
    speakers = pd.read_csv(utterances, sep="\t")["speaker"].tolist()
    with open_features(features) as opened:
        frame, utterance, start = shard_frames(opened.steps, speakers, shard)
        yield Shard(
            frame,
            utterance,
            start,
            {"predicted": network.units, "annotated": list(opened.phones)},
            extract,
            extract.layout,
            opened,
            AlignmentSettings(**alignment),
            batch,
            device,
        )
