"""Pooling, importance, the alignment step, and centring."""

import numpy as np
import pytest
import torch
from planted_maps import in_whole_frame, make_layer

from snaps.errors import StudyError
from snaps.features import SILENCE
from snaps.introspection.alignment import (
    IMPORTANCES,
    PEAKS,
    POOLS,
    AlignmentSettings,
    alignment_steps,
    centre_maps,
    importance_map,
    peak_steps,
    pool_saliency,
)
from snaps.introspection.layout import frame_times
from snaps.introspection.maps import Maps
from snaps.introspection.reference import ReferenceExtractor


def slow_pool(saliency):
    """Mean of the two by two cells that begin at each cell, of those that exist."""
    pooled = np.empty(saliency.shape)
    for frame, step, feature in np.ndindex(saliency.shape):
        pooled[frame, step, feature] = saliency[
            frame, step : step + 2, feature : feature + 2
        ].mean()
    return pooled


def slow_centre(maps, steps, times):
    """One cell at a time, as the paper shifts, crops and pads."""
    centred = np.zeros((len(maps), len(times), maps.shape[2]))
    for frame, step in enumerate(steps):
        for row, time in enumerate(times):
            if 0 <= step + time < maps.shape[1]:
                centred[frame, row] = maps[frame, step + time]
    return centred


def whole_pool(saliency):
    """As :func:`slow_pool`, for maps of the study's size."""
    padded = np.pad(saliency, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    corners = padded[:, :-1, :-1], padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, 1:, 1:]
    return np.nanmean(np.stack(corners), axis=0)


def whole_steps(activation, saliency, settings, is_input):
    """Alignment steps from all steps of a frame, and the largest importance at each step."""
    activation, saliency = activation.astype(np.float64), saliency.astype(np.float64)
    pooled = {
        "none": lambda: saliency,
        "signed": lambda: whole_pool(saliency),
        "absolute": lambda: whole_pool(np.abs(saliency)),
    }[settings.pool]()
    if settings.importance == "saliency":
        activation = np.ones_like(activation)
    elif settings.importance == "shifted" and is_input:
        activation = activation - np.float32(SILENCE)
    importance = np.abs(pooled) * activation
    if settings.peak == "features":
        importance = importance.sum(axis=2, keepdims=True)
    steps = []
    for cells in importance:
        constant = cells.min() == cells.max()
        largest = np.unravel_index(cells.argmax(), cells.shape)[0]
        steps.append(len(cells) // 2 if constant else largest)
    return np.array(steps), importance.max(axis=2)


def test_pooling_by_hand():
    pooled = pool_saliency(torch.tensor([[[1.0, -2, 4], [3, 6, -8]]]), make_layer(2))
    # (1 - 2 + 3 + 6) / 4, (-2 + 4 + 6 - 8) / 4, (4 - 8) / 2; then the last step's pairs and corner
    assert pooled.tolist() == [[[2.0, 0.0, -2.0], [4.5, -1.0, -8.0]]]


def test_pooling_of_live_steps_by_hand():
    saliency = torch.tensor([[[1.0, -2, 4], [3, 6, -8]]])
    # A step of zeros follows: (3 + 6) / 4, (6 - 8) / 4, -8 / 2.
    after = pool_saliency(saliency, make_layer(3, live=(0, 2)))
    assert after.tolist() == [[[2.0, 0.0, -2.0], [2.25, -0.5, -4.0]]]
    # One goes before: (1 - 2) / 4, (-2 + 4) / 4, 4 / 2.
    before = pool_saliency(saliency, make_layer(3, live=(1, 3)))
    assert before.tolist() == [[[-0.25, 0.5, 2.0], [2.0, 0.0, -2.0], [4.5, -1.0, -8.0]]]
    single = pool_saliency(saliency[:, :1], make_layer(9, live=(4, 5)))
    assert single.tolist() == [[[-0.25, 0.5, 2.0], [-0.25, 0.5, 2.0]]]


@pytest.mark.parametrize("shape", [(3, 9, 7), (2, 1, 5), (2, 5, 1), (1, 1, 1)])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 0), (0, 3), (2, 4), (1, 1)])
def test_pooling_agrees_with_a_loop(shape, before, after):
    saliency = torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    copy, live = saliency.clone(), (before, before + shape[1])
    steps = before + shape[1] + after
    pooled = pool_saliency(saliency, make_layer(steps, live=live))
    assert pooled.shape[1] == shape[1] + (before > 0)
    pooled = in_whole_frame(pooled, before - (before > 0), steps)
    whole = in_whole_frame(saliency, before, steps).numpy()
    np.testing.assert_allclose(pooled, slow_pool(whole), atol=1e-6)
    np.testing.assert_allclose(pooled, whole_pool(whole), atol=1e-6)
    assert torch.equal(saliency, copy)


