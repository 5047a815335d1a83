"""Which recordings of the embedded corpus the explorer plays, and where a group lies in them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import soundfile

from snaps.features import SAMPLE_RATE, SECONDS_PER_STEP

# Most recordings in a page, and most of them for one group.
RECORDINGS = 48
PER_GROUP = 2
ENVELOPE_POINTS = 300
ENVELOPE_LEVELS = 100


def choose_utterances(counts: np.ndarray, limit: int = RECORDINGS) -> list[int]:
    """Choose few utterances in which every group is heard, as far as `limit` allows.

    Again and again the utterance that adds most groups not heard yet; among equals the one with
    most frames of these groups, then the first.

    Parameters
    ----------
    counts : (K, U) int, frames of each of K groups in each of U utterances

    Returns
    -------
    chosen utterances, ascending
    """
    missing = counts.any(axis=1)
    chosen: list[int] = []
    while missing.any() and len(chosen) < limit:
        wanted = counts[missing]
        added = (wanted > 0).sum(axis=0)
        best = int(np.lexsort((-wanted.sum(axis=0), -added))[0])
        chosen.append(best)
        missing &= counts[:, best] == 0
    return sorted(chosen)


def surest_frames(
    frames: np.ndarray,
    utterance: np.ndarray,
    logit: np.ndarray,
    predicted: np.ndarray,
    chosen: Sequence[int],
    per_group: int = PER_GROUP,
) -> list[int]:
    """Choose one frame of a group in each of few utterances, the surest first.

    Surest is the largest logit of the winning unit; a frame that predicts the blank (0) comes
    after all others.

    Parameters
    ----------
    frames : (n,) int, the frames of the group
    utterance, logit, predicted : (N,) of all frames
    chosen : utterances that can be played

    Returns
    -------
    at most `per_group` of `frames`, of different utterances
    """
    heard = frames[np.isin(utterance[frames], chosen)]
    order = np.lexsort((heard, -logit[heard], predicted[heard] == 0))
    ranked = heard[order]
    _, first = np.unique(utterance[ranked], return_index=True)
    return ranked[np.sort(first)[:per_group]].tolist()


def encode_recording(samples: np.ndarray) -> bytes:
    """Encode a recording as MP3 at the embedded corpus's 16 kHz.

    Parameters
    ----------
    samples : (samples,) float32, full scale 1
    """
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()


def envelope(samples: np.ndarray, points: int = ENVELOPE_POINTS) -> list[int]:
    """Give the largest absolute sample of equal parts of a recording, in percent of the largest.

    Parameters
    ----------
    samples : (samples,) float
    """
    edges = np.linspace(0, len(samples), points + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(samples), edges)
    return np.rint(peaks * (ENVELOPE_LEVELS / (peaks.max() or 1.0))).astype(int).tolist()


def gather(
    frames: Mapping[str, Mapping[str, np.ndarray]],
    symbols: Mapping[tuple[str, str], Sequence[str]],
    groups: Mapping[tuple[str, str], Sequence[str]],
    utterances: Sequence[str],
    texts: Mapping[str, str],
    segments: Mapping[str, Sequence[tuple[int, str]]],
    read: Callable[[str], np.ndarray],
) -> tuple[dict, dict[str, bytes]]:
    """Choose recordings for all groups of all models, and say where the groups lie in them.

    Parameters
    ----------
    frames : by model the columns of its frames
    symbols : by model and grouping what its column in the frames is an index into
    groups : by model and grouping the groups shown
    utterances : names, in the order that ``utterance`` of the frames is an index into
    texts, segments : by utterance the sentence, and (end in samples, phone) of its segments
    read : gives the samples of an utterance, (samples,) float32, 16 kHz

    Returns
    -------
    plain values: ``utterances``, a list with name, text, seconds, envelope and phones (end in
    seconds, phone); ``marks``, by model, grouping and group [place in that list, start of the
    frame, alignment step of the input], the last two in seconds. And the recordings as MP3 by
    "recording/" and the utterance's name.
    """
    members = {
        (model, grouping, group): np.flatnonzero(
            frames[model][grouping] == list(symbols[model, grouping]).index(group)
        )
        for (model, grouping), names in groups.items()
        for group in names
    }
    counts = np.stack(
        [
            np.bincount(frames[model]["utterance"][mine], minlength=len(utterances))
            for (model, _, _), mine in members.items()
        ]
    )
    chosen = choose_utterances(counts)
    marks: dict = {model: {} for model in frames}
    for (model, grouping, group), mine in members.items():
        columns = frames[model]
        logit, predicted = columns["logit"], columns["predicted"]
        found = surest_frames(mine, columns["utterance"], logit, predicted, chosen)
        marks[model].setdefault(grouping, {})[group] = [
            [
                chosen.index(int(columns["utterance"][frame])),
                round(int(columns["start"][frame]) * SECONDS_PER_STEP, 3),
                round(
                    int(columns["start"][frame] + columns["step/input"][frame]) * SECONDS_PER_STEP,
                    3,
                ),
            ]
            for frame in found
        ]
    described, sound = [], {}
    for index in chosen:
        name = utterances[index]
        samples = read(name)
        sound[f"recording/{name}"] = encode_recording(samples)
        described.append(
            {
                "name": name,
                "text": texts[name],
                "seconds": round(len(samples) / SAMPLE_RATE, 3),
                "envelope": envelope(samples),
                "phones": [[round(end / SAMPLE_RATE, 3), phone] for end, phone in segments[name]],
            }
        )
    return {"utterances": described, "marks": marks}, sound
