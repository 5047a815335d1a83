"""One measure for each claim of the paper (METHOD section 6).

A measure takes a :class:`Study` and returns a :class:`Finding`: named numbers and a sentence.
:mod:`snaps.claims` holds them against the paper.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.metrics import adjusted_rand_score, rand_score

from snaps.alignment_evaluation import (
    AlignmentTables,
    difference_margin,
    mean_offsets,
    read_alignment,
    speaker_margins,
)
from snaps.clusters import Clustering, best_row, mean_score, read_clusters
from snaps.features import SECONDS_PER_STEP, mel_frequencies
from snaps.frames import FRAME_HOP, FRAME_STEPS
from snaps.phones import PhoneTable
from snaps.profiles import Profiles, open_profiles

TRANSFER_MODELS = ("W2L_TL_frozen", "W2L_TL_finetuned")
LETTER_VOWELS = tuple("aeiou")
LETTER_SIBILANTS = tuple("cjsxz")
MAIN_CLUSTER = 3  # phones in a "main cluster" at least (paper 5.3.2)
CATEGORY_SHARE = 2 / 3  # of a cluster's members are of the category that it stands for, at least

FORMANT_BANDS = ((500.0, 900.0), (900.0, 2500.0))  # Hz, searched for the first and second formant
FORMANT_STEPS = 5  # averaged before and after the alignment step, 40 ms each
FORMANT_SMOOTHING = 2.0  # mel bands, standard deviation of a Gaussian: evens out harmonics
ONSET_STEPS = 10  # compared before and after the alignment step, 80 ms each
NEAR, FAR = 0.1, 0.5  # s from the alignment step: near is below, far is above


class NotTestable(Exception):
    """A claim that this study cannot test; the message is the reason."""


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim.

    numbers : quantity to value, in the units of paper_values.tsv; NaN where what the claim speaks
        of is not there, which fails the claim
    sentence : the numbers in words
    margins : half widths of the 95 % intervals over speakers, of the numbers that have one
    """

    numbers: dict[str, float]
    sentence: str
    margins: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """What the claims are measured from: one seed of a study.

    alignment : model to its alignment tables
    clusters : (model, grouping) to the clustering of each layer, in the order of the layers
    profiles : (model, grouping) to its profiles
    phones : symbols and their manner of articulation
    """

    alignment: Mapping[str, AlignmentTables]
    clusters: Mapping[tuple[str, str], Mapping[str, Clustering]]
    profiles: Mapping[tuple[str, str], Profiles]
    phones: PhoneTable

    def layers(self, model: str, grouping: str) -> list[str]:
        """Names of the clustered layers, ``input`` first and the output layer last."""
        return list(_need(self.clusters, (model, grouping), f"no clusterings of {model}"))

    def clustering(self, model: str, grouping: str, layer: str) -> Clustering:
        """Clustering of one layer; NotTestable where the study has none."""
        layers = _need(self.clusters, (model, grouping), f"no clusterings of {model}")
        return _need(layers, layer, f"{model} has no {layer}")

    def phone_alignment(self, model: str) -> AlignmentTables:
        """Alignment tables of a model that predicts phones, for at least one frame."""
        tables = _need(self.alignment, model, f"{model} is not part of this study")
        if tables.offset_counts is None or not tables.n.sum():
            raise NotTestable(f"no frame of {model} predicts a phone")
        return tables

    def input_snap(self, grouping: str, group: str) -> tuple[np.ndarray, np.ndarray]:
        """Times (T,) int and input SNAP (T, mels) of a group of W2L."""
        profiles = _need(self.profiles, ("W2L", grouping), "no profiles of W2L")
        if group not in profiles.groups:
            what = "predicted as letter" if grouping == "predicted" else "annotated as phone"
            raise NotTestable(f"no frame of W2L is {what} {group}")
        return profiles.time("input"), profiles.snap("input")[profiles.groups.index(group)]


def _need(items: Mapping, key: object, reason: str):
    if key not in items:
        raise NotTestable(reason)
    return items[key]


