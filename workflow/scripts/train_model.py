"""Read features and transcripts; train one model and write its weights, history and settings."""

import pandas as pd
import yaml

from snaps.corpus.index import read_references, split_indices
from snaps.features import open_features
from snaps.joblog import job
from snaps.networks import load_network, save_network
from snaps.phones import read_phones, units
from snaps.training import (
    TrainingSettings,
    build_network,
    discard_checkpoints,
    encode_targets,
    train_network,
)

with job(snakemake.log[0]), open_features(snakemake.input.features) as features:
    settings = dict(snakemake.params.items())
    checkpoints, architecture = settings.pop("checkpoints"), settings.pop("architecture")
    width, block_order = settings.pop("width"), settings.pop("block_order")
    symbols = units(architecture["output"], read_phones(snakemake.input.phones))
    references = read_references(
        snakemake.input.utterances, snakemake.input.segments, architecture["output"]
    )
    parent = load_network(snakemake.input.parent) if snakemake.input.get("parent") else None
    seed = int(snakemake.wildcards.seed)
    network = build_network(architecture, symbols, width, block_order, seed, parent)
    settings |= {key: architecture[key] for key in ("trained", "transferred")} | {"seed": seed}
    targets = encode_targets(references, features.utterances, symbols)
    parts = split_indices(snakemake.input.utterances, features.utterances)
    history = train_network(
        network, features, parts["train"], parts["test"], targets,
        TrainingSettings(**settings), checkpoints,
    )  # fmt: skip
    save_network(snakemake.output.weights, network)
    pd.DataFrame(history).to_csv(snakemake.output.history, sep="\t", index=False)
    with open(snakemake.output.settings, "w", encoding="utf-8") as file:
        yaml.safe_dump({**settings, "width": width, "block_order": block_order}, file)
    discard_checkpoints(checkpoints)