@pytest.mark.parametrize(
    ("settings", "hidden", "of_input"),
    [
        # Signed pool of (1, -3): -1, -3. Input activations (2, -1) + 25 = (27, 24).
        ({}, [2.0, -3.0], [27.0, 72.0]),
        ({"importance": "product"}, [2.0, -3.0], [2.0, -3.0]),
        ({"importance": "saliency"}, [1.0, 3.0], [1.0, 3.0]),
        # Absolute pool: 2, 3.
        ({"pool": "absolute"}, [4.0, -3.0], [54.0, 72.0]),
        ({"pool": "none"}, [2.0, -3.0], [27.0, 72.0]),
        ({"pool": "none", "importance": "saliency"}, [1.0, 3.0], [1.0, 3.0]),
        ({"pool": "absolute", "importance": "saliency"}, [2.0, 3.0], [2.0, 3.0]),
    ],
)
def test_importance_of_each_reading_by_hand(monkeypatch, settings, hidden, of_input):
    monkeypatch.setattr("snaps.introspection.alignment.SILENCE", -25.0)
    activation, saliency = torch.tensor([[[2.0, -1.0]]]), torch.tensor([[[1.0, -3.0]]])
    layer, settings = make_layer(1), AlignmentSettings(**settings)
    for is_input, expected in ((False, hidden), (True, of_input)):
        importance, first = importance_map(activation, saliency, layer, settings, is_input)
        assert first == 0
        np.testing.assert_allclose(importance[0, 0], expected)
    assert activation.tolist() == [[[2.0, -1.0]]]
    assert saliency.tolist() == [[[1.0, -3.0]]]


@pytest.mark.parametrize(
    ("settings", "expected", "begin"),
    [
        # Pooled at step 3: (1 - 3) / 4, -3 / 2; at 4: (1 - 3 + 2 + 2) / 4, (-3 + 2) / 2; at 5:
        # (2 + 2) / 4, 2 / 2. Activations there: (4 5), (6 7), (8 9).
        ({}, [[2.0, 7.5], [3.0, 3.5], [8.0, 9.0]], 3),
        ({"importance": "saliency"}, [[0.5, 1.5], [0.5, 0.5], [1.0, 1.0]], 3),
        ({"pool": "none"}, [[6.0, 21.0], [16.0, 18.0]], 4),
    ],
)
def test_importance_of_live_steps_meets_the_activation_of_the_same_step(settings, expected, begin):
    # Of 9 steps 4 and 5 live and 2 to 7 are kept.
    layer = make_layer(9, live=(4, 6), kept=(2, 8))
    activation = torch.arange(2.0, 14.0).reshape(1, 6, 2)
    saliency = torch.tensor([[[1.0, -3.0], [2.0, 2.0]]])
    settings = AlignmentSettings(**settings)
    importance, first = importance_map(activation, saliency, layer, settings, False)
    assert first == begin
    np.testing.assert_allclose(importance[0], expected)


def test_silence_has_no_importance():
    activation = torch.full((1, 4, 3), SILENCE)
    importance, _ = importance_map(
        activation, torch.ones(1, 4, 3), make_layer(4), AlignmentSettings(), True
    )
    assert not importance.any()


@pytest.mark.parametrize("key", ["pool", "importance", "peak"])
def test_unknown_readings_are_refused(key):
    with pytest.raises(StudyError, match=rf"alignment\.{key} is 'maximum': use one of"):
        AlignmentSettings(**{key: "maximum"})


