"""Going through frames in batches, and one frame's way through the alignment."""

import h5py
import numpy as np
import pytest
import torch
from planted_maps import in_whole_frame, join_maps

from snaps.features import open_features
from snaps.frames import frame_index, shard_frames
from snaps.introspection.alignment import AlignmentSettings, alignment_steps
from snaps.introspection.conv_stack import ConvStackExtractor
from snaps.introspection.dumps import DumpWriter, concatenate_frames, read_dump
from snaps.introspection.extraction import (
    choose_example,
    extract_batches,
    frame_steps,
    read_signal,
    trace_alignment,
)
from snaps.introspection.reference import ReferenceExtractor

SETTINGS = AlignmentSettings()
STEPS = (208, 100, 206, 215)
EXTRACTORS = [ReferenceExtractor, ConvStackExtractor]


def gather(extract, path, batch):
    with open_features(path) as features:
        utterance, start = frame_index(features.steps)
        batches = list(
            extract_batches(extract, extract.layout, features, utterance, start, batch, SETTINGS)
        )
    assert all(len(b.maps.predicted) <= batch for b in batches)
    columns = concatenate_frames(b.columns for b in batches)
    for name in batches[0].steps:
        steps = torch.cat([b.steps[name] for b in batches])
        assert np.array_equal(steps, columns[f"step/{name}"])
    return columns, join_maps(b.maps for b in batches)


def assert_near(values, expected, layer):
    scale = float(expected.abs().max())
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5 * scale, err_msg=layer)


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("model", ["W2P_shallow", "W2L"])
def test_frames_do_not_depend_on_their_batch(make_network, make_features, model, extractor):
    extract, path = extractor(make_network(model)), make_features(STEPS)
    # 2, 0, 1 and 5 frames: batches of 3 do not divide them and cross utterances.
    alone, alone_maps = gather(extract, path, 1)
    for batch in (3, 100):
        columns, maps = gather(extract, path, batch)
        assert columns.keys() == alone.keys()
        for name, values in columns.items():
            assert len(values) == 8
            if name == "logit":
                np.testing.assert_allclose(values, alone[name], rtol=1e-5)
            else:
                assert np.array_equal(values, alone[name]), name
        for kind in ("activation", "saliency"):
            for layer, values in getattr(maps, kind).items():
                assert_near(values, getattr(alone_maps, kind)[layer], layer)


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_each_frame_has_the_maps_of_its_own_spectrogram(make_network, make_features, extractor):
    network, path = make_network(), make_features(STEPS)
    columns, maps = gather(extractor(network), path, 3)
    assert columns["utterance"].tolist() == [0, 0, 2, 3, 3, 3, 3, 3]
    assert columns["start"].tolist() == [0, 2, 0, 0, 2, 4, 6, 8]
    extract = ReferenceExtractor(network)
    with open_features(path) as features:
        for row, (index, start) in enumerate(
            zip(columns["utterance"], columns["start"], strict=True)
        ):
            frame = torch.from_numpy(features.log_mel(index)[start : start + 206])
            single = extract(frame, torch.tensor([0]))
            assert columns["predicted"][row] == single.predicted[0]
            assert columns["annotated"][row] == features.phone(index)[start + 103]
            assert columns["logit"][row] == pytest.approx(float(single.logit[0]), rel=1e-5)
            steps = alignment_steps(single, extract.layout, SETTINGS)
            assert list(steps) == [*network.layer_names, "navai"]
            for layer, step in steps.items():
                assert columns[f"step/{layer}"][row] == step[0]
            for kind in ("activation", "saliency"):
                for layer in network.layer_names:
                    expected = getattr(single, kind)[layer][0]
                    assert_near(getattr(maps, kind)[layer][row], expected, layer)


def test_columns_have_the_types_of_the_contract(make_network, make_features):
    columns, _ = gather(ReferenceExtractor(make_network()), make_features(STEPS), 5)
    kinds = {"utterance": "i4", "start": "i4", "predicted": "i2", "logit": "f4", "annotated": "i2"}
    assert {name: columns[name].dtype for name in kinds} == kinds
    steps = [name for name in columns if name.startswith("step/")]
    assert len(steps) == 6 + 2
    assert all(columns[name].dtype == np.int16 for name in steps)


def test_read_signal_holds_each_frame_and_the_phones_at_their_centres(make_features):
    # Utterances of odd lengths: a frame begins at an even step of the signal all the same.
    with open_features(make_features((211, 300, 205, 213, 206))) as features:
        utterance, start = np.array([0, 0, 1, 3, 3, 4]), np.array([2, 4, 60, 0, 6, 0])
        signal, starts, phones = read_signal(features, utterance, start)
        # One after another 206 + 2, 206, 206 + 6 and 206 steps: no more than the frames need.
        assert signal.shape == (208 + 206 + 212 + 206, 128)
        assert starts.tolist() == [0, 2, 208, 414, 420, 626]
        assert (signal.dtype, starts.dtype, phones.dtype) == (np.float32, np.int64, np.int16)
        for row in range(6):
            spectrogram = features.log_mel(utterance[row])
            expected = spectrogram[start[row] : start[row] + 206]
            assert np.array_equal(signal[starts[row] : starts[row] + 206], expected)
            assert phones[row] == features.phone(utterance[row])[start[row] + 103]


