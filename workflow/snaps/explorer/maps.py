"""What the explorer shows of a layer: which steps and features, rounded, and its tree."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import squareform

from snaps.clusters import Clustering
from snaps.features import SECONDS_PER_STEP
from snaps.figures.clusters import ClusterView, cluster_colours, lay_out_tree
from snaps.frames import FRAME_HOP
from snaps.profiles import Profiles

# Steps of 16 ms on either side of the alignment step. Every second step of the input is one; a
# spectrum there is that of 32 ms of speech.
WINDOW_STEPS = 20
STEP_MS = 1000 * FRAME_HOP * SECONDS_PER_STEP
# A map is rounded to this many equal parts of its largest absolute value.
LEVELS = 63
# More rows than this cannot be told apart in a map.
READABLE = 64
DISTANCE_LEVELS = 2**16 - 1
DIGITS = 4


def quantise(values: np.ndarray, levels: int = LEVELS) -> tuple[np.ndarray, np.ndarray]:
    """Round each map to equal parts of its largest absolute value.

    Parameters
    ----------
    values : (G, ...) maps
    levels : parts, at most 127

    Returns
    -------
    codes (G, ...) int8 in -levels ... levels, and scale (G,): the largest absolute value of each
    map. ``codes * scale / levels`` differs from `values` by at most ``scale / (2 * levels)``.
    """
    flat = np.abs(values).reshape(len(values), -1)
    scale = flat.max(axis=1, initial=0.0).astype(np.float64)
    divisor = np.where(scale > 0, scale, 1.0).reshape(-1, *[1] * (values.ndim - 1))
    return np.rint(values * (levels / divisor)).astype(np.int8), scale


def layer_hop(layer: str) -> int:
    """Steps of a layer in 16 ms: two of the input, one of any other layer."""
    return FRAME_HOP if layer == "input" else 1


def shown_steps(time: np.ndarray, layer: str) -> np.ndarray:
    """Mark the steps of a layer that are shown: every 16 ms, up to `WINDOW_STEPS` of them away.

    Parameters
    ----------
    time : (T,) int, steps relative to the alignment step: 8 ms in the input, 16 ms elsewhere
    """
    hop = layer_hop(layer)
    return (time % hop == 0) & (np.abs(time) <= hop * WINDOW_STEPS)


def feature_shares(snaps: np.ndarray) -> np.ndarray:
    """Share of each feature in the squared SNAPs, averaged over groups.

    Every group counts alike, be it large or small; one whose SNAP is zero counts nothing.

    Parameters
    ----------
    snaps : (G, T, C)

    Returns
    -------
    (C,) that sums to one, or all zero where every SNAP is
    """
    squares = np.square(snaps, dtype=np.float64).sum(axis=1)
    totals = squares.sum(axis=1, keepdims=True)
    present = totals[:, 0] > 0
    if not present.any():
        return np.zeros(snaps.shape[2])
    return (squares[present] / totals[present]).mean(axis=0)


def choose_features(snaps: np.ndarray, limit: int) -> np.ndarray:
    """Choose the features with the largest shares in the squared SNAPs, the lower of equals.

    Parameters
    ----------
    snaps : (G, T, C)
    limit : most features to choose

    Returns
    -------
    (min(C, limit),) ascending indices
    """
    order = np.argsort(-feature_shares(snaps), kind="stable")
    return np.sort(order[:limit])


def feature_limit(limit: int, steps: int) -> int:
    """Most features of a layer: as many cells as `limit` features have in a whole window.

    A layer of few steps shows more features than `limit`, up to `READABLE`.

    Parameters
    ----------
    limit : most features of a layer whose steps fill the window
    steps : steps of the layer that are shown
    """
    return max(limit, min(READABLE, limit * (2 * WINDOW_STEPS + 1) // steps))


def window_share(snaps: np.ndarray, kept: np.ndarray) -> float:
    """Share of the squared SNAPs that lies at some steps, averaged over groups; 0 if all are zero.

    Parameters
    ----------
    snaps : (G, T, C)
    kept : (T,) bool
    """
    return float(feature_shares(snaps.transpose(0, 2, 1))[kept].sum())


def describe_tree(clustering: Clustering) -> dict:
    """Give a dendrogram and its clusters at every percentile as plain values.

    Returns
    -------
    ``leaves`` (G,) groups by place; ``place`` and ``height`` of each merge's bracket, the left,
    the right and, of the heights, the upper end; ``cuts``: by percentile the height of the cut,
    the cluster of each place, the cluster of each merge (0 above the cut), the colour of each
    cluster from 0, and the Silhouette score or None
    """
    cuts, tree = [], None
    for row, percentile in enumerate(clustering.percentiles):
        view = ClusterView("", "", clustering, percentile, {})
        tree = lay_out_tree(view)
        colours = cluster_colours(tree)
        score = float(clustering.silhouette[row])
        cuts.append(
            {
                "percentile": float(percentile),
                "height": round_value(clustering.cut[row]),
                "cluster": tree.cluster.tolist(),
                "merged": tree.merged.tolist(),
                "colours": [colours[number] for number in sorted(colours)],
                "silhouette": None if np.isnan(score) else round_value(score),
            }
        )
    return {
        "leaves": [clustering.groups[leaf] for leaf in tree.leaves],
        "place": tree.place[:, [0, 2]].tolist(),
        "height": [[round_value(h) for h in row] for row in tree.height[:, [0, 1, 3]]],
        "cuts": cuts,
    }


def round_value(value: float) -> float:
    """Round to `DIGITS` significant digits."""
    return float(f"{float(value):.{DIGITS}g}")


def pack_layer(
    profiles: Profiles, layer: str, clustering: Clustering, limit: int
) -> tuple[bytes, int]:
    """Pack what is shown of one layer for :func:`unpack_layer` and the page's script.

    SNAPs are not packed: they are activation times mask, at the steps and features shown too.

    Parameters
    ----------
    limit : most features of a hidden layer, see :func:`feature_limit`; the input shows all

    Returns
    -------
    a zlib stream, and the number of the layer's features. In the stream: length of the header
    (4 bytes, little end first); header as JSON; int8 codes of each map in turn, (G, features,
    steps); uint16 codes of the distances between the groups clustered, condensed as by scipy,
    little end first. In the header ``maps`` names the maps and gives their scales; ``steps`` are
    in units of 16 ms; ``features`` of ``size`` are shown; ``shares`` are those of the squared
    SNAPs between the first and the last step shown, and in the features shown.
    """
    time, snaps = profiles.time(layer), profiles.snap(layer)
    hop = layer_hop(layer)
    size = snaps.shape[2]
    steps = time[shown_steps(time, layer)] // hop
    if layer == "input":
        features = np.arange(size)
    else:
        features = choose_features(snaps, feature_limit(limit, len(steps)))
    arrays = {"activation": profiles.activation(layer), "mask": profiles.mask(layer)}
    times = dict.fromkeys(arrays, time)
    if layer == "input":
        arrays["navai"], times["navai"] = profiles.navai(), profiles.navai_time()
    codes, scales = [], {}
    for name, values in arrays.items():
        shown = values[:, shown_steps(times[name], layer)][:, :, features]
        coded, scale = quantise(shown.transpose(0, 2, 1))
        codes.append(coded.tobytes())
        scales[name] = [round_value(value) for value in scale]
    condensed = squareform(clustering.distance, checks=False)
    farthest = float(condensed.max())
    distances = np.rint(condensed * (DISTANCE_LEVELS / (farthest or 1.0))).astype("<u2")
    header = {
        "maps": scales,
        "steps": steps.tolist(),
        "features": features.tolist(),
        "size": size,
        "shares": {
            "steps": round_value(window_share(snaps, np.abs(time) <= hop * WINDOW_STEPS)),
            "features": round_value(feature_shares(snaps)[features].sum()),
        },
        "clustered": clustering.groups,
        "farthest": round_value(farthest),
        "tree": describe_tree(clustering),
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    length = len(text).to_bytes(4, "little")
    return zlib.compress(b"".join([length, text, *codes, distances.tobytes()]), 9), size


def unpack_layer(packed: bytes) -> tuple[dict, dict[str, np.ndarray], np.ndarray]:
    """Unpack a layer as the page's script does.

    Returns
    -------
    header; by name the maps (G, features, steps) float64, ``snap`` included; distances (K, K)
    """
    data = zlib.decompress(packed)
    start = 4 + int.from_bytes(data[:4], "little")
    header = json.loads(data[4:start])
    maps = {}
    for name, scale in header["maps"].items():
        shape = len(scale), len(header["features"]), len(header["steps"])
        count = int(np.prod(shape))
        codes = np.frombuffer(data, np.int8, count, start).reshape(shape)
        maps[name] = codes * (np.array(scale) / LEVELS)[:, None, None]
        start += count
    maps["snap"] = maps["activation"] * maps["mask"]
    distance = np.frombuffer(data, "<u2", offset=start) * (header["farthest"] / DISTANCE_LEVELS)
    return header, maps, squareform(distance)


def to_text(packed: bytes) -> str:
    """Write bytes as base64, which may stand inside a script element."""
    return base64.b64encode(packed).decode()


def colour_stops(colours: Sequence[Sequence[float]], stops: int = 33) -> list[list]:
    """Thin out a list of RGB colours in [0, 1] to the stops of a plotly colour scale.

    Parameters
    ----------
    colours : (N, 3) or more columns, from the lowest value to the highest
    stops : odd, so that the middle colour is one of them
    """
    at = np.rint(np.linspace(0, len(colours) - 1, stops)).astype(int)
    return [
        [
            round(index / (len(colours) - 1), 6),
            "rgb({},{},{})".format(*(round(255 * part) for part in colours[index][:3])),
        ]
        for index in at.tolist()
    ]
