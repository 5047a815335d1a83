"""TIMIT's phone labels for espeak-ng's utterances, exact to the sample.

The synthesiser tells where each of its phonemes begins. What that leaves open is cut on the
signal: closure against release of stops, vowel against the /l/ or /r/ sounded within it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.signal import butter, sosfilt

from snaps.corpus.espeak import Spoken

VOWELS = {
    "i:": "iy",
    "i": "iy",
    "I": "ih",
    "I2": "ix",
    "I#": "ix",
    "E": "eh",
    "eI": "ey",
    "a": "ae",
    "aa": "ae",
    "A:": "aa",
    "A": "aa",
    "0": "aa",
    "O2": "ao",
    "O:": "ao",
    "O": "ao",
    "oU": "ow",
    "U": "uh",
    "u:": "uw",
    "u": "uw",
    "V": "ah",
    "@": "ax",
    "@2": "ax",
    "@-": "ax",
    "@5": "ax",
    "a#": "ax",
    "@L": "el",
    "3": "axr",
    "IR": "axr",
    "VR": "axr",
    "3:": "er",
    "aI": "ay",
    "aI2": "ay",
    "aU": "aw",
    "OI": "oy",
    "n-": "en",
    "m-": "em",
}
# One espeak-ng phoneme, two TIMIT phones.
VOWEL_PAIRS = {
    "A@": ("aa", "r"),
    "O@": ("ao", "r"),
    "o@": ("ao", "r"),
    "e@": ("eh", "r"),
    "U@": ("uh", "r"),
    "i@3": ("ih", "axr"),
    "i@": ("ih", "ax"),
    "aI3": ("ay", "axr"),
    "aI@": ("ay", "ax"),
    "aU@": ("aw", "ax"),
}
CONSONANTS = {
    "f": "f",
    "v": "v",
    "T": "th",
    "D": "dh",
    "s": "s",
    "z": "z",
    "S": "sh",
    "Z": "zh",
    "h": "hh",
    "m": "m",
    "n": "n",
    "N": "ng",
    "l": "l",
    "r": "r",
    "r-": "r",
    "w": "w",
    "w#": "w",
    "j": "y",
    "t#": "dx",
    "?": "q",
}
# Closure, release, voiced.
STOPS = {
    "p": ("pcl", "p", False),
    "t": ("tcl", "t", False),
    "t2": ("tcl", "t", False),
    "k": ("kcl", "k", False),
    "b": ("bcl", "b", True),
    "d": ("dcl", "d", True),
    "g": ("gcl", "g", True),
    "tS": ("tcl", "ch", False),
    "dZ": ("dcl", "jh", True),
}
CORONALS = {"t", "t2", "t#", "d", "s", "z", "n", "tS", "dZ", "S", "Z", "j", "l"}
JOINED = ("q", "pau", "epi", "h#", "r")
OFF_GLIDE = ";"
GLOTTAL_STOP = "?"  # sounds as silence: its own interval may be empty
SILENT = "silent"  # digital silence at the end of a phoneme: a closure, as a rule
PAUSE = "pause"  # silence that espeak-ng announces

# Durations in seconds.
SHORTEST_SILENCE = 0.004
EMPTY_LATERAL = 0.006
SHORTEST_EPI = 0.016
SHORTEST_PAU = 0.060
SHORTEST_PAU_BEFORE_CLOSURE = 0.120
CLOSURE_AFTER_PAU = 0.070
LONGEST_BURST = 0.045
LONGEST_NASAL_FLAP = 0.072


@dataclass(frozen=True)
class Segment:
    """A stretch of samples [start, end), what sounds in it, and the word it belongs to.

    `name` is an espeak-ng mnemonic, SILENT or PAUSE before labelling, a TIMIT phone after it;
    `word` is the position of the word in the spoken text, -1 for none.
    """

    start: int
    end: int
    name: str
    word: int
    stress: str = ""


def label(spoken: Spoken) -> list[Segment]:
    """Label an utterance with TIMIT phones.

    Gapless segments in samples at `spoken.rate`, h# at an end only where espeak-ng was silent.
    Raises ValueError for a phoneme that has no TIMIT phone.
    """
    sounds = _separate_laterals(_sounds(spoken), spoken)
    phones: list[Segment] = []
    for i, sound in enumerate(sounds):
        before = sounds[i - 1] if i else None
        after = sounds[i + 1] if i + 1 < len(sounds) else None
        _append_phones(phones, sound, before, after, spoken)
    return _merge(phones)


def _sounds(spoken: Spoken) -> list[Segment]:
    """Phonemes with the silence at their ends cut off, in order, and pauses."""
    samples, phonemes = spoken.samples, spoken.phonemes
    ends = [*(phoneme.start for phoneme in phonemes[1:]), len(samples)]
    sounds: list[Segment] = []
    if phonemes[0].start > 0:
        sounds.append(Segment(0, phonemes[0].start, PAUSE, -1))
    for phoneme, end in zip(phonemes, ends, strict=True):
        if phoneme.mnemonic.startswith("_"):
            sounds.append(Segment(phoneme.start, end, PAUSE, -1))
        elif phoneme.mnemonic == OFF_GLIDE:
            if sounds:
                sounds[-1] = replace(sounds[-1], end=end)
        else:
            silence = _silence_at_end(samples[phoneme.start : end])
            if silence < SHORTEST_SILENCE * spoken.rate:
                silence = 0
            sounds.append(
                Segment(
                    phoneme.start, end - silence, phoneme.mnemonic, phoneme.word, phoneme.stress
                )
            )
            sounds.append(Segment(end - silence, end, SILENT, -1))
    return sounds


def _separate_laterals(sounds: list[Segment], spoken: Spoken) -> list[Segment]:
    """Give a coda /l/ the end of its vowel, drop what is empty, join silences.

    espeak-ng sounds such an /l/ within the vowel and announces it, empty, afterwards.
    """
    kept: list[Segment] = []
    for sound in sounds:
        last = kept[-1] if kept else None
        length = sound.end - sound.start
        if (
            sound.name == "l"
            and length < EMPTY_LATERAL * spoken.rate
            and last is not None
            and _is_vowel(last.name)
        ):
            vowel = spoken.samples[last.start : last.end]
            cut = last.start + _most_even_cut(vowel, spoken.rate, 0.4, 0.75)
            kept[-1] = replace(last, end=cut)
            kept.append(replace(sound, start=cut))
        elif length <= 0 and sound.name != GLOTTAL_STOP:
            continue
        elif last is not None and _is_silence(sound.name) and _is_silence(last.name):
            name = PAUSE if PAUSE in (sound.name, last.name) else SILENT
            kept[-1] = replace(last, end=sound.end, name=name)
        else:
            kept.append(sound)
    return kept


def _append_phones(
    phones: list[Segment],
    sound: Segment,
    before: Segment | None,
    after: Segment | None,
    spoken: Spoken,
) -> None:
    if _is_silence(sound.name):
        _append_silence(phones, sound, before, after, spoken.rate)
    elif sound.name in STOPS:
        _append_stop(phones, sound, spoken)
    elif sound.name in VOWEL_PAIRS:
        first, second = VOWEL_PAIRS[sound.name]
        samples = spoken.samples[sound.start : sound.end]
        cut = sound.start + _most_even_cut(samples, spoken.rate, 0.35, 0.75)
        _append(phones, sound.start, cut, first, sound.word)
        _append(phones, cut, sound.end, second, sound.word)
    elif sound.name in VOWELS:
        phone = VOWELS[sound.name]
        if phone == "uw" and before is not None and before.name in CORONALS:
            phone = "ux"
        _append(phones, sound.start, sound.end, phone, sound.word)
    elif sound.name in CONSONANTS:
        phone = CONSONANTS[sound.name]
        if phone == "n" and _is_nasal_flap(sound, before, after, spoken.rate):
            phone = "nx"
        _append(phones, sound.start, sound.end, phone, sound.word)
    else:
        raise ValueError(f"the espeak-ng phoneme {sound.name!r} has no TIMIT phone")


def _append_silence(
    phones: list[Segment],
    sound: Segment,
    before: Segment | None,
    after: Segment | None,
    rate: int,
) -> None:
    start, end, length = sound.start, sound.end, sound.end - sound.start
    if before is None or after is None:
        _append(phones, start, end, "h#", -1)
    elif after.name in STOPS:
        closure = STOPS[after.name][0]
        if sound.name == PAUSE and length > SHORTEST_PAU_BEFORE_CLOSURE * rate:
            cut = end - round(CLOSURE_AFTER_PAU * rate)
            _append(phones, start, cut, "pau", -1)
            _append(phones, cut, end, closure, after.word)
        else:
            _append(phones, start, end, closure, after.word)
    elif after.name == GLOTTAL_STOP:
        _append(phones, start, end, "q", after.word)
    elif before.name == GLOTTAL_STOP:
        _append(phones, start, end, "q", before.word)
    elif sound.name == PAUSE and length >= SHORTEST_PAU * rate:
        _append(phones, start, end, "pau", -1)
    elif length >= SHORTEST_EPI * rate:
        _append(phones, start, end, "epi", -1)
    elif phones:
        phones[-1] = replace(phones[-1], end=end)


def _append_stop(phones: list[Segment], sound: Segment, spoken: Spoken) -> None:
    closure, release, voiced = STOPS[sound.name]
    start, end, word = sound.start, sound.end, sound.word
    is_burst = end - start <= LONGEST_BURST * spoken.rate
    closed = bool(phones) and phones[-1].name == closure and phones[-1].end == start
    at_edge = not phones or phones[-1].name == "h#"
    if at_edge and (not voiced or is_burst):
        # TIMIT marks no closure at the begin of an utterance.
        _append(phones, start, end, release, word)
    elif closed and (not voiced or is_burst):
        _append(phones, start, end, release, word)
    else:
        # Voiced: voicing and burst lie in one phoneme. Voiceless, straight after a consonant:
        # no silence was found.
        low, high = (0.1, 0.6) if not voiced else (0.1, 0.7) if release == "jh" else (0.2, 0.93)
        cut = start + _burst_onset(spoken.samples[start:end], spoken.rate, low, high)
        if closed:
            phones[-1] = replace(phones[-1], end=cut)
        else:
            _append(phones, start, cut, closure, word)
        _append(phones, cut, end, release, word)


def _is_nasal_flap(
    sound: Segment, before: Segment | None, after: Segment | None, rate: int
) -> bool:
    """Whether an /n/ is TIMIT's nx: short, between vowels of one word, the second unstressed."""
    return (
        before is not None
        and after is not None
        and sound.end - sound.start < LONGEST_NASAL_FLAP * rate
        and _is_vowel(before.name)
        and _is_vowel(after.name)
        and not after.stress
        and before.word == after.word
    )