def test_every_frame_begins_at_a_multiple_of_the_hop(make_features):
    with open_features(make_features((207, 205, 231, 206, 219))) as features:
        utterance, start = frame_index(features.steps)
        for first in range(0, len(utterance), 4):
            rows = slice(first, first + 4)
            signal, starts, _ = read_signal(features, utterance[rows], start[rows])
            assert not np.any(starts % 2)
            assert starts[-1] + 206 == len(signal)


def test_steps_are_the_columns_that_say_so():
    columns = {
        "start": np.arange(4),
        "step/input": np.arange(4, dtype=np.int16) + 10,
        "step/navai": np.ones(4, np.int16),
    }
    steps = frame_steps(columns)
    assert list(steps) == ["input", "navai"]
    assert steps["input"].tolist() == [10, 11, 12, 13]
    assert steps["navai"].dtype == torch.int64


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_a_dump_and_its_frames_belong_together(tmp_path, make_network, make_features, extractor):
    extract, path = extractor(make_network()), make_features(STEPS)
    with open_features(path) as features:
        speakers = ["a", "a", "b", "b"]
        frame, utterance, start = shard_frames(features.steps, speakers, "2-of-2")
        with h5py.File(tmp_path / "dump.h5", "w") as file:
            writer = DumpWriter(file, frame, extract.layout)
            for batch in extract_batches(
                extract, extract.layout, features, utterance, start, 4, SETTINGS
            ):
                writer.append(batch.maps)
        assert frame.tolist() == [2, 3, 4, 5, 6, 7]
        for rows, dumped in read_dump(tmp_path / "dump.h5", 5):
            signal, starts, _ = read_signal(features, utterance[rows], start[rows])
            frames = np.stack([signal[first : first + 206] for first in starts])
            assert np.array_equal(dumped.activation["input"], frames.astype(np.float16))
            maps = extract(torch.from_numpy(signal), torch.from_numpy(starts))
            for layer, expected in maps.saliency.items():
                scale = float(expected.abs().max())
                np.testing.assert_allclose(dumped.saliency[layer], expected, atol=1e-3 * scale)


def test_example_is_the_surest_frame_of_the_most_frequent_phone_or_letter():
    units = ["<blank>", " ", "'", "a", "b"]
    predicted = np.array([0, 0, 0, 0, 1, 1, 1, 2, 4, 3, 4, 3, 3])
    logit = np.array([99, 99, 99, 99, 98, 98, 98, 97, 50, 1, 60, 7, 2])
    assert choose_example(predicted, logit, units) == 11
    phones = ["<blank>", "h#", "pau"]
    predicted, logit = np.array([1, 1, 1, 0, 2, 2]), np.array([-1, -2, -3, -4, -9, -8])
    assert choose_example(predicted, logit, phones) == 5


@pytest.mark.parametrize("settings", [SETTINGS, AlignmentSettings(pool="none")])
@pytest.mark.parametrize("model", ["W2P_shallow", "W2L"])
def test_the_stages_of_one_alignment(make_network, make_spectrogram, model, settings):
    extract, frame = ReferenceExtractor(make_network(model)), make_spectrogram(206)
    names = ["input", "layer_03", "layer_04"]
    maps = extract(torch.from_numpy(frame), torch.tensor([0]))
    traced = trace_alignment(maps, extract.layout, settings, names)
    found = alignment_steps(maps, extract.layout, settings)
    outputs, gradients, _, _ = extract.whole_maps(torch.from_numpy(frame)[None])
    assert list(traced) == names
    for name, stages in traced.items():
        layer, number = extract.layout[name], list(extract.layout).index(name)
        step, steps = int(stages["step"]), len(stages["activation"])
        assert steps == layer.steps
        assert step == found[name][0]
        kept = maps.activation[name]
        assert np.array_equal(
            stages["activation"], in_whole_frame(kept, layer.kept[0], layer.steps)[0]
        )
        first, stop = layer.kept
        expected = outputs[number][0].numpy()[first:stop]
        np.testing.assert_allclose(stages["activation"][first:stop], expected, rtol=1e-6)
        # Of all steps, those too where it is zero.
        assert np.array_equal(stages["saliency"], gradients[number][0])
        weight = np.abs(stages["saliency" if settings.pool == "none" else "pooled"])
        shift = frame - np.float32(-25.328436) if name == "input" else stages["activation"]
        np.testing.assert_allclose(stages["importance"], weight * shift, rtol=1e-5, atol=1e-7)
        best = np.unravel_index(stages["importance"].argmax(), stages["importance"].shape)
        assert step == best[0]
        assert np.array_equal(stages["aligned"][steps // 2], stages["activation"][step])
        assert stages["aligned"].shape == stages["pooled"].shape == stages["activation"].shape
        times = layer.times.numpy() + steps // 2
        inside = (times >= 0) & (times < steps)
        for time in times[inside]:
            source = step + time - steps // 2
            if 0 <= source < steps:
                assert np.array_equal(stages["aligned"][time], outputs[number][0][source]), time
            else:
                assert not stages["aligned"][time].any()
