"""Mel power spectrograms and the phone of every step (paper 4.1, METHOD section 1)."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import librosa
import numpy as np

SAMPLE_RATE = 16_000
HOP = 128
FFT = 512
MELS = 128
FLOOR = 1e-11
SILENCE = float(np.log(np.float32(FLOOR)))
SECONDS_PER_STEP = HOP / SAMPLE_RATE
CHUNK_STEPS = 2048


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Log mel power spectrogram of a recording, ``ln(mel + 1e-11)``, neither in dB nor normalised.

    Parameters
    ----------
    samples : (samples,) float32, 16 kHz, full scale 1

    Returns
    -------
    (steps, 128) float32, natural logarithm of power; step t is centred at sample 128 t,
    steps = 1 + samples // 128. Slaney mel scale, paper section 4.1.
    """
    mel = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=FFT, hop_length=HOP, n_mels=MELS, center=True
    )
    return np.log(mel + FLOOR).T.astype(np.float32)


def mel_frequencies() -> np.ndarray:
    """Centre frequencies of the mel bands: (128,) float, Hz."""
    return librosa.mel_frequencies(n_mels=MELS + 2, fmin=0.0, fmax=SAMPLE_RATE / 2)[1:-1]


def label_steps(steps: int, ends: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Label step t with the segment that holds sample 128 t (METHOD section 1).

    Parameters
    ----------
    steps : number of spectrogram steps
    ends : (segments,) int, ascending, exclusive ends in samples of gapless segments from 0
    labels : (segments,) int

    Returns
    -------
    (steps,) labels; a step at the very end of the audio takes the last segment's.
    """
    segment = np.searchsorted(ends, np.arange(steps) * HOP, side="right")
    return labels[np.minimum(segment, len(labels) - 1)]


def write_features(
    path: str | Path,
    utterances: Iterable[tuple[str, np.ndarray, np.ndarray]],
    phones: tuple[str, ...],
) -> tuple[int, int]:
    """Write utterances one after another to a chunked HDF5 file; return (utterances, steps).

    Parameters
    ----------
    utterances : (name, (steps, 128) float32 log-mel, (steps,) int index into `phones`) of each
    phones : the symbols that the indices mean
    """
    names, offsets = [], [0]
    with h5py.File(path, "w") as file:
        logmel = file.create_dataset(
            "logmel", (0, MELS), "f4", maxshape=(None, MELS), chunks=(CHUNK_STEPS, MELS)
        )
        phone = file.create_dataset("phone", (0,), "i2", maxshape=(None,), chunks=(CHUNK_STEPS,))
        for name, spectrogram, labels in utterances:
            start, stop = offsets[-1], offsets[-1] + len(spectrogram)
            logmel.resize(stop, axis=0)
            phone.resize(stop, axis=0)
            logmel[start:stop] = spectrogram
            phone[start:stop] = labels
            names.append(name)
            offsets.append(stop)
        file.create_dataset("utterances", data=names, dtype=h5py.string_dtype())
        file.create_dataset("offsets", data=np.asarray(offsets, "i8"))
        file.create_dataset("phones", data=list(phones), dtype=h5py.string_dtype())
        logmel.attrs["axes"] = ["step (8 ms)", "mel band (Slaney)"]
        logmel.attrs["unit"] = "ln(power + 1e-11)"
    return len(names), offsets[-1]


class Features:
    """Read-only view of a feature file; slices are read when asked for."""

    def __init__(self, file: h5py.File):
        self._file = file
        self.offsets = file["offsets"][:]
        self.utterances = [name.decode() for name in file["utterances"][:]]
        self.phones = tuple(symbol.decode() for symbol in file["phones"][:])

    @property
    def steps(self) -> np.ndarray:
        """Steps of each utterance: (utterances,) int64."""
        return np.diff(self.offsets)

    def log_mel(self, index: int) -> np.ndarray:
        """Spectrogram of one utterance: (steps, 128) float32, ln power."""
        return self._file["logmel"][self.offsets[index] : self.offsets[index + 1]]

    def phone(self, index: int) -> np.ndarray:
        """Annotated phone of each step of one utterance: (steps,) int16, index into `phones`."""
        return self._file["phone"][self.offsets[index] : self.offsets[index + 1]]


@contextlib.contextmanager
def open_features(path: str | Path) -> Iterator[Features]:
    """Open a feature file for reading."""
    with h5py.File(path, "r") as file:
        yield Features(file)
