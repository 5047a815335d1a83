"""Spectrogram frames, one per network output, and the shards they are worked on in."""

from itertools import pairwise

import numpy as np

from snaps.errors import StudyError
from snaps.features import SECONDS_PER_STEP

FRAME_STEPS = 206
FRAME_CENTRE = FRAME_STEPS // 2
FRAME_HOP = 2


def frame_starts(steps: int) -> np.ndarray:
    """First steps of the frames of an utterance: 206 steps, hop 2 steps (METHOD section 1).

    Returns (frames,) int64; an utterance of fewer than 206 steps gives none.
    """
    return np.arange(0, steps - FRAME_STEPS + 1, FRAME_HOP)


def frame_index(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All frames of all utterances, in order.

    Parameters
    ----------
    steps : (utterances,) int, spectrogram steps of each utterance

    Returns
    -------
    utterance, start : (frames,) int32 each; index of the utterance and first step in it
    """
    starts = [frame_starts(count) for count in steps]
    utterance = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
    start = np.concatenate(starts) if starts else np.empty(0)
    return utterance.astype(np.int32), start.astype(np.int32)


def shard_bounds(speakers: list[str], shards: int) -> list[tuple[int, int]]:
    """Split utterances into blocks of whole speakers.

    Parameters
    ----------
    speakers : speaker of each utterance, every speaker's utterances side by side
    shards : number of blocks

    Returns
    -------
    (first, last + 1) utterance of each block

    Raises
    ------
    StudyError : there are more blocks than speakers.
    """
    names = list(dict.fromkeys(speakers))
    if shards > len(names):
        raise StudyError(
            f"introspection.shards is {shards}, but the corpus has {len(names)} speakers: "
            f"set it to {len(names)} or less"
        )
    first = [speakers.index(name) for name in names] + [len(speakers)]
    cuts = [round(k * len(names) / shards) for k in range(shards + 1)]
    return [(first[a], first[b]) for a, b in pairwise(cuts)]


def shard_frames(
    steps: np.ndarray, speakers: list[str], shard: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames of one shard.

    Parameters
    ----------
    steps : (utterances,) int, spectrogram steps of each utterance
    speakers : speaker of each utterance
    shard : ``2-of-4`` and the like, counted from one

    Returns
    -------
    frame (frames,) int64, index among the frames of all utterances; utterance, start (frames,)
    int32 as from :func:`frame_index`
    """
    number, shards = (int(part) for part in shard.split("-of-"))
    first, stop = shard_bounds(speakers, shards)[number - 1]
    utterance, start = frame_index(steps)
    frame = np.flatnonzero((utterance >= first) & (utterance < stop))
    if not len(frame):
        raise StudyError(
            f"no utterance of shard {shard} has {FRAME_STEPS} steps "
            f"({FRAME_STEPS * SECONDS_PER_STEP:.2f} s): set introspection.shards to less"
        )
    return frame, utterance[frame], start[frame]
