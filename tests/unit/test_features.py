"""Spectrograms, the phone of every step, and the feature file."""

import h5py
import numpy as np
import pytest

from snaps import features
from snaps.features import (
    SECONDS_PER_STEP,
    SILENCE,
    label_steps,
    log_mel,
    mel_frequencies,
    open_features,
    write_features,
)


def slaney_to_hertz(mel):
    """Slaney's scale: linear below 1 kHz, 27 bands for a factor of 6.4 above."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def band_edges():
    """The 130 frequencies of which each three neighbours make one triangle, Hz."""
    highest = 15 + 27 * np.log(8) / np.log(6.4)
    return slaney_to_hertz(np.linspace(0, highest, 130))


def slow_log_mel(samples):
    """ln(mel power + 1e-11) from the definition, in float64."""
    padded = np.pad(samples.astype(np.float64), 256)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    power = np.array(
        [
            np.abs(np.fft.rfft(padded[start : start + 512] * window)) ** 2
            for start in range(0, len(padded) - 511, 128)
        ]
    )
    frequency = np.arange(257) * 16000 / 512
    edges = band_edges()
    mel = np.empty((len(power), 128))
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rise, fall = (frequency - low) / (centre - low), (high - frequency) / (high - centre)
        triangle = np.maximum(0, np.minimum(rise, fall)) * 2 / (high - low)
        mel[:, band] = power @ triangle
    return np.log(mel + 1e-11)


@pytest.mark.parametrize("samples", [512, 1023, 1024, 1025, 15999, 16000])
def test_one_step_for_each_128_samples_and_one_more(samples):
    spectrogram = log_mel(np.random.default_rng(0).normal(size=samples).astype(np.float32))
    assert spectrogram.shape == (1 + samples // 128, 128)
    assert spectrogram.dtype == np.float32


def test_a_step_lasts_eight_milliseconds():
    assert SECONDS_PER_STEP == 0.008


def test_log_mel_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.normal(size=4000) * np.linspace(0, 1, 4000)).astype(np.float32)
    np.testing.assert_allclose(log_mel(samples), slow_log_mel(samples), atol=2e-3)


def test_digital_silence_is_the_floor():
    spectrogram = log_mel(np.zeros(2000, np.float32))
    assert np.all(spectrogram == np.float32(SILENCE))
    assert pytest.approx(-25.328436, abs=1e-5) == SILENCE


def test_nothing_is_normalised_twice_the_amplitude_adds_ln_4():
    samples = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    np.testing.assert_allclose(log_mel(2 * samples) - log_mel(samples), np.log(4), atol=1e-3)


def test_mel_frequencies_are_the_tips_of_the_triangles():
    frequencies = mel_frequencies()
    assert frequencies.shape == (128,)
    np.testing.assert_allclose(frequencies, band_edges()[1:-1])


@pytest.mark.parametrize("hertz", [250, 700, 1200, 1900, 3000, 5500, 7500])
def test_a_pure_tone_lies_in_its_band(hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(8000) / 16000).astype(np.float32)
    band = log_mel(tone)[5:-5].argmax(axis=1)
    nearest = np.abs(mel_frequencies() - hertz).argmin()
    assert np.all(np.abs(band - nearest) <= 1)


def test_steps_are_centred_on_their_samples():
    samples = np.zeros(4000, np.float32)
    samples[128 * 10] = 1.0
    loudness = log_mel(samples).sum(axis=1)
    assert loudness.argmax() == 10
    np.testing.assert_allclose(loudness[9], loudness[11], rtol=1e-4)


def test_label_steps_by_hand():
    ends, labels = np.array([128, 300, 512]), np.array([7, 8, 9])
    # Samples 0, 128, 256, 384 and 512, the last of them the very end.
    assert label_steps(5, ends, labels).tolist() == [7, 8, 8, 9, 9]


def test_label_steps_agrees_with_a_search_through_the_segments():
    rng = np.random.default_rng(0)
    for _ in range(20):
        ends = np.cumsum(rng.integers(1, 400, 12))
        labels, steps = rng.integers(0, 61, 12), 1 + ends[-1] // 128
        starts = [0, *ends[:-1]]
        expected = []
        for step in range(steps):
            holding = [
                label
                for start, end, label in zip(starts, ends, labels, strict=True)
                if start <= 128 * step < end
            ]
            expected.append(holding[0] if holding else labels[-1])
        assert label_steps(steps, ends, labels).tolist() == expected


@pytest.mark.parametrize("chunk", [1, 7, 64, 2048])
def test_feature_file_gives_back_what_was_written(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(features, "CHUNK_STEPS", chunk)
    rng = np.random.default_rng(0)
    written = [
        (f"speaker_{n}", rng.normal(size=(n, 128)).astype(np.float32), rng.integers(0, 3, n))
        for n in (5, 64, 1, 130)
    ]
    path = tmp_path / "logmel.h5"
    assert write_features(path, iter(written), ("aa", "ax-h", "h#")) == (4, 200)
    with open_features(path) as opened:
        assert opened.utterances == ["speaker_5", "speaker_64", "speaker_1", "speaker_130"]
        assert opened.phones == ("aa", "ax-h", "h#")
        assert opened.steps.tolist() == [5, 64, 1, 130]
        for index in (3, 0, 2, 1):
            assert np.array_equal(opened.log_mel(index), written[index][1])
            assert np.array_equal(opened.phone(index), written[index][2])
    with h5py.File(path, "r") as file:
        types = {name: file[name].dtype for name in ("logmel", "phone", "offsets")}
        assert types == {"logmel": "f4", "phone": "i2", "offsets": "i8"}
        assert file["logmel"].shape == (200, 128)
        assert file["offsets"][:].tolist() == [0, 5, 69, 70, 200]
        assert file["logmel"].chunks == (chunk, 128)
