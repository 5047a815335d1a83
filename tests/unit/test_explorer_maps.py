"""What the explorer shows of a layer, against values by hand and the profiles themselves."""

import numpy as np
import pytest
from planted_explorer import plant_views

from snaps.clusters import cluster_profiles
from snaps.explorer.maps import (
    LEVELS,
    choose_features,
    colour_stops,
    describe_tree,
    feature_limit,
    feature_shares,
    pack_layer,
    quantise,
    shown_steps,
    unpack_layer,
    window_share,
)
from snaps.figures.style import DIVERGING


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    with plant_views(tmp_path_factory.mktemp("explorer")) as planted:
        yield planted


def test_codes_are_multiples_of_the_largest_value():
    codes, scale = quantise(np.array([[[2.0, -1.0, 0.0]], [[0.0, 0.0, 0.0]]]), levels=4)
    assert codes.tolist() == [[[4, -2, 0]], [[0, 0, 0]]]
    assert codes.dtype == np.int8 and scale.tolist() == [2.0, 0.0]


def test_rounding_stays_within_its_bound():
    values = (
        np.random.default_rng(0).normal(size=(20, 30, 40)) * np.logspace(-6, 6, 20)[:, None, None]
    )
    codes, scale = quantise(values)
    error = np.abs(codes * (scale / LEVELS)[:, None, None] - values).max(axis=(1, 2))
    assert (error <= scale / (2 * LEVELS) * (1 + 1e-12)).all()
    # Not by being finer than it says.
    assert (error > scale / (2 * LEVELS) * 0.9).all()


def test_every_second_step_of_the_input_and_every_step_of_a_layer_is_shown():
    time = np.arange(-45, 46)
    assert time[shown_steps(time, "input")].tolist() == list(range(-40, 41, 2))
    assert time[shown_steps(time, "layer_03")].tolist() == list(range(-20, 21))


def test_features_are_chosen_by_their_share_in_the_squared_snaps():
    snaps = np.zeros((3, 2, 4))
    snaps[0, 0] = [3.0, 0.0, -4.0, 0.0]  # shares 9/25, 0, 16/25, 0
    snaps[1, 1] = [0.0, 0.0, 0.0, 100.0]  # a large group counts no more than a small one
    assert feature_shares(snaps) == pytest.approx([0.18, 0.0, 0.32, 0.5])
    assert choose_features(snaps, 2).tolist() == [2, 3]
    assert choose_features(snaps, 3).tolist() == [0, 2, 3]
    assert choose_features(snaps, 9).tolist() == [0, 1, 2, 3]
    assert feature_shares(np.zeros((2, 3, 4))).tolist() == [0.0] * 4


def test_the_share_of_a_window_is_that_of_its_steps():
    snaps = np.zeros((1, 3, 2))
    snaps[0] = [[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]]
    assert window_share(snaps, np.array([False, True, True])) == pytest.approx(4 / 6)


def test_a_layer_of_few_steps_shows_more_features():
    assert feature_limit(20, 41) == 20
    assert feature_limit(20, 14) == 58
    assert feature_limit(20, 2) == 64
    assert feature_limit(100, 2) == 100


@pytest.mark.parametrize("layer", ["input", "layer_01", "layer_02"])
def test_a_packed_layer_gives_back_its_profiles(views, layer):
    profiles, clusterings = views["deep", "predicted"]
    packed, size = pack_layer(profiles, layer, clusterings[layer], 16)
    header, maps, distance = unpack_layer(packed)
    assert size == header["size"] == profiles.snap(layer).shape[2]
    hop = 2 if layer == "input" else 1
    time, features = profiles.time(layer), np.array(header["features"])
    rows = np.searchsorted(time, np.array(header["steps"]) * hop)
    whole = {"activation": profiles.activation(layer), "mask": profiles.mask(layer)}
    if layer == "input":
        whole["navai"] = profiles.navai()
    for name, values in whole.items():
        shown = values[:, rows][:, :, features].transpose(0, 2, 1)
        bound = np.abs(shown).max(axis=(1, 2)) / (2 * LEVELS)
        # The scale is kept to four digits.
        assert (np.abs(maps[name] - shown).max(axis=(1, 2)) <= bound * 1.07).all()
    snap = profiles.snap(layer)[:, rows][:, :, features].transpose(0, 2, 1)
    largest = np.abs(whole["activation"]).max()
    assert np.abs(maps["snap"] - snap).max() <= 1.1 * largest / LEVELS
    clustering = clusterings[layer]
    assert distance == pytest.approx(clustering.distance, abs=1e-3 * clustering.distance.max())
    assert header["clustered"] == clustering.groups == ["a", "e", "s", "t"]


def test_the_features_shown_hold_the_most_important_ones(views):
    profiles, clusterings = views["deep", "annotated"]
    header, _, _ = unpack_layer(pack_layer(profiles, "layer_01", clusterings["layer_01"], 16)[0])
    shares = feature_shares(profiles.snap("layer_01"))
    assert len(header["features"]) == 16
    others = np.setdiff1d(np.arange(70), header["features"])
    assert shares[header["features"]].min() > shares[others].max()
    assert header["shares"]["features"] == pytest.approx(shares[header["features"]].sum(), abs=1e-3)


def test_a_tree_by_hand():
    snaps = np.array([0.0, 10.0, 1.0])[:, None, None]
    tree = describe_tree(cluster_profiles(["a", "b", "c"], np.ones(3), snaps, (50,)))
    assert sorted(tree["leaves"][:2]) + tree["leaves"][2:] == ["a", "c", "b"] or (
        tree["leaves"][:1] + sorted(tree["leaves"][1:]) == ["b", "a", "c"]
    )
    assert sorted(height[1] for height in tree["height"]) == [1.0, 10.0]
    (cut,) = tree["cuts"]
    assert cut["height"] == 5.5 and sorted(cut["merged"])[0] == 0
    assert len(set(cut["cluster"])) == 2 and len(cut["colours"]) == 3


def test_colour_scales_begin_and_end_as_their_map_and_are_white_at_zero():
    stops = colour_stops(DIVERGING.colors)
    assert [stops[0][0], stops[16], stops[-1][0]] == [0.0, [0.5, "rgb(255,255,255)"], 1.0]
    assert [place for place, _ in stops] == sorted(place for place, _ in stops)