def test_peak_of_a_cell_and_of_the_sum_over_features():
    importance = torch.zeros(1, 5, 4)
    importance[0, 3, 2] = 5
    importance[0, 1] = 2
    assert peak_steps(importance, 0, 5, "cell").tolist() == [3]
    assert peak_steps(importance, 0, 5, "features").tolist() == [1]
    # The same cells in the middle of a longer frame.
    assert peak_steps(importance, 20, 103, "cell").tolist() == [23]
    assert peak_steps(importance, 20, 103, "features").tolist() == [21]


@pytest.mark.parametrize("peak", PEAKS)
@pytest.mark.parametrize(("first", "steps"), [(0, 6), (2, 8), (2, 30)])
def test_the_first_of_equal_peaks_counts(peak, first, steps):
    importance = torch.zeros(2, 6, 3)
    importance[0, [4, 2], [0, 1]] = 1
    importance[1, [5, 0], [0, 2]] = 1
    assert peak_steps(importance, first, steps, peak).tolist() == [first + 2, first]


@pytest.mark.parametrize("peak", PEAKS)
@pytest.mark.parametrize(("steps", "centre"), [(206, 103), (103, 51)])
@pytest.mark.parametrize("value", [0.0, 1.5, -1.5])
def test_a_constant_map_stays_where_it_is(peak, steps, centre, value):
    importance = torch.full((2, steps, 3), value)
    importance[1, 7, 1] = value + 1
    assert peak_steps(importance, 0, steps, peak).tolist() == [centre, 7]


@pytest.mark.parametrize("peak", PEAKS)
@pytest.mark.parametrize(("first", "length"), [(0, 5), (40, 25), (98, 5), (51, 1)])
def test_only_zeros_in_the_live_steps_make_a_constant_frame(peak, first, length):
    importance = torch.zeros(3, length, 2)
    importance[1] = 1.0
    importance[2, -1, 1] = -1.0
    # Below zero no live step can be the largest: the first zero of the frame is.
    largest_of_negative = 0 if first or length > 1 else 1
    expected = [51, first, largest_of_negative]
    assert peak_steps(importance, first, 103, peak).tolist() == expected


@pytest.mark.parametrize("peak", PEAKS)
def test_importance_below_zero_gives_way_to_the_first_zero_of_the_frame(peak):
    importance = -torch.rand(2, 4, 3) - 0.1
    importance[1, 2] = 0.5
    assert peak_steps(importance, 3, 9, peak).tolist() == [0, 5]
    assert peak_steps(importance, 0, 9, peak).tolist() == [4, 2]
    # Where every step lives, the least negative one is the largest.
    importance[0, 3, :] = -0.01
    assert peak_steps(importance, 0, 4, peak).tolist() == [3, 2]


def test_a_map_that_is_constant_over_time_only_aligns_at_its_first_step():
    importance = torch.tensor([1.0, 2.0]).expand(1, 6, 2)
    assert peak_steps(importance, 0, 6, "cell").tolist() == [0]
    # No cell is above zero, but the map is not constant.
    importance = torch.tensor([0.0, -2.0]).expand(1, 6, 2)
    assert peak_steps(importance, 0, 6, "cell").tolist() == [0]
    assert peak_steps(importance, 4, 20, "cell").tolist() == [0]


@pytest.mark.parametrize("event", [55, 80, 103, 126, 149])
def test_a_frame_with_one_bright_cell_aligns_there(make_network, event):
    extract = ReferenceExtractor(make_network())
    frame = torch.full((206, 128), SILENCE)
    frame[event, 40] = 0.0
    maps = extract(frame, torch.tensor([0]))
    for settings in (AlignmentSettings(), AlignmentSettings(peak="features")):
        steps = alignment_steps(maps, extract.layout, settings)
        assert steps["input"].tolist() == [event]
    assert steps["layer_06"].tolist() == [51]


