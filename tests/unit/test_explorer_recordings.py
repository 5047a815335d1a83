"""Which recordings the explorer plays, by hand."""

import io

import numpy as np
import pytest
import soundfile
from planted_explorer import GROUPS, OUTPUTS, plant_recordings, plant_views

from snaps.explorer.recordings import choose_utterances, encode_recording, envelope, surest_frames


def test_few_utterances_are_chosen_in_which_every_group_is_heard():
    counts = np.array(
        [
            [9, 1, 0, 0],
            [0, 1, 0, 3],
            [0, 0, 2, 3],
            [0, 0, 0, 0],  # a group that no utterance has
        ]
    )
    # Utterance 3 adds two groups with most frames; for the first group 0 has more frames than 1.
    assert choose_utterances(counts) == [0, 3]
    assert choose_utterances(counts, limit=1) == [3]
    assert choose_utterances(counts * 0) == []


def test_the_surest_frame_of_each_of_the_utterances():
    utterance = np.array([0, 0, 1, 1, 2, 2])
    logit = np.array([1.0, 4.0, 9.0, 2.0, 8.0, 7.0])
    predicted = np.array([5, 5, 0, 5, 5, 5])
    frames = np.array([0, 1, 2, 3, 5])
    # Frame 2 predicts the blank, 5 is in an utterance that is not there.
    assert surest_frames(frames, utterance, logit, predicted, [0, 1]) == [1, 3]
    assert surest_frames(frames, utterance, logit, predicted, [0, 1, 2]) == [5, 1]
    assert surest_frames(frames, utterance, logit, predicted, [0, 1, 2], per_group=1) == [5]
    assert surest_frames(np.array([2]), utterance, logit, predicted, [1]) == [2]
    assert surest_frames(frames, utterance, logit, predicted, []) == []


def test_a_recording_keeps_its_length_and_sound():
    samples = (0.3 * np.sin(np.arange(32_000) / 16_000 * 2 * np.pi * 440)).astype(np.float32)
    encoded = encode_recording(samples)
    assert encoded == encode_recording(samples)
    assert len(encoded) < 16_000
    decoded, rate = soundfile.read(io.BytesIO(encoded), dtype="float32")
    assert rate == 16_000 and abs(len(decoded) - len(samples)) < 800
    assert np.corrcoef(decoded[4000:28_000], samples[4000:28_000])[0, 1] > 0.99


def test_an_envelope_is_in_percent_of_the_largest_sample():
    assert envelope(np.array([0.0, -0.5, 0.1, 0.2, 0.0, 0.0]), points=3) == [100, 40, 0]
    assert envelope(np.zeros(10), points=2) == [0, 0]


def test_marks_name_a_recording_and_two_times(tmp_path):
    with plant_views(tmp_path) as views:
        described, sound = plant_recordings(views)
    names = [entry["name"] for entry in described["utterances"]]
    assert sorted(sound) == sorted(f"recording/{name}" for name in names)
    for model, output in OUTPUTS.items():
        for grouping, kind in (("predicted", output), ("annotated", "phones")):
            marks = described["marks"][model][grouping]
            assert list(marks) == GROUPS[kind] and all(marks.values())
    (index, start, step), *_ = described["marks"]["deep"]["annotated"]["ae"]
    # The second phone: frames 1, 7, 13, each of them 4 steps into its utterance.
    assert described["utterances"][index]["seconds"] == 2.0
    assert [start, step] == pytest.approx([0.032, 0.032 + 103 * 0.008])
