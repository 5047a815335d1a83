"""Read frames and the annotation; write contingency tables and offsets of one model."""

import numpy as np
import pandas as pd

from snaps.alignment_evaluation import (
    annotation_windows,
    evaluate_alignment,
    tabulate_units,
    write_alignment,
)
from snaps.corpus.index import split_indices
from snaps.features import open_features
from snaps.introspection.dumps import read_frames
from snaps.joblog import job
from snaps.networks import load_network

with job(snakemake.log[0]) as log, open_features(snakemake.input.features) as features:
    columns = read_frames(snakemake.input.frames)
    windows = np.concatenate(
        [
            annotation_windows(
                features.phone(index), columns["start"][columns["utterance"] == index]
            )
            for index in np.unique(columns["utterance"])
        ]
    )
    table = pd.read_csv(snakemake.input.utterances, sep="\t").set_index("utterance")
    speaker = table.loc[list(features.utterances), "speaker"].to_numpy(str)
    train = split_indices(snakemake.input.utterances, features.utterances)["train"]
    tables = evaluate_alignment(
        windows,
        columns["step/input"],
        columns["predicted"],
        load_network(snakemake.input.weights).units,
        list(features.phones),
        np.isin(columns["utterance"], train),
        speaker[columns["utterance"]],
    )
    write_alignment(snakemake.output.tables, tables)
    tabulate_units(tables).to_csv(snakemake.output.units, sep="\t", index=False)
    for part, values in tables.summary.items():
        log.info("%s: %s", part, ", ".join(f"{key} {value:.3f}" for key, value in values.items()))