@pytest.fixture(scope="module")
def whole_and_cropped(make_network, make_spectrogram):
    """Layout, whole maps and cropped maps of a few frames: speech-like, silent, below zero."""

    def make(model):
        extract = ReferenceExtractor(make_network(model, filters=16))
        frames = [torch.from_numpy(make_spectrogram(206, seed)) for seed in range(4)]
        frames[3] += 9
        silent, bright = torch.full((206, 128), SILENCE), torch.full((206, 128), SILENCE)
        bright[90, 17] = 0.0
        below_zero = frames[0].clamp(max=-1.0)
        frames = torch.stack([*frames, below_zero, silent, bright])
        starts = torch.arange(len(frames)) * 206
        outputs, gradients, _, _ = extract.whole_maps(frames)
        cropped = extract(frames.flatten(0, 1), starts)
        # A layer that nothing passes.
        outputs[2][2] = 0
        cropped.activation["layer_02"][2] = 0
        return extract.layout, outputs, gradients, cropped

    return {model: make(model) for model in ("W2P_shallow", "W2L")}


@pytest.mark.parametrize("model", ["W2P_shallow", "W2L"])
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("importance", IMPORTANCES)
@pytest.mark.parametrize("peak", PEAKS)
def test_cropped_maps_align_as_whole_ones_in_every_reading(
    whole_and_cropped, model, pool, importance, peak
):
    layout, outputs, gradients, maps = whole_and_cropped[model]
    settings = AlignmentSettings(pool, importance, peak)
    steps = alignment_steps(maps, layout, settings)
    assert list(steps) == [*layout, "navai"]
    output = list(layout)[-1]
    for name, activation, saliency in zip(layout, outputs, gradients, strict=True):
        if name == output:
            assert steps[name].tolist() == [51] * len(saliency)
        else:
            found = steps[name].numpy()
            expected, largest = whole_steps(
                activation.numpy(), saliency.numpy(), settings, name == "input"
            )
            # Silence lets neighbours differ by the last digit of single precision.
            frames = np.flatnonzero(found != expected)
            assert set(frames) <= {5}, name
            np.testing.assert_allclose(
                largest[frames, found[frames]], largest[frames, expected[frames]], rtol=1e-5
            )
        assert steps[name].dtype == torch.int64
        # What the sums leave out is zero.
        everywhere = frame_times(layout[name].steps)
        centred = centre_maps(saliency, 0, steps[name], everywhere)
        assert centred.any()
        assert not centred[:, ~torch.isin(everywhere, layout[name].times)].any(), name
    largest = np.abs(gradients[0].numpy()).max(axis=2).argmax(axis=1)
    assert np.array_equal(steps["navai"], largest)
    if importance == "product" and model == "W2P_shallow":
        # Steps 54 to 149 live: of a frame below zero the first zero cell, at step 0, is largest.
        assert steps["input"][4] == steps["input"][5] == 0
    if importance != "saliency":
        assert steps["layer_02"][2] == 51
    if importance == "shifted":
        assert steps["input"][5] == 103
        assert steps["input"][6] in (89, 90)


def test_hidden_layers_align_at_their_largest_importance(make_network, make_spectrogram):
    extract = ReferenceExtractor(make_network("W2L"))
    signal, starts = torch.from_numpy(make_spectrogram(240)), torch.tensor([0, 8, 34])
    maps = extract(signal, starts)
    steps = alignment_steps(maps, extract.layout, AlignmentSettings())
    for name in list(extract.layout)[1:-1]:
        layer = extract.layout[name]
        activation = in_whole_frame(maps.activation[name], layer.kept[0], layer.steps).numpy()
        saliency = in_whole_frame(maps.saliency[name], layer.live[0], layer.steps).numpy()
        importance = np.abs(slow_pool(saliency)) * activation
        for frame in range(3):
            if importance[frame].any():
                best = np.unravel_index(importance[frame].argmax(), importance[frame].shape)
                assert steps[name][frame] == best[0], name
            else:
                assert steps[name][frame] == 51, name