@contextlib.contextmanager
def open_study(
    alignment: Mapping[str, str | Path],
    clusters: Mapping[tuple[str, str], str | Path],
    profiles: Mapping[tuple[str, str], str | Path],
    phones: PhoneTable,
) -> Iterator[Study]:
    """Open the files of one seed: model, or model and grouping, to the path of its file."""
    with contextlib.ExitStack() as stack:
        yield Study(
            {model: read_alignment(path) for model, path in alignment.items()},
            {key: read_clusters(path) for key, path in clusters.items()},
            {key: stack.enter_context(open_profiles(path)) for key, path in profiles.items()},
            phones,
        )


# --- statistics: arrays in, numbers out ---------------------------------------------------------


def correct_shares(tables: AlignmentTables) -> np.ndarray:
    """Share of each predicted phone's frames aligned without offset: (P,), NaN without frames."""
    correct = tables.offset_counts[:, tables.offset_steps == 0].sum(axis=1)
    return np.divide(correct, tables.n, out=np.full(len(correct), np.nan), where=tables.n > 0)


def band_peak(spectrum: np.ndarray, frequencies: np.ndarray, band: tuple[float, float]) -> float:
    """Frequency of the highest positive local maximum in a band, Hz; NaN where there is none.

    Parameters
    ----------
    spectrum, frequencies : (bands,) values and their centre frequencies in Hz, ascending
    band : lowest and highest frequency searched, Hz
    """
    peak = np.zeros(len(spectrum), bool)
    peak[1:-1] = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] >= spectrum[2:])
    peak &= (spectrum > 0) & (frequencies >= band[0]) & (frequencies <= band[1])
    if not peak.any():
        return float("nan")
    return float(frequencies[np.where(peak, spectrum, -np.inf).argmax()])


def formants(time: np.ndarray, snap: np.ndarray, frequencies: np.ndarray) -> list[float]:
    """First and second formant of an input SNAP, Hz; NaN where its band holds no peak.

    The mean over 40 ms before and after the alignment step, smoothed over the mel bands.

    Parameters
    ----------
    time : (T,) int, 8 ms steps from the alignment step
    snap : (T, mels)
    frequencies : (mels,) Hz
    """
    spectrum = snap[np.abs(time) <= FORMANT_STEPS].mean(axis=0, dtype=np.float64)
    spectrum = gaussian_filter1d(spectrum, FORMANT_SMOOTHING)
    return [band_peak(spectrum, frequencies, band) for band in FORMANT_BANDS]


