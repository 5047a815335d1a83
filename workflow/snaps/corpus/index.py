"""The index of a corpus: which utterance is whose, and what is said in it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from snaps.corpus.reader import CORE_TEST_SPEAKERS
from snaps.phones import normalise_text


def read_references(
    utterances: str | Path, segments: str | Path, output: str
) -> dict[str, list[str]]:
    """Symbols of each utterance: ``letters`` of the text, or ``phones``.

    Phones keep their sequence and lose their durations (paper section 4.1).
    """
    # A text may read "null".
    if output == "letters":
        table = pd.read_csv(utterances, sep="\t", keep_default_na=False)
        return {
            name: list(normalise_text(text))
            for name, text in zip(table["utterance"], table["text"], strict=True)
        }
    table = pd.read_csv(segments, sep="\t", keep_default_na=False)
    return {name: mine["phone"].tolist() for name, mine in table.groupby("utterance")}


def split_indices(utterances: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Indices of the utterances of each part: ``train``, ``test``, and ``core`` where it exists.

    The core test is that of 24 speakers of TIMIT's test part.

    Parameters
    ----------
    utterances : the index of the corpus
    names : utterances in the order of the feature file
    """
    table = pd.read_csv(utterances, sep="\t").set_index("utterance").loc[list(names)]
    test = (table["split"] == "test").to_numpy()
    parts = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
    core = np.flatnonzero(test & table["speaker"].isin(CORE_TEST_SPEAKERS).to_numpy())
    return parts | ({"core": core} if len(core) else {})