def test_the_output_layer_aligns_at_the_target_and_navai_at_the_largest_saliency():
    generator = torch.Generator().manual_seed(0)
    layout = {"input": make_layer(8, live=(2, 8)), "layer_01": make_layer(5)}
    activation = {
        "input": torch.randn(2, 8, 3, generator=generator),
        "layer_01": torch.randn(2, 5, 4, generator=generator),
    }
    saliency = {
        "input": torch.rand(2, 6, 3, generator=generator) * 0.2 - 0.1,
        "layer_01": torch.rand(2, 5, 4, generator=generator) * 0.2 - 0.1,
    }
    # The live steps begin with step 2.
    saliency["input"][0, 4, 1] = -1.0
    # Its neighbour cancels it in a pooled map, not here.
    saliency["input"][0, 5, 1] = 0.9
    saliency["input"][1, 0, 0] = 1.0
    maps = Maps(torch.zeros(2, dtype=torch.int64), torch.zeros(2), activation, saliency)
    steps = alignment_steps(maps, layout, AlignmentSettings())
    assert steps["layer_01"].tolist() == [2, 2]
    assert steps["navai"].tolist() == [6, 2]


@pytest.mark.parametrize("length", [8, 7])
def test_centring_agrees_with_a_loop(length):
    generator = torch.Generator().manual_seed(0)
    maps, steps = torch.randn(length, length, 3, generator=generator), torch.arange(length)
    copy = maps.clone()
    for times in ([*frame_times(length).tolist()], range(-2, 4), [0], range(-9, 10), [3, -1, 3]):
        centred = centre_maps(maps, 0, steps, torch.tensor(list(times)))
        assert np.array_equal(centred, slow_centre(maps.numpy(), steps.numpy(), times))
        # Steps 2 to 5 alone, with zeros in place of the others.
        part = maps[:, 2:6].contiguous()
        whole = in_whole_frame(part, 2, length).numpy()
        centred = centre_maps(part, 2, steps, torch.tensor(list(times)))
        assert np.array_equal(centred, slow_centre(whole, steps.numpy(), times))
    assert torch.equal(maps, copy)
    assert centred.data_ptr() != maps.data_ptr()


def test_centring_a_frame_of_the_study_crops_one_side_and_pads_the_other():
    maps, times = torch.arange(1.0, 207.0).reshape(1, 206, 1), frame_times(206)
    unmoved = centre_maps(maps, 0, torch.tensor([103]), times)
    assert torch.equal(unmoved, maps)
    earlier = centre_maps(maps, 0, torch.tensor([100]), times)[0, :, 0]
    assert earlier[:3].tolist() == [0, 0, 0]
    assert torch.equal(earlier[3:], maps[0, :-3, 0])
    later = centre_maps(maps, 0, torch.tensor([105]), times)[0, :, 0]
    assert later[-2:].tolist() == [0, 0]
    assert torch.equal(later[:-2], maps[0, 2:, 0])
    hidden = torch.arange(1.0, 104.0).reshape(1, 103, 1)
    assert torch.equal(centre_maps(hidden, 0, torch.tensor([51]), frame_times(103)), hidden)


def test_the_alignment_step_lands_on_the_centre():
    for length in (206, 103):
        maps = torch.rand(20, length, 2, generator=torch.Generator().manual_seed(0))
        steps = peak_steps(maps, 0, length)
        centred = centre_maps(maps, 0, steps, frame_times(length))
        assert torch.equal(centred[:, length // 2], maps[torch.arange(20), steps])
        assert torch.all(peak_steps(centred, 0, length) == length // 2)


def test_an_event_that_comes_later_gives_the_same_centred_map():
    event = torch.rand(1, 30, 4, generator=torch.Generator().manual_seed(0))
    centred = []
    for start in (60, 83, 120):
        frame = in_whole_frame(event, start, 206)
        centred.append(centre_maps(frame, 0, peak_steps(frame, 0, 206), frame_times(206)))
        # Cropped to the event, it is the same.
        steps = peak_steps(event, start, 206)
        assert torch.equal(centre_maps(event, start, steps, frame_times(206)), centred[-1])
    assert centred[0].any()
    assert torch.equal(centred[0], centred[1])
    assert torch.equal(centred[0], centred[2])