def before_and_after(time: np.ndarray, snap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of an input SNAP over 80 ms before and 80 ms after the alignment step: (mels,) each."""
    before = (time < 0) & (time >= -ONSET_STEPS)
    after = (time > 0) & (time <= ONSET_STEPS)
    return snap[before].mean(axis=0), snap[after].mean(axis=0)


def snap_distance(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> float:
    """Euclidean distance of two SNAPs, times (T,) and values (T, C) each, at their common times."""
    _, mine, theirs = np.intersect1d(first[0], second[0], return_indices=True)
    return float(np.linalg.norm(first[1][mine].astype(np.float64) - second[1][theirs]))


def far_level(maps: np.ndarray, time: np.ndarray, frame_steps: int) -> np.ndarray:
    """Mean absolute value beyond 0.5 s of the alignment step, relative to that within 0.1 s.

    Parameters
    ----------
    maps : (groups, T, features)
    time : (T,) int, steps from the alignment step; a step of the frame not listed holds zero
    frame_steps : steps of the whole frame, 206 in the input and 103 in the other layers

    Returns
    -------
    (groups,) ratio; NaN where a map is zero near the alignment step
    """
    seconds_per_step = SECONDS_PER_STEP * FRAME_STEPS / frame_steps
    level = np.abs(maps).mean(axis=2, dtype=np.float64)
    distance = np.abs(time) * seconds_per_step
    whole = np.abs(np.arange(frame_steps) - frame_steps // 2) * seconds_per_step
    near = level[:, distance < NEAR].sum(axis=1) / np.sum(whole < NEAR)
    far = level[:, distance > FAR].sum(axis=1) / np.sum(whole > FAR)
    return np.divide(far, near, out=np.full(len(near), np.nan), where=near > 0)


def cut_row(clustering: Clustering, percentile: float) -> int:
    """Row of a percentile in the labels of a clustering; NotTestable where it was not cut there."""
    rows = np.flatnonzero(np.asarray(clustering.percentiles) == percentile)
    if not len(rows):
        raise NotTestable(f"the trees are not cut at percentile {percentile:g}")
    return int(rows[0])


def score_at(clustering: Clustering, percentile: float) -> float:
    """Silhouette score at a percentile; NotTestable where it is undefined."""
    score = float(clustering.silhouette[cut_row(clustering, percentile)])
    if np.isnan(score):
        raise NotTestable(f"the Silhouette score is undefined at percentile {percentile:g}")
    return score


def defined_mean(clustering: Clustering) -> float:
    """Mean Silhouette score; NotTestable where it is undefined at every percentile."""
    if np.isnan(score := mean_score(clustering)):
        raise NotTestable("the Silhouette score is undefined at every percentile")
    return score


def defined_best(clustering: Clustering) -> int:
    """Row of the best percentile; NotTestable where the score is undefined at every percentile."""
    if (row := best_row(clustering)) is None:
        raise NotTestable("the Silhouette score is undefined at every percentile")
    return row


def members(groups: Sequence[str], labels: np.ndarray) -> list[list[str]]:
    """Groups of each cluster, the largest cluster first."""
    clusters: dict[int, list[str]] = {}
    for group, label in zip(groups, labels, strict=True):
        clusters.setdefault(int(label), []).append(group)
    return sorted(clusters.values(), key=len, reverse=True)


def largest_of_category(
    clusters: Sequence[Sequence[str]], category: Sequence[str], share: float
) -> list[str]:
    """Members of a category in the cluster that holds most of them.

    Only clusters count in which the category has at least `share` of the members.
    """
    found = [
        mine
        for cluster in clusters
        if (mine := [group for group in cluster if group in category])
        and len(mine) >= share * len(cluster)
    ]
    return max(found, key=len, default=[])


def place(values: np.ndarray, index: int) -> int:
    """Place of one value among all, 1 for the largest."""
    return 1 + int(np.sum(values > values[index]))


# --- AE: evaluation of the alignment (paper 5.1) ------------------------------------------------


def over_speakers(tables: AlignmentTables) -> dict[str, float]:
    """Half widths of the 95 % intervals of the summary of all frames; NaN where there are none."""
    unknown = dict.fromkeys(tables.summary["all"], float("nan"))
    return unknown | (speaker_margins(tables.errors["all"]) if tables.errors else {})


def alignment_accuracy(study: Study, model: str) -> Finding:
    """AE1, AE2: frames annotated as predicted, at the centre and at the alignment step."""
    tables = study.phone_alignment(model)
    summary = tables.summary["all"]
    margins = over_speakers(tables)
    centre, window, aligned, near = (
        100 * summary[key] for key in ("centre", "centre_pm2", "aligned", "aligned_pm2")
    )
    return Finding(
        {"centre": centre, "aligned": aligned, "aligned +-2": near},
        f"Of {summary['frames']:,.0f} frames of {model} that predict a phone, {centre:.1f} % are "
        f"annotated with it at the centre ({window:.1f} % within two steps of the centre), "
        f"{aligned:.1f} % at the alignment step, {near:.1f} % within two steps of it.",
        {
            "centre": 100 * margins["centre"],
            "aligned": 100 * margins["aligned"],
            "aligned +-2": 100 * margins["aligned_pm2"],
        },
    )


def mean_offset(study: Study) -> Finding:
    """AE3: mean alignment offset."""
    tables = {model: study.phone_alignment(model) for model in ("W2P_shallow", "W2P")}
    offsets = {model: table.summary["all"]["offset_ms"] for model, table in tables.items()}
    if np.isnan(list(offsets.values())).any():
        raise NotTestable("no frame holds the phone that it predicts")
    said = ", ".join(f"{value:.0f} ms in {model}" for model, value in offsets.items())
    return Finding(
        offsets,
        f"From the alignment step to the predicted phone: on average {said}.",
        {model: over_speakers(table)["offset_ms"] for model, table in tables.items()},
    )


def alignment_cap(study: Study) -> Finding:
    """AE4: frames that hold the phone they predict."""
    tables = {model: study.phone_alignment(model) for model in ("W2P_shallow", "W2P")}
    caps = {model: 100 * table.summary["all"]["cap"] for model, table in tables.items()}
    said = ", ".join(f"{value:.1f} % of the frames of {model}" for model, value in caps.items())
    return Finding(
        caps,
        f"The predicted phone is annotated somewhere in {said}.",
        {model: 100 * over_speakers(table)["cap"] for model, table in tables.items()},
    )


def phones_aligned(study: Study) -> Finding:
    """AE5: phones aligned without offset in most of their frames."""
    numbers, said = {}, []
    for model in ("W2P", "W2P_shallow"):
        shares = correct_shares(study.phone_alignment(model))
        numbers[model] = float(np.sum(shares > 0.5))
        said.append(f"{numbers[model]:.0f} of {np.sum(~np.isnan(shares))} in {model}")
    return Finding(
        numbers,
        "Phones aligned without offset in most of the frames that predict them: "
        f"{', '.join(said)}.",
    )


def closures_misaligned(study: Study) -> Finding:
    """AE6: closures among the seven phones of largest mean offset in W2P."""
    tables = study.phone_alignment("W2P")
    offsets = mean_offsets(tables)
    known = np.flatnonzero(~np.isnan(offsets))
    names = [tables.predicted[index] for index in known[np.argsort(-offsets[known], kind="stable")]]
    closures = [name for name in names if study.phones.manner[name] == "closure"]
    if len(closures) < 6 or len(names) < 14:
        raise NotTestable(
            f"W2P predicts {len(names)} phones in frames that hold them, {len(closures)} of them "
            "closures: too few"
        )
    count = sum(name in closures for name in names[:7])
    return Finding(
        {"closures": float(count)},
        f"The seven phones of largest mean offset in W2P are {', '.join(names[:7])}: "
        f"{count} closures.",
    )


def closures_aligned(study: Study) -> Finding:
    """AE7: closures that W2P_shallow aligns without offset in most of their frames."""
    tables = study.phone_alignment("W2P_shallow")
    shares = dict(zip(tables.predicted, correct_shares(tables), strict=True))
    closures = {
        name: share for name, share in shares.items() if study.phones.manner[name] == "closure"
    }
    missing = [name for name, share in closures.items() if np.isnan(share)]
    if missing:
        raise NotTestable(f"no frame of W2P_shallow predicts {', '.join(missing)}")
    as_paper = sum(
        (share > 0.5) == (name not in ("gcl", "tcl")) for name, share in closures.items()
    )
    said = ", ".join(f"{name} {100 * share:.0f} %" for name, share in closures.items())
    return Finding(
        {"closures as in the paper": float(as_paper)},
        f"Frames of W2P_shallow that predict a closure and are aligned without offset: {said}.",
    )


def shallow_aligns_better(study: Study) -> Finding:
    """AE8: gain of W2P_shallow over W2P."""
    both = [study.phone_alignment(model) for model in ("W2P_shallow", "W2P")]
    shallow, deep = (tables.summary["all"] for tables in both)
    exact = 100 * (shallow["aligned"] - deep["aligned"])
    near = 100 * (shallow["aligned_pm2"] - deep["aligned_pm2"])
    return Finding(
        {"aligned": exact, "aligned +-2": near},
        f"W2P_shallow aligns {exact:+.1f} points more frames than W2P to the predicted phone, "
        f"{near:+.1f} points within two steps; mean offset {shallow['offset_ms']:.0f} against "
        f"{deep['offset_ms']:.0f} ms.",
        {
            "aligned": 100 * difference_margin(*both, "aligned"),
            "aligned +-2": 100 * difference_margin(*both, "aligned_pm2"),
        },
    )


def letter_b(study: Study) -> Finding:
    """AE9: frames of W2L that predict b, annotated b or bcl before and after alignment."""
    tables = _need(study.alignment, "W2L", "W2L is not part of this study")
    row = tables.predicted.index("b")
    if not tables.n[row]:
        raise NotTestable("no frame of W2L predicts the letter b")
    columns = [tables.annotated.index(phone) for phone in ("b", "bcl")]
    before, after = (
        100 * table[row, columns].sum() / tables.n[row]
        for table in (tables.contingency_centre, tables.contingency_aligned)
    )
    return Finding(
        {"before": before, "after": after},
        f"Of {tables.n[row]:,} frames that W2L predicts as b, {before:.1f} % are annotated b or "
        f"bcl at the centre and {after:.1f} % at the alignment step.",
    )


# --- PS: plotting SNAPs (paper 5.2) -------------------------------------------------------------


def vowel_formants(study: Study) -> Finding:
    """PS1: formants of aa and ae, as peaks of their input SNAPs."""
    frequencies = mel_frequencies()
    peaks = {
        phone: formants(*study.input_snap("annotated", phone), frequencies)
        for phone in ("aa", "ae")
    }
    numbers = {
        f"{phone} {number}": value
        for phone, values in peaks.items()
        for number, value in zip(("first", "second"), values, strict=True)
    }
    said = "; ".join(
        f"{phone} {_hertz(first)} and {_hertz(second)}" for phone, (first, second) in peaks.items()
    )
    return Finding(
        numbers,
        f"Highest peaks of the input SNAPs at 500 to 900 and at 900 to 2500 Hz, mean over 40 ms "
        f"before and after the alignment step: {said}.",
    )


def _hertz(value: float) -> str:
    return "none" if np.isnan(value) else f"{value:.0f} Hz"


def t_falls(study: Study) -> Finding:
    """PS2: the SNAP of t before and after the alignment step."""
    before, after = before_and_after(*study.input_snap("annotated", "t"))
    share = 100 * float(np.mean(before > after))
    return Finding(
        {"bands that fall": share, "fall": float(before.mean() - after.mean())},
        f"Mean of the SNAP of t over all frequencies: {before.mean():+.3f} in the 80 ms before the "
        f"alignment step, {after.mean():+.3f} in the 80 ms after it; it falls in {share:.0f} % of "
        "the mel bands.",
    )


def letter_a(study: Study) -> Finding:
    """PS3: distance of letter a's input SNAP to those of ae and aa."""
    letter = study.input_snap("predicted", "a")
    ae, aa = (snap_distance(letter, study.input_snap("annotated", phone)) for phone in ("ae", "aa"))
    return Finding(
        {"distance to ae / distance to aa": ae / aa if aa else float("nan")},
        f"The input SNAP of letter a lies {ae:.2f} from that of ae and {aa:.2f} from that of aa "
        "(Euclidean).",
    )


def snaps_fade(study: Study) -> Finding:
    """PS4: SNAPs far from the alignment step, relative to near it, in every layer."""
    profiles = _need(study.profiles, ("W2L", "annotated"), "no profiles of W2L")
    levels = {
        layer: 100
        * float(
            np.nanmean(far_level(profiles.snap(layer), profiles.time(layer), _frame_steps(layer)))
        )
        for layer in profiles.layers
    }
    worst = max(levels, key=levels.get)
    return Finding(
        {"far / near": levels[worst]},
        f"Mean absolute SNAP beyond {FAR:g} s of the alignment step, relative to within {NEAR:g} "
        f"s: at most {levels[worst]:.2f} % ({worst}), mean over phones.",
    )


def _frame_steps(layer: str) -> int:
    return FRAME_STEPS if layer == "input" else FRAME_STEPS // FRAME_HOP


def mask_removes_padding(study: Study) -> Finding:
    """PS5: NAvAI and SNAP of the letters far from the alignment step."""
    profiles = _need(study.profiles, ("W2L", "predicted"), "no profiles of W2L")
    letters = [index for index, group in enumerate(profiles.groups) if group.isalpha()]
    if not letters:
        raise NotTestable("no frame of W2L predicts a letter")
    navai = far_level(profiles.navai()[letters], profiles.navai_time(), FRAME_STEPS)
    snap = far_level(profiles.snap("input")[letters], profiles.time("input"), FRAME_STEPS)
    navai, snap = (100 * float(np.nanmedian(values)) for values in (navai, snap))
    return Finding(
        {"NAvAI": navai, "SNAP": snap},
        f"Mean absolute value beyond {FAR:g} s of the alignment step, relative to within "
        f"{NEAR:g} s, median of {len(letters)} letters: {navai:.0f} % in NAvAI, {snap:.2f} % in "
        "input SNAPs.",
    )


# --- RS: representational similarity (paper 5.3) ------------------------------------------------


def _phone_scores(study: Study, layer: str) -> dict[str, float]:
    return {
        model: defined_mean(study.clustering(model, "annotated", layer))
        for model in ("W2L", *TRANSFER_MODELS)
    }


def output_scores(study: Study) -> Finding:
    """RS1: mean Silhouette of the output layer, and whether models differ most there."""
    layers = study.layers("W2L", "annotated")
    scores = [_phone_scores(study, layer) for layer in layers]
    spread = np.array([max(s.values()) - min(s.values()) for s in scores])
    last, widest = scores[-1], layers[int(spread.argmax())]
    return Finding(
        {
            "W2L": last["W2L"],
            "W2L_TL_frozen": last["W2L_TL_frozen"],
            "place of the output layer": float(place(spread, len(layers) - 1)),
        },
        f"Mean Silhouette score of the output layer: W2L {last['W2L']:.2f}, W2L_TL_frozen "
        f"{last['W2L_TL_frozen']:.2f}; the largest difference of any two models there is "
        f"{spread[-1]:.2f}, the largest of all layers {spread.max():.2f} ({widest}).",
    )


def transfer_scores(study: Study) -> Finding:
    """RS2: mean Silhouette of layer 5."""
    scores = _phone_scores(study, "layer_05")
    gain = min(scores[model] for model in TRANSFER_MODELS) - scores["W2L"]
    said = ", ".join(f"{model} {score:.2f}" for model, score in scores.items())
    return Finding(
        scores | {"transfer above W2L": gain}, f"Mean Silhouette score of layer 5: {said}."
    )


def transfer_rise(study: Study) -> Finding:
    """RS3: change of the Silhouette score from layer 4 to layer 5."""
    numbers = {
        f"{model} {percentile}": score_at(
            study.clustering(model, "annotated", "layer_05"), percentile
        )
        - score_at(study.clustering(model, "annotated", "layer_04"), percentile)
        for model in ("W2L", *TRANSFER_MODELS)
        for percentile in (93, 96)
    }
    said = ", ".join(f"{name} {value:+.2f}" for name, value in numbers.items())
    return Finding(
        numbers, f"Change of the Silhouette score from layer 4 to 5 (model, percentile): {said}."
    )


def small_clusters_scores(study: Study) -> Finding:
    """RS4: W2L above the transfer models at the lower percentiles, mean over the layers."""
    layers = study.layers("W2L", "annotated")[1:]
    numbers, said = {}, []
    for percentile in (87, 90):
        scores = {
            model: np.array(
                [score_at(study.clustering(model, "annotated", la), percentile) for la in layers]
            )
            for model in ("W2L", *TRANSFER_MODELS)
        }
        transfer = np.maximum(*(scores[model] for model in TRANSFER_MODELS))
        for model in TRANSFER_MODELS:
            numbers[f"above {model} {percentile}"] = float(
                scores["W2L"].mean() - scores[model].mean()
            )
        means = ", ".join(f"{model} {values.mean():.2f}" for model, values in scores.items())
        above = int(np.sum(scores["W2L"] > transfer))
        said.append(
            f"percentile {percentile}: {means}, W2L above both in {above} of {len(layers)} layers"
        )
    return Finding(numbers, f"Silhouette score, mean over layers 1 to 12; {'; '.join(said)}.")


def changed_pairs(study: Study) -> Finding:
    """RS5: pairs of phones whose same-cluster status differs between layers 4 and 5 of W2L."""
    layers = [study.clustering("W2L", "annotated", layer) for layer in ("layer_04", "layer_05")]
    before, after = (clustering.labels[cut_row(clustering, 96)] for clustering in layers)
    changed = 100 * (1 - rand_score(before, after))
    return Finding(
        {"pairs": changed},
        f"{changed:.1f} % of the pairs of {len(before)} phones change from layer 4 to 5 of W2L "
        f"(percentile 96); adjusted Rand index {adjusted_rand_score(before, after):.2f}.",
    )


def main_clusters(study: Study) -> Finding:
    """RS6: clusters of three or more phones in W2L_TL_frozen."""
    sizes = {}
    for number in (4, 5):
        clustering = study.clustering("W2L_TL_frozen", "annotated", f"layer_{number:02d}")
        labels = clustering.labels[cut_row(clustering, 96)]
        sizes[f"layer {number}"] = [len(c) for c in members(clustering.groups, labels)]
    said = "; ".join(f"{layer}: {', '.join(map(str, found))}" for layer, found in sizes.items())
    return Finding(
        {
            layer: float(sum(size >= MAIN_CLUSTER for size in found))
            for layer, found in sizes.items()
        },
        f"Phones in each cluster of W2L_TL_frozen at percentile 96; {said}.",
    )


def distances_larger(study: Study) -> Finding:
    """RS7: mean and standard deviation of the distances of phones, W2L against transfer models."""
    ratios, said = [], []
    for layer in ("layer_04", "layer_05"):
        spread = {}
        for model in ("W2L", *TRANSFER_MODELS):
            clustering = study.clustering(model, "annotated", layer)
            profiles = _need(study.profiles, (model, "annotated"), f"no profiles of {model}")
            # Networks of unequal width: distances grow with the square root of the features.
            features = profiles.baseline(layer).shape[1]
            pairs = clustering.distance[np.triu_indices(len(clustering.groups), 1)]
            pairs = pairs / np.sqrt(features)
            spread[model] = np.array([pairs.mean(), pairs.std()])
        for model in TRANSFER_MODELS:
            ratios.append(spread["W2L"] / spread[model])
            said.append(
                f"{ratios[-1][0]:.2f} and {ratios[-1][1]:.2f} times those of {model} in layer "
                f"{int(layer[-2:])}"
            )
    mean, deviation = np.min(ratios, axis=0)
    return Finding(
        {"mean": float(mean), "standard deviation": float(deviation)},
        "Mean and standard deviation of the SNAP distances per feature in W2L are "
        f"{', '.join(said)}.",
    )


# --- LP: letters and phones in W2L (paper 5.4) --------------------------------------------------


def _letters_and_phones(study: Study) -> tuple[list[str], np.ndarray, np.ndarray]:
    layers = study.layers("W2L", "predicted")
    letters, phones = (
        np.array([defined_mean(study.clustering("W2L", grouping, layer)) for layer in layers])
        for grouping in ("predicted", "annotated")
    )
    return layers, letters, phones


def letters_above(study: Study) -> Finding:
    """LP1: layers in which letters score above phones."""
    layers, letters, phones = _letters_and_phones(study)
    above = letters > phones
    below = [layer for layer, higher in zip(layers, above, strict=True) if not higher]
    return Finding(
        {
            "of the lower layers": float(above[:-2].sum()),
            "of the last two": float(above[-2:].sum()),
        },
        f"The mean Silhouette score of letters is above that of phones in {above.sum()} of "
        f"{len(layers)} layers, the input among them; not in {', '.join(below) or 'none'}.",
    )


def best_of_letters(study: Study) -> Finding:
    """LP2: where letters score best and phones worst."""
    layers, _, phones = _letters_and_phones(study)
    scores = np.array([study.clustering("W2L", "predicted", la).silhouette for la in layers])
    layer, row = np.unravel_index(np.nanargmax(scores), scores.shape)
    percentile = float(study.clustering("W2L", "predicted", layers[layer]).percentiles[row])
    worst = int(phones.argmin())
    return Finding(
        {
            "letters' best layer": float(layer),
            "its percentile": percentile,
            "phones' worst layer": float(worst),
        },
        f"Letters score best in {layers[layer]} at percentile {percentile:g} "
        f"({scores[layer, row]:.2f}); phones score worst in {layers[worst]} "
        f"(mean over percentiles {phones[worst]:.2f}).",
    )


def letter_apart(study: Study) -> Finding:
    """LP3: one letter apart from all others in layer 5."""
    clustering = study.clustering("W2L", "predicted", "layer_05")
    profiles = _need(study.profiles, ("W2L", "predicted"), "no profiles of W2L")
    clusters = members(clustering.groups, clustering.labels[cut_row(clustering, 96)])
    frames = dict(zip(profiles.groups, profiles.count, strict=True))
    counts = np.array([frames[group] for group in clustering.groups])
    alone = clusters[-1] if len(clusters) == 2 and len(clusters[-1]) == 1 else None
    sizes = ", ".join(str(len(cluster)) for cluster in clusters)
    if alone is None:
        rarity, said = float("nan"), "no single letter stands against all others"
    else:
        rarity = float(place(-counts, clustering.groups.index(alone[0])))
        said = (
            f"{alone[0]} stands apart, number {rarity:.0f} in rarity ({frames[alone[0]]:,} frames)"
        )
    return Finding(
        {
            "clusters": float(len(clusters)),
            "letters in the smallest": float(len(clusters[-1])),
            "its place in rarity": rarity,
        },
        f"Letters in each cluster of layer 5 at percentile 96: {sizes}; {said}.",
    )


def letter_categories(study: Study) -> Finding:
    """LP4: clusters of vowel letters and of sibilant letters in the output layer."""
    layer = study.layers("W2L", "predicted")[-1]
    clustering = study.clustering("W2L", "predicted", layer)
    for what, letters in (("vowel", LETTER_VOWELS), ("sibilant", LETTER_SIBILANTS)):
        missing = [letter for letter in letters if letter not in clustering.groups]
        if missing:
            raise NotTestable(f"no frame of W2L predicts the {what} letter {', '.join(missing)}")
    row = defined_best(clustering)
    clusters = members(clustering.groups, clustering.labels[row])
    vowels = largest_of_category(clusters, LETTER_VOWELS, 0.5)
    sibilants = largest_of_category(clusters, LETTER_SIBILANTS, 0.5)
    return Finding(
        {"vowels": float(len(vowels)), "sibilants": float(len(sibilants))},
        f"{layer}, percentile {clustering.percentiles[row]:g} (the best score): of a, e, i, o, u "
        f"at most {len(vowels)} ({' '.join(vowels) or 'none'}) and of c, j, s, x, z at most "
        f"{len(sibilants)} ({' '.join(sibilants) or 'none'}) share a cluster of which they are at "
        "least half.",
    )


def phone_categories(study: Study) -> Finding:
    """LP5: clusters of nasals, fricatives, plosives and vowels in layer 5."""
    clustering = study.clustering("W2L", "annotated", "layer_05")
    row = defined_best(clustering)
    clusters = members(clustering.groups, clustering.labels[row])
    main = [cluster for cluster in clusters if len(cluster) >= MAIN_CLUSTER]
    found = {}
    for manner in ("nasal", "fricative", "plosive", "vowel"):
        category = [phone for phone in clustering.groups if study.phones.manner[phone] == manner]
        if len(category) < MAIN_CLUSTER:
            raise NotTestable(f"fewer than {MAIN_CLUSTER} {manner}s have frames")
        found[manner] = largest_of_category(main, category, CATEGORY_SHARE)
    said = "; ".join(f"{manner}s: {' '.join(mine) or 'none'}" for manner, mine in found.items())
    return Finding(
        {"categories": float(sum(bool(mine) for mine in found.values()))},
        f"Layer 5, percentile {clustering.percentiles[row]:g} (the best score), clusters of "
        f"three or more phones, two thirds of one manner: {said}.",
    )


def pause_apart(study: Study) -> Finding:
    """LP6: the pause in the output layer."""
    layer = study.layers("W2L", "annotated")[-1]
    clustering = study.clustering("W2L", "annotated", layer)
    if "pau" not in clustering.groups:
        raise NotTestable("no frame is annotated pau")
    index = clustering.groups.index("pau")
    mean = clustering.distance.sum(axis=1) / (len(clustering.groups) - 1)
    rank = place(mean, index)
    return Finding(
        {"place": float(rank)},
        f"Mean distance to the other phones in {layer}: pau {mean[index]:.2f}, number {rank} of "
        f"{len(mean)}; the median phone {np.median(mean):.2f}.",
    )


MEASURES: dict[str, Callable[[Study], Finding]] = {
    "AE1": partial(alignment_accuracy, model="W2P_shallow"),
    "AE2": partial(alignment_accuracy, model="W2P"),
    "AE3": mean_offset,
    "AE4": alignment_cap,
    "AE5": phones_aligned,
    "AE6": closures_misaligned,
    "AE7": closures_aligned,
    "AE8": shallow_aligns_better,
    "AE9": letter_b,
    "PS1": vowel_formants,
    "PS2": t_falls,
    "PS3": letter_a,
    "PS4": snaps_fade,
    "PS5": mask_removes_padding,
    "RS1": output_scores,
    "RS2": transfer_scores,
    "RS3": transfer_rise,
    "RS4": small_clusters_scores,
    "RS5": changed_pairs,
    "RS6": main_clusters,
    "RS7": distances_larger,
    "LP1": letters_above,
    "LP2": best_of_letters,
    "LP3": letter_apart,
    "LP4": letter_categories,
    "LP5": phone_categories,
    "LP6": pause_apart,
}


def measure(study: Study) -> dict[str, Finding | NotTestable]:
    """Measure every claim; the reason stands for a finding where a claim cannot be tested."""
    found: dict[str, Finding | NotTestable] = {}
    for name, measured in MEASURES.items():
        try:
            found[name] = measured(study)
        except NotTestable as reason:
            found[name] = reason
    return found
