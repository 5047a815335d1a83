"""The explorer: a study's maps, trees and scores as one HTML page that needs nothing else."""

from __future__ import annotations

import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex

from snaps.clusters import Clustering
from snaps.errors import StudyError
from snaps.explorer.maps import (
    DISTANCE_LEVELS,
    LEVELS,
    READABLE,
    STEP_MS,
    WINDOW_STEPS,
    colour_stops,
    pack_layer,
    round_value,
    to_text,
)
from snaps.features import SECONDS_PER_STEP, mel_frequencies
from snaps.figures.silhouette import MEAN, layer_number, score_table
from snaps.figures.style import (
    DIVERGING,
    INTENSITY,
    MANNER_COLOURS,
    SHARE,
    TEXT,
    corpus_remark,
    ordinal,
)
from snaps.frames import FRAME_STEPS
from snaps.phones import PhoneTable, units
from snaps.profiles import Profiles

TEMPLATE = Path(__file__).parent
# The bundle without maps and three dimensions, of npm's plotly.js-cartesian-dist-min: the whole
# library would take a browser a second to start.
PLOTLY = "plotly-cartesian.min.js"
# A page larger than this shows fewer features of hidden layers, then fewer models.
PAGE_BYTES = 15_000_000
FEATURES = (24, 20, 16, 12, 8)
FIRST_MODEL = "W2P_shallow"
FIRST_GROUPING = "annotated"
FIRST_GROUPS = {"letters": ("a", "s"), "phones": ("aa", "s")}

Views = Mapping[tuple[str, str], tuple[Profiles, Mapping[str, Clustering]]]


def layer_label(layer: str, layers: Sequence[str]) -> str:
    """Write a layer for readers: "Input", "Layer 5", and "Layer 12 (output)" for the last."""
    if layer == "input":
        return "Input"
    return f"Layer {layer_number(layer)}{' (output)' if layer == layers[-1] else ''}"


def first_groups(groups: Sequence[str], count: np.ndarray, wanted: Sequence[str]) -> list[str]:
    """Choose the two groups that the page begins with: those wanted, or the most frequent ones.

    Parameters
    ----------
    groups, count : (G,) names and frames
    wanted : names that are taken if they are there
    """
    frequent = [groups[k] for k in np.argsort(-np.asarray(count), kind="stable")]
    return [
        *(name for name in wanted if name in groups),
        *(g for g in frequent if g not in wanted),
    ][:2]


def describe_grouping(profiles: Profiles, clusterings: Mapping[str, Clustering], kind: str) -> dict:
    """Give what the page says of one grouping of one model as plain values.

    Parameters
    ----------
    kind : "letters" or "phones"
    """
    scores = score_table(clusterings)
    return {
        "kind": kind,
        "groups": profiles.groups,
        "count": [int(count) for count in profiles.count],
        "first": first_groups(profiles.groups, profiles.count, FIRST_GROUPS[kind]),
        **{name: profiles.attrs[name] for name in ("frames", "blanks", "absent", "mask_scale")},
        "scores": {
            "mean" if name == MEAN else f"{name:g}": [
                None if np.isnan(value) else round_value(value) for value in scores[name]
            ]
            for name in scores
        },
    }


def describe_models(views: Views, outputs: Mapping[str, str], table: PhoneTable) -> list[dict]:
    """Give what the page says of each model as plain values.

    Parameters
    ----------
    views : by model and grouping the profiles and, by layer, the clusterings
    outputs : "letters" or "phones" for each model
    """
    models = []
    for model, output in outputs.items():
        layers = views[model, FIRST_GROUPING][0].layers
        models.append(
            {
                "name": model,
                "layers": [{"name": name, "label": layer_label(name, layers)} for name in layers],
                "units": units(output, table),
                "groupings": {
                    grouping: describe_grouping(
                        *view, output if grouping == "predicted" else "phones"
                    )
                    for (owner, grouping), view in views.items()
                    if owner == model
                },
            }
        )
    return models


def describe_colours(percentiles: int) -> dict:
    """Give the colours of the figures as plotly and CSS take them.

    Parameters
    ----------
    percentiles : number of lines of Silhouette scores
    """
    at = np.linspace(0.0, 0.85, percentiles) if percentiles > 1 else [0.0]
    return {
        "diverging": colour_stops(DIVERGING.colors),
        "share": colour_stops(SHARE.colors),
        "manner": MANNER_COLOURS,
        "text": TEXT,
        "percentiles": [to_hex(INTENSITY(float(place))) for place in at],
    }


def cite(citation: Mapping) -> list[str]:
    """Write the references of a CITATION.cff: the paper, then the software.

    Parameters
    ----------
    citation : its content; the first of ``references`` is the paper
    """
    paper = citation["references"][0]
    names = [
        f"{author['family-names']}, {author['given-names'][0]}." for author in paper["authors"]
    ]
    return [
        f"{'; '.join(names)} {paper['title']}. {paper['journal']} {paper['year']}, "
        f"{paper['volume']}({paper['issue']}), {paper['start']}. https://doi.org/{paper['doi']}",
        f"{'; '.join(author['name'] for author in citation['authors'])}. {citation['title']}. "
        f"Version {citation['version']}.",
    ]


