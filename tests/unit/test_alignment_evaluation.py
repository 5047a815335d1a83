"""The alignment step against the phone annotation."""

import numpy as np
import pytest

from snaps.alignment_evaluation import (
    AlignmentTables,
    annotation_windows,
    difference_margin,
    evaluate_alignment,
    mean_offsets,
    offset_to_phone,
    read_alignment,
    speaker_error,
    speaker_margins,
    tabulate_units,
    write_alignment,
)

PHONES = ["aa", "h#", "b", "s"]
UNITS = ["<blank>", "b", "h#", "aa", "s"]
SILENCE = PHONES.index("h#")


def windows_with(*segments):
    """Frames of silence with (phone, first, last) in each, or None."""
    windows = np.full((len(segments), 206), SILENCE, np.int16)
    for row, segment in zip(windows, segments, strict=True):
        if segment:
            phone, first, last = segment
            row[first : last + 1] = PHONES.index(phone)
    return windows


def by_hand():
    windows = windows_with(
        ("aa", 100, 110),  # holds the centre, and the step
        ("aa", 90, 101),  # ends two steps before the centre; holds the step
        ("b", 10, 12),  # ends three steps before the step, 91 before the centre
        None,  # does not hold the predicted phone
        ("b", 103, 103),  # predicts blank
        ("b", 103, 103),  # predicts h#
    )
    predicted = np.array([UNITS.index(u) for u in ("aa", "aa", "b", "b", "<blank>", "h#")])
    steps = np.array([103, 90, 15, 50, 103, 103], np.int16)
    train = np.array([True, False, True, False, True, False])
    speaker = np.array(list("xyxxxx"))
    return evaluate_alignment(windows, steps, predicted, UNITS, PHONES, train, speaker)


def test_shares_of_six_frames_by_hand():
    summary = by_hand().summary
    assert summary["all"] == {
        "frames": 4,
        "centre": 0.25,
        "centre_pm2": 0.5,
        "aligned": 0.5,
        "aligned_pm2": 0.5,
        "offset_ms": pytest.approx((0 + 0 + 3) / 3 * 8),
        "cap": 0.75,
        "blanks": pytest.approx(2 / 6),
    }
    assert summary["train"] == {
        "frames": 2,
        "centre": 0.5,
        "centre_pm2": 0.5,
        "aligned": 0.5,
        "aligned_pm2": 0.5,
        "offset_ms": pytest.approx(12),
        "cap": 1.0,
        "blanks": pytest.approx(1 / 3),
    }
    assert summary["test"] == {
        "frames": 2,
        "centre": 0.0,
        "centre_pm2": 0.5,
        "aligned": 0.5,
        "aligned_pm2": 0.5,
        "offset_ms": 0.0,
        "cap": 0.5,
        "blanks": pytest.approx(1 / 3),
    }


def test_errors_over_speakers_by_hand():
    # Frames of a: 0; of b: 1, 0 and one that does not count; of c: 1, 1. Means without each:
    values = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 5.0])
    counted = np.array([True] * 5 + [False])
    speaker = np.array(list("abccbc"))
    means = np.array([3 / 4, 2 / 3, 1 / 3])
    expected = np.sqrt(2 / 3 * np.sum((means - means.mean()) ** 2))
    assert speaker_error(values, counted, speaker) == pytest.approx(expected)
    # Of single frames the jackknife is the usual standard error of a mean.
    values = np.array([1.0, 4.0, 4.0, 7.0])
    usual = values.std(ddof=1) / np.sqrt(4)
    assert speaker_error(values, np.ones(4, bool), np.arange(4)) == pytest.approx(usual)
    assert np.isnan(speaker_error(values, np.ones(4, bool), np.zeros(4)))
    assert np.isnan(speaker_error(values, np.zeros(4, bool), np.arange(4)))
    # Student's t with 1 and 10 degrees of freedom, from the tables.
    assert speaker_margins({"speakers": 2, "cap": 0.1})["cap"] == pytest.approx(1.2706, abs=1e-4)
    assert speaker_margins({"speakers": 11, "cap": 1.0}) == {"cap": pytest.approx(2.228, abs=1e-3)}
    assert np.isnan(speaker_margins({"speakers": 1, "cap": np.nan})["cap"])
    errors, left_out = by_hand().errors, by_hand().left_out
    assert sorted(left_out["aligned"].values()) == pytest.approx([1 / 3, 1])
    assert errors["all"]["speakers"] == 2 and errors["test"]["speakers"] == 2
    # Without x the only frame is aligned, without y one of three.
    assert errors["all"]["aligned"] == pytest.approx(np.sqrt(1 / 2 * 2 * (1 / 3) ** 2))
    assert np.isnan(errors["train"]["aligned"])


