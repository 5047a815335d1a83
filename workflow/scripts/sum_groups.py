"""Read the dump of a shard and its alignment steps; write the sums of every group."""

import torch

from snaps.features import open_features
from snaps.introspection.dumps import read_dump, read_frames
from snaps.introspection.extraction import frame_steps
from snaps.introspection.group_sums import GroupSums, write_sums
from snaps.introspection.layout import frame_layout
from snaps.joblog import job, progress
from snaps.networks import load_network

params = snakemake.params
with job(snakemake.log[0]), open_features(snakemake.input.features) as features:
    torch.set_num_threads(params.threads)
    network = load_network(snakemake.input.weights)
    columns = read_frames(snakemake.input.frames)
    symbols = {"predicted": network.units, "annotated": features.phones}
    sums = GroupSums(symbols, frame_layout(network))
    batches = read_dump(snakemake.input.dump, params.batch)
    for rows, maps in progress(batches, -(-len(columns["start"]) // params.batch), "batches"):
        mine = {name: values[rows] for name, values in columns.items()}
        sums.add(maps, frame_steps(mine), mine)
    write_sums(snakemake.output.sums, sums)
