"""Frames of 206 steps and shards of whole speakers."""

import numpy as np
import pytest

from snaps.errors import StudyError
from snaps.frames import frame_index, frame_starts, shard_bounds, shard_frames


@pytest.mark.parametrize(
    ("steps", "frames"), [(0, 0), (1, 0), (205, 0), (206, 1), (207, 1), (208, 2), (210, 3)]
)
def test_number_of_frames(steps, frames):
    starts = frame_starts(steps)
    assert starts.tolist() == list(range(0, 2 * frames, 2))
    assert not len(starts) or starts[-1] + 206 <= steps


def test_a_frame_for_each_network_output_that_sees_only_the_utterance():
    # Of 500 outputs, the first that does is number 51, and 51 after the last one do not.
    assert len(frame_starts(1000)) == 500 - 51 - 51


def test_frame_index_lists_utterances_in_order():
    utterance, start = frame_index(np.array([206, 100, 209, 212]))
    assert utterance.tolist() == [0, 2, 2, 3, 3, 3, 3]
    assert start.tolist() == [0, 0, 2, 0, 2, 4, 6]
    assert utterance.dtype == start.dtype == np.int32


@pytest.mark.parametrize("steps", [[], [100, 205]])
def test_frame_index_of_nothing(steps):
    utterance, start = frame_index(np.array(steps, int))
    assert len(utterance) == len(start) == 0


def test_shard_bounds_by_hand():
    speakers = ["a", "a", "b", "c", "c", "c", "d"]
    assert shard_bounds(speakers, 1) == [(0, 7)]
    assert shard_bounds(speakers, 2) == [(0, 3), (3, 7)]
    assert shard_bounds(speakers, 4) == [(0, 2), (2, 3), (3, 6), (6, 7)]


def test_shards_are_whole_speakers_and_together_the_corpus():
    rng = np.random.default_rng(0)
    for count in range(1, 13):
        speakers = [f"s{k}" for k in range(count) for _ in range(rng.integers(1, 5))]
        for shards in range(1, count + 1):
            bounds = shard_bounds(speakers, shards)
            assert len(bounds) == shards
            blocks = [speakers[first:stop] for first, stop in bounds]
            assert [name for block in blocks for name in block] == speakers
            assert all(blocks)
            owners = [owner for block in blocks for owner in set(block)]
            assert len(owners) == len(set(owners)) == count
            sizes = [len(set(block)) for block in blocks]
            assert max(sizes) - min(sizes) <= 1


def test_more_shards_than_speakers_are_refused():
    with pytest.raises(StudyError, match=r"introspection\.shards is 3.* 2 speakers.*2 or less"):
        shard_bounds(["a", "a", "b"], 3)


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_frames_of_all_shards_are_all_frames(shards):
    steps, speakers = np.array([210, 100, 230, 206, 300]), ["a", "a", "b", "c", "c"]
    parts = [shard_frames(steps, speakers, f"{k}-of-{shards}") for k in range(1, shards + 1)]
    frame, utterance, start = (np.concatenate(column) for column in zip(*parts, strict=True))
    expected = frame_index(steps)
    assert np.array_equal(frame, np.arange(len(expected[0])))
    assert np.array_equal(utterance, expected[0])
    assert np.array_equal(start, expected[1])


def test_a_shard_without_frames_is_refused():
    with pytest.raises(StudyError, match=r"2-of-2 has 206 steps \(1\.65 s\)"):
        shard_frames(np.array([300, 205]), ["a", "b"], "2-of-2")
