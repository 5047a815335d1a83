"""Two small models with profiles and clusterings on disk, and recordings, for the explorer."""

import contextlib
from pathlib import Path

import numpy as np
import yaml

from snaps.clusters import cluster_profiles
from snaps.explorer.recordings import gather
from snaps.phones import read_phones, units
from snaps.profiles import open_profiles, scale_mask, write_profiles

ROOT = Path(__file__).resolve().parents[2]
TABLE = read_phones(ROOT / "config" / "phones.tsv")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
OUTPUTS = {"deep": "letters", "W2P_shallow": "phones"}
GROUPS = {"letters": [" ", "a", "e", "s", "t"], "phones": ["aa", "ae", "m", "s", "sh", "t"]}
LAYERS = {"input": (206, 128), "layer_01": (103, 70), "layer_02": (2, None)}
PERCENTILES = (50, 90)


def times(layer, steps):
    return np.arange(steps) - (0 if steps == 2 else steps // 2)


def plant_layers(groups, output, seed):
    """Layers as :func:`snaps.profiles.compute_profiles` yields them, of random values."""
    rng = np.random.default_rng(seed)
    for layer, (steps, features) in LAYERS.items():
        features = features or len(units(output, TABLE))
        shape = len(groups), steps, features
        near = np.exp(-0.5 * (times(layer, steps) / 10.0) ** 2)[:, None]
        saliency = np.abs(rng.normal(size=shape)) * near
        activation = rng.normal(size=shape)
        arrays = {
            "time": times(layer, steps),
            "activation": activation,
            "baseline": np.zeros(shape[1:]),
            "saliency": saliency,
            "snap": activation * scale_mask(saliency),
        }
        if layer == "input":
            arrays |= {"navai": rng.normal(size=shape), "navai_time": times(layer, steps)}
        else:
            arrays["nap"] = np.sort(activation, axis=1)
        yield layer, arrays


@contextlib.contextmanager
def plant_views(folder):
    """By model and grouping the open profiles and the clusterings; the space is not clustered."""
    with contextlib.ExitStack() as stack:
        views = {}
        for model, output in OUTPUTS.items():
            for grouping in ("predicted", "annotated"):
                kind = output if grouping == "predicted" else "phones"
                groups = GROUPS[kind]
                path = folder / f"{model}_{grouping}.h5"
                attributes = {
                    "frames": 1000,
                    "blanks": 400,
                    "absent": ["zh"],
                    "mask_scale": "group",
                }
                count = np.arange(len(groups)) + 10
                layers = plant_layers(groups, output, len(views))
                write_profiles(path, groups, count, layers, attributes)
                profiles = stack.enter_context(open_profiles(path))
                kept = [k for k, group in enumerate(groups) if group != " "]
                views[model, grouping] = (
                    profiles,
                    {
                        layer: cluster_profiles(
                            [groups[k] for k in kept],
                            count[kept],
                            profiles.snap(layer)[kept],
                            PERCENTILES,
                        )
                        for layer in profiles.layers
                    },
                )
        yield views


def plant_recordings(views):
    """Three utterances of two seconds; each group has one frame in each of them."""
    symbols = {
        (model, grouping): units(OUTPUTS[model] if grouping == "predicted" else "phones", TABLE)
        for model, grouping in views
    }
    groups = {view: profiles.groups for view, (profiles, _) in views.items()}
    frames = {}
    for model, output in OUTPUTS.items():
        count = 3 * len(GROUPS["phones"])
        columns = {"utterance": np.repeat(np.arange(3), len(GROUPS["phones"]))}
        columns |= {"start": np.arange(count) % 6 * 4, "step/input": np.full(count, 103)}
        columns["logit"] = np.arange(count, dtype=float)
        for grouping, kind in (("predicted", output), ("annotated", "phones")):
            names = [GROUPS[kind][k % len(GROUPS[kind])] for k in range(count)]
            columns[grouping] = np.array([symbols[model, grouping].index(name) for name in names])
        frames[model] = columns
    names = ["one", "two", "three"]
    time = np.arange(32_000) / 16_000
    speech = {
        name: (0.1 * np.sin(2 * np.pi * 200 * (k + 1) * time)).astype(np.float32)
        for k, name in enumerate(names)
    }
    texts = {name: f"Sentence {name}." for name in names}
    segments = {name: [(8_000, "h#"), (20_000, "aa"), (32_000, "h#")] for name in names}
    return gather(frames, symbols, groups, names, texts, segments, speech.__getitem__)
