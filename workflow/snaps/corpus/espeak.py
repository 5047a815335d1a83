"""espeak-ng through its C library: one utterance with the sample at which each phoneme begins.

The library and its data come from the PyPI wheel `espeakng-loader` (espeak-ng 1.52).
"""

from __future__ import annotations

import _ctypes
import ctypes
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

from snaps.errors import StudyError

_WORD, _PHONEME = 1, 7
_SYNCHRONOUS, _PHONEME_EVENTS, _DONT_EXIT = 2, 0x0001, 0x8000
_UTF8, _PHONEMES_IN_BRACKETS = 1, 0x100
_RATE = 1
_STRESS_MARKS = "',%="


class _Id(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Phoneme:
    """One espeak-ng phoneme: the sample where it begins, its mnemonic, stress mark and word.

    `word` is the character position, from 0, of its word in the text; -1 before the first word.
    """

    start: int
    mnemonic: str
    stress: str
    word: int


@dataclass(frozen=True)
class Spoken:
    """What espeak-ng made of a text: int16 samples (samples,), their rate in Hz, phonemes."""

    samples: np.ndarray
    rate: int
    phonemes: tuple[Phoneme, ...]


def data_folder() -> Path:
    """The folder of espeak-ng's languages and voices."""
    return Path(espeakng_loader.get_data_path())


def speak(text: str, voice_file: Path, words_per_minute: int, seed: int) -> Spoken:
    """Synthesise a text; `[[...]]` in it is spoken as espeak-ng phonemes.

    The library is loaded for each utterance and unloaded after it, because its static state
    changes the sound and timing of whatever is spoken next; so the result depends on the
    arguments alone. Raises StudyError where espeak-ng does not start or refuses the voice.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        return _speak(library, text, voice_file, words_per_minute, seed)
    finally:
        unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
        unload(library._handle)


def _speak(library, text: str, voice_file: Path, words_per_minute: int, seed: int) -> Spoken:
    blocks: list[np.ndarray] = []
    phonemes: list[Phoneme] = []
    word = -1

    def collect(samples, count, events):
        nonlocal word
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == _WORD:
                word = events[i].text_position - 1
            elif events[i].type == _PHONEME:
                phonemes.append(_phoneme(events[i], word))
            i += 1
        return 0

    # The name keeps the callback alive while C code holds it.
    callback = _CALLBACK(collect)
    rate = library.espeak_Initialize(
        _SYNCHRONOUS, 0, str(data_folder()).encode(), _PHONEME_EVENTS | _DONT_EXIT
    )
    if rate <= 0:
        raise StudyError("espeak-ng did not start; reinstall the package espeakng-loader")
    try:
        library.espeak_SetSynthCallback(callback)
        # An unknown voice leaves the last one in place: only the status tells.
        if library.espeak_ng_SetVoiceByFile(str(voice_file).encode()) != 0:
            raise StudyError(f"espeak-ng could not load the voice file {voice_file}")
        library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        library.espeak_SetParameter(_RATE, words_per_minute, 0)
        raw = text.encode()
        flags = _UTF8 | _PHONEMES_IN_BRACKETS
        library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, flags, None, None)
        library.espeak_Synchronize()
    finally:
        library.espeak_Terminate()
    return Spoken(np.concatenate(blocks), rate, tuple(phonemes))


def _phoneme(event: _Event, word: int) -> Phoneme:
    # The mnemonic has up to 8 bytes and no zero behind it when it has 8.
    raw = ctypes.string_at(ctypes.addressof(event) + _Event.id.offset, 8)
    name = raw.split(b"\0")[0].decode("utf-8", "replace")
    stress = name[0] if name[:1] and name[0] in _STRESS_MARKS else ""
    return Phoneme(event.sample, name.lstrip(_STRESS_MARKS), stress, word)