def test_the_margin_of_a_difference_leaves_a_speaker_out_of_both_models():
    def tables(whole, **without):
        base = by_hand()
        left_out = {"aligned": dict(without)}
        return AlignmentTables(
            **{**base.__dict__, "summary": {"all": {"aligned": whole}}, "left_out": left_out}
        )

    # Both models are worse at the same speaker: the difference does not vary.
    one, other = tables(0.6, a=0.7, b=0.6, c=0.5), tables(0.3, a=0.4, b=0.3, c=0.2)
    assert difference_margin(one, other, "aligned") == pytest.approx(0, abs=1e-12)
    # Differences without a, b, c: 0.4, 0.3, 0.2; Student's t with 2 degrees of freedom: 4.3027.
    level = tables(0.3, a=0.3, b=0.3, c=0.3)
    expected = 4.3027 * np.sqrt(2 / 3 * 0.02)
    assert difference_margin(one, level, "aligned") == pytest.approx(expected, abs=1e-4)
    # Without b, who has no frame there, the other model stays as it is.
    lacking = tables(0.3, a=0.3, c=0.3)
    assert difference_margin(one, lacking, "aligned") == pytest.approx(expected, abs=1e-4)
    assert np.isnan(difference_margin(tables(0.6), tables(0.3), "aligned"))


