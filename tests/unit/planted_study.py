"""A study made by hand in which each of the paper's claims is true."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from snaps.alignment_evaluation import AlignmentTables
from snaps.clusters import PERCENTILES, Clustering
from snaps.features import mel_frequencies
from snaps.measures import Study
from snaps.phones import LETTERS, read_phones

ROOT = Path(__file__).resolve().parents[2]
TABLE = read_phones(ROOT / "config" / "phones.tsv")
PHONES = [phone for phone in TABLE.phones if phone != "h#"]
ALPHABET = [letter for letter in LETTERS if letter.isalpha()]
CLOSURES = ["bcl", "dcl", "gcl", "pcl", "tcl", "kcl"]
LAYERS = ["input", *(f"layer_{number:02d}" for number in range(1, 13))]
INPUT_TIME = np.arange(206) - 103
HIDDEN_TIME = np.arange(103) - 51


@dataclass
class PlantedProfiles:
    """Profiles in memory, with the methods of :class:`snaps.profiles.Profiles`."""

    groups: list[str]
    count: np.ndarray
    layers: list[str]
    snaps: dict[str, np.ndarray]
    navai_values: np.ndarray | None = None

    def time(self, layer):
        return INPUT_TIME if layer == "input" else HIDDEN_TIME

    def snap(self, layer):
        return self.snaps[layer]

    def baseline(self, layer):
        return np.zeros(self.snaps[layer].shape[1:], np.float32)

    def navai(self):
        return self.navai_values

    def navai_time(self):
        return INPUT_TIME


def summary(centre, aligned, aligned_pm2, offset_ms):
    values = {"frames": 6000, "centre": centre, "centre_pm2": 0.2, "aligned": aligned}
    values |= {"aligned_pm2": aligned_pm2, "offset_ms": offset_ms, "cap": 0.936, "blanks": 0.5}
    return {"all": values}


def phone_alignment(good, poor, worst, numbers):
    """100 frames of each phone; `good` ones 60, `worst` 20 and all others 40 without offset.

    Offsets in steps and their counts: -1: 6, 0: see above, 2 and 10: the rest.
    """
    counts = np.array(
        [
            [6, 60, 30, 4] if phone in good else [6, 20, 34, 40] if phone in worst else poor
            for phone in PHONES
        ]
    )
    assert (counts.sum(axis=1) == 100).all()
    n = np.full(60, 100)
    steps = np.array([-1, 0, 2, 10])
    empty = np.zeros((60, 61), int)
    annotated = [*PHONES, "h#"]
    return AlignmentTables(
        PHONES, annotated, n, empty, empty, steps, counts, None, summary(*numbers)
    )


def letter_alignment():
    """Of 100 frames predicted b, 2 are annotated b or bcl at the centre and 60 once aligned."""
    centre, aligned = np.zeros((28, 61), int), np.zeros((28, 61), int)
    row, annotated = LETTERS.index("b"), [*PHONES, "h#"]
    b, bcl, other = (annotated.index(phone) for phone in ("b", "bcl", "s"))
    centre[row, [b, bcl, other]] = 1, 1, 98
    aligned[row, [b, bcl, other]] = 25, 35, 40
    n = np.full(28, 100)
    return AlignmentTables(list(LETTERS), annotated, n, centre, aligned, None, None, None, {})


def clustering(groups, scores, scale=1.0):
    """Groups on a line, `scale` apart; all in one cluster at every percentile."""
    positions = scale * np.arange(len(groups))
    distance = np.abs(positions[:, None] - positions)
    tree = linkage(squareform(distance), method="complete")
    labels = np.ones((4, len(groups)), int)
    cut = np.percentile(tree[:, 2], PERCENTILES)
    return Clustering(
        *(list(groups), np.full(len(groups), 100), distance, tree),
        *(np.array(PERCENTILES), cut, labels, np.array(scores, float)),
    )


def label(found, row, clusters):
    """Give the groups of each cluster a label of their own in one row; the rest stays together."""
    for number, names in enumerate(clusters, start=2):
        found.labels[row, [found.groups.index(name) for name in names]] = number


def plant_clusters():
    """Clusterings of letters and phones in the three networks that the paper compares."""
    default = {"W2L": [0.3, 0.3, 0.1, 0.1]}
    layer_05 = {
        "W2L": [0.2, 0.14, 0.01, 0.01],
        "W2L_TL_frozen": [0.0, 0.0, 0.3, 0.3],
        "W2L_TL_finetuned": [0.0, 0.0, 0.32, 0.32],
    }
    output = {
        "W2L": [0.41, 0.41, 0.21, 0.21],
        "W2L_TL_frozen": [0.21] * 4,
        "W2L_TL_finetuned": [0.25] * 4,
    }
    clusters = {}
    for model in layer_05:
        scores = dict.fromkeys(LAYERS, default.get(model, [0.2] * 4))
        scores |= {"layer_05": layer_05[model], "layer_12": output[model]}
        scale = 3.0 if model == "W2L" else 1.0
        clusters[model, "annotated"] = {
            layer: clustering(PHONES, scores[layer], scale) for layer in LAYERS
        }
    scores = dict.fromkeys(LAYERS, [0.25] * 4)
    scores |= {"layer_05": [0.25, 0.25, 0.25, 0.6], "layer_11": [0.1] * 4}
    scores["layer_12"] = [0.1, 0.12, 0.1, 0.1]
    clusters["W2L", "predicted"] = {layer: clustering(ALPHABET, scores[layer]) for layer in LAYERS}

    phones = clusters["W2L", "annotated"]
    manners = ("nasal", "fricative", "plosive", "vowel")
    by_manner = [[p for p in PHONES if TABLE.manner[p] == manner] for manner in manners]
    label(phones["layer_05"], 0, by_manner)
    label(phones["layer_05"], 3, [PHONES[:13]])
    pause = PHONES.index("pau")
    phones["layer_12"].distance[pause] += 200
    phones["layer_12"].distance[:, pause] += 200
    frozen = clusters["W2L_TL_frozen", "annotated"]
    label(frozen["layer_04"], 3, [PHONES[:28], PHONES[28:30]])
    label(frozen["layer_05"], 3, [PHONES[:1]])
    letters = clusters["W2L", "predicted"]
    label(letters["layer_05"], 3, ["j"])
    label(letters["layer_12"], 1, ["aeiouy", "csxz"])
    return clusters


def bump(values, centre, width):
    return np.exp(-0.5 * ((values - centre) / width) ** 2)


def vowel(*formants):
    """A SNAP with a ridge 80 Hz wide at each formant and 5 steps around the alignment step."""
    spectrum = sum(bump(mel_frequencies(), frequency, 80.0) for frequency in formants)
    return np.outer(bump(INPUT_TIME, 0, 5.0), spectrum).astype(np.float32)


def plant_profiles():
    """Profiles with formants, a stop, fading SNAPs and a NAvAI that does not fade."""
    hidden = np.outer(bump(HIDDEN_TIME, 0, 5.0), np.ones(4)).astype(np.float32)
    stop = np.outer(-np.sign(INPUT_TIME) * (np.abs(INPUT_TIME) <= 20), np.ones(128))
    phones = np.stack([vowel(700, 1200), vowel(700, 1900), stop.astype(np.float32)])
    profiles = {
        (model, "annotated"): PlantedProfiles(
            ["aa", "ae", "t"],
            np.array([500, 600, 700]),
            LAYERS,
            dict.fromkeys(LAYERS, np.stack([hidden] * 3)) | {"input": phones},
        )
        for model in ("W2L", "W2L_TL_frozen", "W2L_TL_finetuned")
    }
    count = np.array([160 if letter == "j" else 900 for letter in ALPHABET])
    letters = np.stack([1.1 * vowel(700, 1900)] * 26)
    navai = np.broadcast_to(1 + bump(INPUT_TIME, 0, 5.0)[:, None], (206, 128))
    profiles["W2L", "predicted"] = PlantedProfiles(
        [*ALPHABET, "'"],
        np.append(count, 5),
        LAYERS,
        dict.fromkeys(LAYERS, np.stack([hidden] * 27))
        | {"input": np.concatenate([letters, np.ones((1, 206, 128), np.float32)])},
        np.stack([*[navai] * 26, np.zeros((206, 128))]),
    )
    return profiles


def plant_study():
    """The whole study; every call makes it anew, so that a test may spoil it."""
    others = [phone for phone in PHONES if phone not in CLOSURES]
    good = set(others[:40]) | set(CLOSURES) - {"gcl", "tcl"}
    alignment = {
        "W2L": letter_alignment(),
        "W2P": phone_alignment(
            others[:25], [6, 40, 50, 4], [*CLOSURES, "epi"], (0.036, 0.388, 0.586, 37.0)
        ),
        "W2P_shallow": phone_alignment(good, [6, 40, 50, 4], [], (0.037, 0.593, 0.803, 26.0)),
    }
    return Study(alignment, plant_clusters(), plant_profiles(), TABLE)
