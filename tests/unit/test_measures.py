"""The statistics behind the claims, on values worked out by hand."""

import dataclasses

import numpy as np
import pytest
from planted_study import PHONES, clustering, plant_study

from snaps import measures
from snaps.measures import NotTestable


def test_band_peak_is_the_highest_positive_local_maximum():
    frequencies = np.arange(8) * 100.0
    spectrum = np.array([9.0, 1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 7.0])
    assert measures.band_peak(spectrum, frequencies, (100, 700)) == 400
    assert measures.band_peak(spectrum, frequencies, (100, 300)) == 200
    assert np.isnan(measures.band_peak(spectrum, frequencies, (500, 700)))
    assert np.isnan(measures.band_peak(spectrum - 10, frequencies, (100, 700)))


def test_a_plateau_counts_once_at_its_lower_edge():
    spectrum = np.array([0.0, 1.0, 1.0, 0.0])
    assert measures.band_peak(spectrum, np.arange(4.0), (0, 3)) == 1


def test_formants_ignore_what_is_far_from_the_alignment_step():
    frequencies = np.arange(128) * 25.0
    near = np.exp(-0.5 * ((frequencies - 700) / 60) ** 2)
    near += np.exp(-0.5 * ((frequencies - 1500) / 60) ** 2)
    far = np.exp(-0.5 * ((frequencies - 600) / 60) ** 2)
    time = np.arange(-20, 21)
    snap = np.where(np.abs(time)[:, None] <= 5, near, 50 * far)
    assert measures.formants(time, snap, frequencies) == [700, 1500]


def test_before_and_after_leave_out_the_step_itself_and_all_beyond_ten_steps():
    time = np.arange(-15, 16)
    snap = np.zeros((31, 1))
    snap[time == 0] = 100
    snap[time == -10] = 5
    snap[time == -11] = 70
    snap[time == 3] = -2
    before, after = measures.before_and_after(time, snap)
    assert before == pytest.approx([0.5])
    assert after == pytest.approx([-0.2])


def test_snap_distance_uses_common_times_only():
    first = np.array([-1, 0, 1]), np.array([[9.0], [3.0], [0.0]])
    second = np.array([0, 1, 2]), np.array([[0.0], [4.0], [9.0]])
    assert measures.snap_distance(first, second) == 5.0


def test_far_level_counts_steps_that_are_not_listed_as_zero():
    time = np.array([-63, -62, 0, 1])
    maps = np.array([[[2.0, -2.0], [8.0, 8.0], [3.0, 3.0], [0.0, 2.0]]])
    # 206 steps of 8 ms: within 0.1 s lie -12..12, 25 steps; beyond 0.5 s -103..-63 and 63..102, 81.
    assert measures.far_level(maps, time, 206) == pytest.approx([(2 / 81) / (4 / 25)])
    # 103 steps of 16 ms: within 0.1 s lie -6..6, 13 steps; beyond 0.5 s -51..-32 and 32..51, 40.
    assert measures.far_level(maps, time, 103) == pytest.approx([(10 / 40) / (4 / 13)])


def test_far_level_is_undefined_where_nothing_is_near():
    assert np.isnan(measures.far_level(np.ones((1, 1, 1)), np.array([80]), 206)[0])


def test_members_and_categories():
    clusters = measures.members("abcdef", np.array([1, 2, 2, 3, 2, 1]))
    assert clusters == [["b", "c", "e"], ["a", "f"], ["d"]]
    assert measures.largest_of_category(clusters, "abcd", 0.6) == ["b", "c"]
    assert measures.largest_of_category(clusters, "abcd", 0.7) == ["d"]
    assert measures.largest_of_category(clusters, "xyz", 0.0) == []


def test_place_counts_larger_values():
    assert measures.place(np.array([3.0, 1.0, 3.0, 2.0]), 3) == 3
    assert measures.place(np.array([3.0, 1.0, 3.0, 2.0]), 0) == 1


def test_undefined_scores_are_not_testable():
    found = clustering("ab", [np.nan, 0.2, 0.4, 0.4])
    assert measures.defined_mean(found) == pytest.approx(1 / 3)
    assert measures.defined_best(found) == 2
    assert measures.score_at(found, 90) == 0.2
    with pytest.raises(NotTestable, match="undefined at percentile 87"):
        measures.score_at(found, 87)
    with pytest.raises(NotTestable, match="not cut at percentile 95"):
        measures.score_at(found, 95)
    nothing = dataclasses.replace(found, silhouette=np.full(4, np.nan))
    for measured in (measures.defined_mean, measures.defined_best):
        with pytest.raises(NotTestable, match="every percentile"):
            measured(nothing)


def test_correct_shares():
    tables = plant_study().alignment["W2P"]
    tables.n[0] = 0
    shares = measures.correct_shares(tables)
    assert np.isnan(shares[0])
    assert shares[PHONES.index("bcl")] == 0.2
    assert np.sum(shares > 0.5) == 24


def test_planted_numbers():
    """Numbers of the planted study that need arithmetic, worked out by hand."""
    found = {name: finding.numbers for name, finding in measures.measure(plant_study()).items()}
    # 13 of 60 phones leave the one cluster: 13 * 47 of 60 * 59 / 2 pairs change.
    assert found["RS5"]["pairs"] == pytest.approx(100 * 611 / 1770)
    # Mean scores: layer 5 of W2L (.2 + .14 + .01 + .01) / 4, output layer (.41 + .21) / 2.
    assert found["RS1"] == pytest.approx(
        {"W2L": 0.31, "W2L_TL_frozen": 0.21, "place of the output layer": 1}
    )
    assert found["RS2"]["W2L"] == pytest.approx(0.09)
    # 87th percentile, 12 layers: W2L (10 * .3 + .2 + .41) / 12, frozen (10 * .2 + 0 + .21) / 12.
    assert found["RS4"]["above W2L_TL_frozen 87"] == pytest.approx((3.61 - 2.21) / 12)
    assert found["RS7"] == pytest.approx({"mean": 3.0, "standard deviation": 3.0})
    assert found["PS2"] == pytest.approx({"bands that fall": 100, "fall": 2})
    # The SNAP of letter a is 1.1 times that of ae.
    ae = np.linalg.norm(plant_study().profiles["W2L", "annotated"].snap("input")[1])
    aa = np.linalg.norm(
        plant_study().profiles["W2L", "predicted"].snap("input")[0]
        - plant_study().profiles["W2L", "annotated"].snap("input")[0]
    )
    assert found["PS3"]["distance to ae / distance to aa"] == pytest.approx(0.1 * ae / aa, rel=1e-5)
    assert found["AE6"] == {"closures": 6}
    assert found["LP1"] == {"of the lower layers": 11, "of the last two": 0}


def test_distances_are_compared_per_feature():
    study = plant_study()
    wide = study.profiles["W2L_TL_frozen", "annotated"]
    wide.snaps = dict.fromkeys(wide.layers, np.zeros((3, 103, 16)))
    # 16 features instead of 4: a distance counts half as much, W2L is 6 times as spread.
    sentence = measures.measure(study)["RS7"].sentence
    assert "6.00 and 6.00 times those of W2L_TL_frozen in layer 4" in sentence
    assert "3.00 and 3.00 times those of W2L_TL_finetuned in layer 5" in sentence