def pack_views(views: Views, models: Sequence[str]) -> Iterator[tuple[int, list[str], dict]]:
    """Pack the layers of ever fewer features and, once these are few, of ever fewer models.

    Yields
    ------
    most features of a hidden layer; models; by "model/grouping/layer" the packed layer
    """
    packed: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    for limit in FEATURES:
        for (model, grouping), (profiles, clusterings) in views.items():
            for layer, clustering in clusterings.items():
                name = f"{model}/{grouping}/{layer}"
                # A layer that is shown whole stays as it is.
                if name not in packed or (layer != "input" and sizes[name] > limit):
                    packed[name], sizes[name] = pack_layer(profiles, layer, clustering, limit)
        yield limit, list(models), packed
    for kept in range(len(models) - 1, 0, -1):
        chosen = list(models[:kept])
        yield limit, chosen, {n: v for n, v in packed.items() if n.split("/")[0] in chosen}


def write_json(values: object) -> str:
    """Write plain values as JSON that may stand inside a script element."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def data_element(name: str, text: str) -> str:
    """Put text that a browser is not to run into a script element."""
    return f'<script type="text/plain" data-name="{html.escape(name)}">{text}</script>\n'


def fill(template: str, parts: Mapping[str, str]) -> str:
    """Put each part in the place of its marker, ``<!--{name}-->``, which has to occur once."""
    pieces = re.split(r"<!--\{(\w+)\}-->", template)
    if sorted(pieces[1::2]) != sorted(parts):
        raise StudyError(f"the explorer's template needs once each: {', '.join(parts)}")
    return "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))


def library_version(source: str) -> str:
    """Read the version of plotly.js in the comment that its source begins with.

    Raises
    ------
    StudyError : there is none.
    """
    found = re.match(r"/\*\*\s+\* plotly\.js [^\n]*v(\d+\.\d+\.\d+)\n", source)
    if not found:
        raise StudyError(
            f"{TEMPLATE / PLOTLY} does not begin with the name and version of plotly.js: take the "
            "file of that name from npm's plotly.js-cartesian-dist-min"
        )
    return found[1]


def build_page(
    views: Views,
    outputs: Mapping[str, str],
    table: PhoneTable,
    corpus: str,
    seed: int | str,
    citation: Mapping,
    recordings: tuple[dict, Mapping[str, bytes]] | None = None,
    page_bytes: int = PAGE_BYTES,
) -> tuple[str, dict]:
    """Build the page.

    Parameters
    ----------
    views : by model and grouping the profiles and, by layer, the clusterings
    outputs : "letters" or "phones" for each model, in the order of the page
    corpus : its name; seed : of the trainings
    citation : content of CITATION.cff
    recordings : as from :func:`snaps.explorer.recordings.gather`: only of the embedded corpus
    page_bytes : most bytes of the page

    Returns
    -------
    the page; and what had to be left out: ``features``, the most that a hidden layer shows, and
    ``left_out``, models

    Raises
    ------
    StudyError : a page of one model and few features is too large still.
    """
    source = (TEMPLATE / PLOTLY).read_text(encoding="utf-8")
    percentiles = {
        float(value)
        for _, clusterings in views.values()
        for clustering in clusterings.values()
        for value in clustering.percentiles
    }
    study = {
        "corpus": corpus,
        "remark": corpus_remark(corpus),
        "seed": seed,
        "window_steps": WINDOW_STEPS,
        "step_ms": STEP_MS,
        "frame_seconds": FRAME_STEPS * SECONDS_PER_STEP,
        "levels": LEVELS,
        "readable": READABLE,
        "distance_levels": DISTANCE_LEVELS,
        "mel_hz": [round(float(hz)) for hz in mel_frequencies()],
        "colours": describe_colours(len(percentiles)),
        "manner": table.manner,
        "percentiles": sorted(percentiles),
        "places": [ordinal(value) for value in sorted(percentiles)],
        "first_grouping": FIRST_GROUPING,
        "citation": cite(citation),
        "plotly": library_version(source),
        "recordings": recordings[0] if recordings else None,
    }
    sound = recordings[1] if recordings else {}
    library = to_text(zlib.compress(source.encode(), 9))
    for limit, models, packed in pack_views(views, list(outputs)):
        left_out = [model for model in outputs if model not in models]
        kept = {model: outputs[model] for model in models}
        about = study | {
            "models": describe_models(views, kept, table),
            "first_model": FIRST_MODEL if FIRST_MODEL in models else models[0],
            "features": limit,
            "left_out": left_out,
        }
        page = fill(
            (TEMPLATE / "page.html").read_text(encoding="utf-8"),
            {
                "title": html.escape(f"SNAP explorer: {corpus}, seed {seed}"),
                "style": (TEMPLATE / "page.css").read_text(encoding="utf-8"),
                "study": write_json(about),
                "layers": "".join(data_element(n, to_text(v)) for n, v in packed.items()),
                "recordings": "".join(data_element(n, to_text(v)) for n, v in sound.items()),
                "plotly": data_element("plotly", library),
                "script": (TEMPLATE / "page.js").read_text(encoding="utf-8"),
            },
        )
        size = len(page.encode())
        if size <= page_bytes:
            return page, {"features": limit, "left_out": left_out, "bytes": size}
    raise StudyError(
        f"the explorer would take {size:,} bytes with one model and {limit} features a layer, and "
        f"may take {page_bytes:,}: the study has too many groups or recordings for it"
    )
