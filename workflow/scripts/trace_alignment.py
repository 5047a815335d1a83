"""Read a model, its frames and the features; write one frame's way through the alignment."""

import h5py
import torch

from snaps.features import open_features
from snaps.introspection.alignment import AlignmentSettings
from snaps.introspection.dumps import read_frames
from snaps.introspection.extraction import choose_example, read_signal, trace_alignment
from snaps.introspection.reference import ReferenceExtractor
from snaps.joblog import job
from snaps.networks import load_network

params = snakemake.params
with job(snakemake.log[0]) as log, open_features(snakemake.input.features) as features:
    extract = ReferenceExtractor(load_network(snakemake.input.weights))
    columns = read_frames(snakemake.input.frames)
    row = choose_example(columns["predicted"], columns["logit"], extract.network.units)
    utterance, start = (columns[name][row : row + 1] for name in ("utterance", "start"))
    signal, starts, _ = (torch.from_numpy(a) for a in read_signal(features, utterance, start))
    settings = AlignmentSettings(**params.alignment)
    traced = trace_alignment(extract(signal, starts), extract.layout, settings, params.layers)
    with h5py.File(snakemake.output.example, "w") as file:
        file.attrs["model"] = snakemake.wildcards.model
        file.attrs["utterance"] = features.utterances[utterance[0]]
        file.attrs["start"] = int(start[0])
        file.attrs["predicted"] = extract.network.units[columns["predicted"][row]]
        for layer, stages in traced.items():
            file.create_group(layer).attrs["step"] = int(stages.pop("step"))
            for name, values in stages.items():
                file[layer].create_dataset(name, data=values)
    log.info("%s, step %d", features.utterances[utterance[0]], start[0])
