"""Read profiles and clusters of all models, and recordings where there are any; write the page."""

import contextlib
from pathlib import Path

import pandas as pd
import yaml

from snaps.clusters import read_clusters
from snaps.corpus.reader import read_audio
from snaps.explorer.page import build_page
from snaps.explorer.recordings import gather
from snaps.features import open_features
from snaps.introspection.dumps import read_frames
from snaps.joblog import job
from snaps.phones import read_phones, units
from snaps.profiles import open_profiles


def gather_recordings(files, outputs, views, table):
    """Choose from the embedded corpus, whose files the rule names."""
    with open_features(files.features) as features:
        names, phones = features.utterances, features.phones
    # A text may read "null".
    tables = [
        pd.read_csv(path, sep="\t", keep_default_na=False).set_index("utterance")
        for path in (files.utterances, files.segments, files.audio)
    ]
    texts, segments, audio = tables[0]["text"], tables[1], tables[2]["path"]
    return gather(
        {model: read_frames(path) for model, path in zip(outputs, files.frames, strict=True)},
        {
            (model, grouping): units(outputs[model], table) if grouping == "predicted" else phones
            for model, grouping in views
        },
        {view: profiles.groups for view, (profiles, _) in views.items()},
        names,
        texts,
        {
            name: list(zip(mine["end"].tolist(), mine["phone"], strict=True))
            for name, mine in segments.groupby("utterance")
        },
        lambda name: read_audio(Path(files.speech) / audio[name]),
    )


with job(snakemake.log[0]) as log, contextlib.ExitStack() as stack:
    files, params = snakemake.input, snakemake.params
    table = read_phones(files.phones)
    views = {
        tuple(view.split("/")): (stack.enter_context(open_profiles(profiles)), read_clusters(trees))
        for view, profiles, trees in zip(params.views, files.profiles, files.clusters, strict=True)
    }
    recordings = None
    if "speech" in files.keys():  # noqa: SIM118 (not a mapping)
        recordings = gather_recordings(files, params.outputs, views, table)
    citation = yaml.safe_load(Path(files.citation).read_text(encoding="utf-8"))
    page, facts = build_page(
        views, params.outputs, table, params.corpus, params.seed, citation, recordings
    )
    Path(snakemake.output.page).write_text(page, encoding="utf-8")
    log.info(
        "%d bytes; at most %d features of a hidden layer; models left out: %s",
        facts["bytes"],
        facts["features"],
        ", ".join(facts["left_out"]) or "none",
    )