def test_tables_of_six_frames_by_hand():
    tables = by_hand()
    assert tables.predicted == ["b", "aa", "s"]
    assert tables.annotated == ["aa", "b", "s", "h#"]
    assert tables.n.tolist() == [2, 2, 0]
    assert tables.contingency_centre.tolist() == [[0, 0, 0, 2], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert tables.contingency_aligned.tolist() == [[0, 0, 0, 2], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert tables.offset_steps.tolist() == [-1, 0, 3]
    assert tables.offset_counts.tolist() == [[1, 0, 1], [0, 2, 0], [0, 0, 0]]
    nan = np.nan
    # centre, centre +-2, aligned, aligned +-2
    expected = [[0, 0, 0, 0], [0.5, 1, 1, 1], [nan, nan, nan, nan]]
    np.testing.assert_array_equal(tables.within, expected)
    np.testing.assert_allclose(mean_offsets(tables), [24, 0, nan])


def test_table_of_the_units_by_hand():
    table = tabulate_units(by_hand())
    assert table.columns.tolist() == [
        "unit", "n", "centre", "centre_pm2", "aligned", "aligned_pm2", "offset_ms", "absent",
    ]  # fmt: skip
    assert table["unit"].tolist() == ["b", "aa", "s"]
    assert table["n"].tolist() == [2, 2, 0]
    np.testing.assert_array_equal(table["aligned"], [0, 1, np.nan])
    np.testing.assert_allclose(table["offset_ms"], [24, 0, np.nan])
    np.testing.assert_array_equal(table["absent"], [0.5, 0, np.nan])


@pytest.mark.parametrize(
    ("step", "offset"),
    [(0, 20), (18, 2), (20, 0), (25, 0), (26, 1), (43, 17), (59, 1), (61, 0), (205, 144)],
)
def test_offset_is_that_of_the_nearest_segment(step, offset):
    windows = windows_with(("b", 20, 25))
    windows[0, 60:62] = PHONES.index("b")
    wanted = np.array([PHONES.index("b")])
    assert offset_to_phone(windows, np.array([step]), wanted).tolist() == [offset]


def test_offset_is_minus_one_where_the_frame_lacks_the_phone():
    windows = windows_with(("b", 20, 25), ("b", 205, 205), ("b", 0, 0))
    wanted = np.array([PHONES.index(p) for p in ("aa", "b", "b")])
    assert offset_to_phone(windows, np.array([0, 0, 205]), wanted).tolist() == [-1, 205, 205]


def test_two_steps_are_within_the_tolerance_and_three_are_not():
    windows = windows_with(*[("b", 100, 103)] * 4)
    predicted = np.full(4, UNITS.index("b"))
    steps = np.array([98, 97, 105, 106])
    train, speaker = np.ones(4, bool), np.arange(4)
    summary = evaluate_alignment(windows, steps, predicted, UNITS, PHONES, train, speaker).summary
    assert summary["all"]["aligned"] == 0
    assert summary["all"]["aligned_pm2"] == 0.5
    assert summary["all"]["centre"] == 1
    assert list(summary) == ["all", "train"]


def test_a_network_that_predicts_no_phone_has_no_shares():
    tables = evaluate_alignment(
        windows_with(None, None),
        np.array([1, 2]),
        np.array([0, 2]),
        UNITS,
        PHONES,
        np.array([1, 0]) > 0,
        np.arange(2),
    )
    assert tables.n.tolist() == [0, 0, 0]
    assert tables.summary["all"]["frames"] == 0
    assert tables.summary["all"]["blanks"] == 1
    assert all(
        np.isnan(tables.summary["all"][k]) for k in ("centre", "aligned", "offset_ms", "cap")
    )


def test_letters_have_contingency_tables_only(tmp_path):
    letters = ["<blank>", " ", "a", "b", "h", "s"]
    windows = windows_with(("aa", 100, 110), ("b", 100, 110), None)
    tables = evaluate_alignment(
        *(windows, np.array([103, 50, 3]), np.array([2, 3, 0]), letters, PHONES),
        *(np.ones(3, bool), np.arange(3)),
    )
    assert tables.predicted == letters[1:]
    assert tables.n.tolist() == [0, 1, 1, 0, 0]
    assert tables.contingency_centre[1].tolist() == [1, 0, 0, 0]
    assert tables.contingency_centre[2].tolist() == [0, 1, 0, 0]
    assert tables.contingency_aligned[2].tolist() == [0, 0, 0, 1]
    assert tables.offset_steps is tables.offset_counts is tables.within is None
    assert tables.summary == {}
    assert tabulate_units(tables).columns.tolist() == ["unit", "n"]
    write_alignment(tmp_path / "alignment.h5", tables)
    read = read_alignment(tmp_path / "alignment.h5")
    assert read.offset_steps is read.offset_counts is read.within is None
    assert read.summary == read.errors == read.left_out == {}
    assert np.array_equal(read.contingency_aligned, tables.contingency_aligned)


def test_a_file_gives_back_the_tables(tmp_path):
    written = by_hand()
    write_alignment(tmp_path / "alignment.h5", written)
    read = read_alignment(tmp_path / "alignment.h5")
    assert (read.predicted, read.annotated) == (written.predicted, written.annotated)
    assert read.summary == written.summary and list(read.summary) == ["all", "test", "train"]
    assert read.errors["all"] == written.errors["all"]
    assert read.left_out == written.left_out and set(read.left_out["cap"]) == {"x", "y"}
    assert isinstance(read.summary["all"]["frames"], int)
    for name in (
        "n", "contingency_centre", "contingency_aligned", "offset_steps", "offset_counts", "within",
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


def test_windows_are_slices_of_the_annotation():
    phone = np.random.default_rng(0).integers(0, 4, 300)
    windows = annotation_windows(phone, np.array([0, 2, 94]))
    assert windows.shape == (3, 206)
    for row, first in zip(windows, (0, 2, 94), strict=True):
        assert np.array_equal(row, phone[first : first + 206])


def test_random_frames_agree_with_a_loop_over_them():
    rng = np.random.default_rng(0)
    frames = 300
    windows = np.repeat(rng.integers(0, 4, (frames, 14)), 15, axis=1)[:, :206]
    # Some frames lack a phone altogether.
    windows[:60][windows[:60] == PHONES.index("s")] = PHONES.index("aa")
    steps, predicted = rng.integers(0, 206, frames), rng.integers(0, 5, frames)
    train = rng.random(frames) < 0.7
    speaker = rng.integers(0, 7, frames)
    tables = evaluate_alignment(windows, steps, predicted, UNITS, PHONES, train, speaker)

    def nearest(row, step, phone):
        found = [abs(step - t) for t in range(206) if PHONES[row[t]] == phone]
        return min(found) if found else -1

    for part, chosen in (("all", np.ones(frames, bool)), ("train", train), ("test", ~train)):
        rows = [k for k in range(frames) if chosen[k] and UNITS[predicted[k]] not in UNITS[:3:2]]
        names = [UNITS[predicted[k]] for k in rows]
        pairs = list(zip(rows, names, strict=True))
        offset = np.array([nearest(windows[k], steps[k], u) for k, u in pairs])
        centre = np.array([nearest(windows[k], 103, u) for k, u in pairs])
        assert -1 in offset
        found = offset[offset >= 0]
        assert tables.summary[part] == pytest.approx(
            {
                "frames": len(rows),
                "centre": np.mean([PHONES[windows[k][103]] == u for k, u in pairs]),
                "centre_pm2": np.mean((centre >= 0) & (centre <= 2)),
                "aligned": np.mean([PHONES[windows[k][steps[k]]] == u for k, u in pairs]),
                "aligned_pm2": np.mean((offset >= 0) & (offset <= 2)),
                "offset_ms": 8 * found.mean(),
                "cap": len(found) / len(rows),
                "blanks": 1 - len(rows) / chosen.sum(),
            }
        )
        for name, hit in (
            ("aligned_pm2", (offset >= 0) & (offset <= 2)),
            ("centre", centre == 0),
            ("cap", offset >= 0),
        ):
            voices = speaker[rows]
            means = [hit[voices != one].mean() for one in set(voices.tolist())]
            spread = sum((mean - np.mean(means)) ** 2 for mean in means)
            expected = np.sqrt(6 / 7 * spread)
            assert tables.errors[part][name] == pytest.approx(expected)
        assert tables.errors[part]["speakers"] == 7
        if part != "all":
            continue
        for number, unit in enumerate(tables.predicted):
            mine = [k for k, u in pairs if u == unit]
            assert tables.n[number] == len(mine)
            for column, phone in enumerate(tables.annotated):
                at_centre = sum(PHONES[windows[k][103]] == phone for k in mine)
                at_step = sum(PHONES[windows[k][steps[k]]] == phone for k in mine)
                assert tables.contingency_centre[number, column] == at_centre
                assert tables.contingency_aligned[number, column] == at_step
            counts = dict(zip(tables.offset_steps, tables.offset_counts[number], strict=True))
            mine_offsets = offset[[u == unit for u in names]]
            assert {k: v for k, v in counts.items() if v} == {
                k: np.sum(mine_offsets == k) for k in set(mine_offsets.tolist())
            }
            assert mean_offsets(tables)[number] == pytest.approx(
                8 * mine_offsets[mine_offsets >= 0].mean()
            )
