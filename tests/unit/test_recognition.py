"""Targets, greedy decoding and error rates."""

from pathlib import Path

import numpy as np
import pytest
import torch

from snaps.features import open_features, write_features
from snaps.networks import ConvStack, Layer
from snaps.phones import read_phones
from snaps.recognition import collapse, decode_greedily, encode, error_rates, fold_phones

FOLD = read_phones(Path(__file__).parents[2] / "config" / "phones.tsv").fold


def test_encode_counts_the_blank():
    indices = encode(["b", "a"], ["<blank>", "a", "b"])
    assert indices.tolist() == [2, 1]
    assert indices.dtype == np.int64
    assert encode([], ["<blank>"]).shape == (0,)
    with pytest.raises(KeyError, match="z"):
        encode(["z"], ["<blank>", "a"])


@pytest.mark.parametrize(
    ("path", "symbols"),
    [
        ([0, 1, 1, 0, 1, 2, 2, 0], [1, 1, 2]),
        ([1, 1, 1], [1]),
        ([1, 0, 1], [1, 1]),
        ([1, 2, 1], [1, 2, 1]),
        ([0, 0], []),
        ([3], [3]),
        ([], []),
    ],
)
def test_collapse_by_hand(path, symbols):
    assert collapse(np.array(path, int)).tolist() == symbols


def test_decoding_takes_the_best_unit_of_every_step(tmp_path):
    # One output for each step: the logit of unit k is mel band k.
    network = ConvStack(128, [Layer(3, 1)], ["<blank>", "a", "b"]).eval()
    with torch.no_grad():
        network.blocks[0].conv.weight.zero_()
        network.blocks[0].conv.bias.zero_()
        for unit in range(3):
            network.blocks[0].conv.weight[unit, unit] = 1
    paths = [[0, 1, 1, 2, 0, 2], [0, 0], [1, 2, 1]]

    def utterances():
        for number, path in enumerate(paths):
            yield f"u{number}", 5 * np.eye(128, dtype=np.float32)[path], np.zeros(len(path), int)

    write_features(tmp_path / "features.h5", utterances(), ("h#",))
    with open_features(tmp_path / "features.h5") as features:
        decoded = list(decode_greedily(network, features, np.array([2, 0, 1])))
    assert decoded == [["a", "b", "a"], ["a", "b", "b"], []]


def test_folding_drops_the_glottal_stop_and_joins_silences():
    symbols = ["h#", "q", "ao", "q", "zh", "tcl", "t"]
    assert fold_phones(symbols, FOLD) == ["sil", "aa", "sh", "sil", "t"]
    assert fold_phones([], FOLD) == []


def test_letter_error_rate_by_hand():
    # "a cat" for "a bat": one of five; "is" for "isn't": three of five; all of 10 letters.
    hypotheses, references = [list("a cat"), list("is")], [list("a bat"), list("isn't")]
    rates = error_rates(hypotheses, references, None)
    assert rates == {"LER": pytest.approx(4 / 10)}


def test_a_space_is_a_letter():
    assert error_rates([list("abc")], [list("ab c")], None) == {"LER": pytest.approx(1 / 4)}


def test_phone_error_rates_by_hand():
    hypotheses = [["h#", "aa", "s", "h#"], ["h#", "dh", "iy", "h#"]]
    references = [["h#", "ao", "s", "q", "h#"], ["h#", "dh", "ih", "pau", "h#"]]
    # 61: ao for aa and q missing; iy for ih and pau missing: 4 of 10. 39: aa is ao, q is dropped,
    # so 4 + 5 symbols and the second utterance's two mistakes.
    rates = error_rates(hypotheses, references, FOLD)
    assert rates == {"PER61": pytest.approx(4 / 10), "PER39": pytest.approx(2 / 9)}


def test_rates_are_those_of_the_corpus_not_means_of_utterances():
    hypotheses = [["aa"], ["s"] * 9]
    references = [["iy"], ["s"] * 9]
    assert error_rates(hypotheses, references, FOLD)["PER61"] == pytest.approx(1 / 10)


def test_recognising_nothing_is_an_error_of_one_and_insertions_count():
    assert error_rates([[]], [["aa", "s"]], FOLD)["PER61"] == pytest.approx(1)
    assert error_rates([["aa", "s", "s", "s"]], [["aa"]], FOLD)["PER61"] == pytest.approx(3)
    assert error_rates([list("")], [list("ab")], None)["LER"] == pytest.approx(1)