def _append(phones: list[Segment], start: int, end: int, name: str, word: int) -> None:
    if end > start:
        phones.append(Segment(int(start), int(end), name, word))


def _merge(phones: list[Segment]) -> list[Segment]:
    """Join neighbours that are one silence, one glottal stop or one /r/ that links two vowels."""
    merged: list[Segment] = []
    for phone in phones:
        if merged and merged[-1].name == phone.name and phone.name in JOINED:
            merged[-1] = replace(merged[-1], end=phone.end)
        else:
            merged.append(phone)
    return merged


def _is_vowel(name: str) -> bool:
    return name in VOWELS or name in VOWEL_PAIRS


def _is_silence(name: str) -> bool:
    return name in (SILENT, PAUSE)


def _silence_at_end(samples: np.ndarray) -> int:
    """The number of samples of digital silence (at most 2 of 32768) at the end."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 2)
    return len(samples) - (loud[-1] + 1 if len(loud) else 0)


def _most_even_cut(samples: np.ndarray, rate: int, low: float, high: float) -> int:
    """The sample that parts a sound into two spectrally even halves.

    Least sum of within-part variances of log band energies; the cut lies between the fractions
    `low` and `high` of the sound.
    """
    hop = rate // 500
    bands = _log_bands(samples, rate, hop)
    count = len(bands)
    first, last = max(2, int(low * count)), min(count - 2, int(high * count) + 1)
    if last <= first:
        return len(samples) // 2
    costs = [
        bands[:k].var(0).sum() * k + bands[k:].var(0).sum() * (count - k)
        for k in range(first, last)
    ]
    return (first + int(np.argmin(costs))) * hop


def _log_bands(samples: np.ndarray, rate: int, hop: int) -> np.ndarray:
    """Log energies in 18 bands every `hop` samples, (frames, 18): enough to place one cut."""
    width = 5 * hop
    padded = np.pad(samples.astype(float), (width // 2, width))
    starts = np.arange(max(1, len(samples) // hop)) * hop
    frames = padded[starts[:, None] + np.arange(width)] * np.hanning(width)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    edges = np.clip((np.geomspace(120, rate / 2 * 0.95, 19) / rate * 512).astype(int), 1, 256)
    bands = [power[:, a : max(b, a + 1)].sum(1) for a, b in pairwise(edges)]
    return np.log(np.stack(bands, 1) + 1e3)


def _burst_onset(samples: np.ndarray, rate: int, low: float, high: float) -> int:
    """The sample where a stop is released: the steepest rise of the energy above 2 kHz."""
    high_pass = butter(4, 2000, "high", fs=rate, output="sos")
    energy = sosfilt(high_pass, samples.astype(float)) ** 2
    step = rate // 1000
    count = len(energy) // step
    if count < 8:
        return len(samples) // 2
    level = np.log(energy[: count * step].reshape(count, step).mean(1) + 10.0)
    rise = np.array(
        [level[k : k + 4].mean() - level[max(0, k - 4) : k].mean() for k in range(1, count - 2)]
    )
    first, last = max(1, int(low * count)), max(2, int(high * count))
    if last <= first:
        return count // 2 * step
    return (first + int(np.argmax(rise[first - 1 : last - 1]))) * step
