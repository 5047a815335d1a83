"""Target sequences, greedy decoding and error rates (METHOD sections 1 and 2)."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torchmetrics.functional.text import char_error_rate, word_error_rate

from snaps.features import Features
from snaps.networks import ConvStack


def encode(symbols: Iterable[str], units: Sequence[str]) -> np.ndarray:
    """Indices of symbols among the output units: (length,) int64."""
    index = {unit: number for number, unit in enumerate(units)}
    return np.array([index[symbol] for symbol in symbols], np.int64)


def collapse(path: np.ndarray) -> np.ndarray:
    """Collapse a CTC path: drop repetitions, then blanks (index 0). (steps,) int to (length,)."""
    changed = np.ones(len(path), bool)
    changed[1:] = path[1:] != path[:-1]
    kept = path[changed]
    return kept[kept != 0]


def decode_greedily(
    network: ConvStack, features: Features, indices: Iterable[int]
) -> Iterator[list[str]]:
    """Symbols recognised in each utterance: the best unit of every step, collapsed."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        for index in indices:
            spectrogram = torch.from_numpy(features.log_mel(int(index)))[None].to(device)
            path = network(spectrogram)[0].argmax(dim=1).cpu().numpy()
            yield [network.units[unit] for unit in collapse(path)]


def fold_phones(symbols: Iterable[str], fold: dict[str, str | None]) -> list[str]:
    """Fold 61 phones to 39; those that fold to nothing (q) are dropped (Lee and Hon 1989)."""
    return [fold[symbol] for symbol in symbols if fold[symbol]]


def error_rates(
    hypotheses: list[list[str]],
    references: list[list[str]],
    fold: dict[str, str | None] | None,
) -> dict[str, float]:
    """Edit distance over reference length, as fractions.

    Parameters
    ----------
    hypotheses, references : symbols of each utterance
    fold : 39 phone classes for phones (gives PER61 and PER39), None for letters (gives LER)
    """
    if fold is None:
        texts = ["".join(symbols) for symbols in hypotheses]
        return {"LER": char_error_rate(texts, ["".join(r) for r in references]).item()}

    def rate(first: list[list[str]], second: list[list[str]]) -> float:
        return word_error_rate([" ".join(s) for s in first], [" ".join(s) for s in second]).item()

    return {
        "PER61": rate(hypotheses, references),
        "PER39": rate(
            [fold_phones(symbols, fold) for symbols in hypotheses],
            [fold_phones(symbols, fold) for symbols in references],
        ),
    }
