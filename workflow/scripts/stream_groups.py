"""Read a model and the features of a shard; write its frames and the sums of every group.

The maps of some layers are written too where the rule has a dump among its outputs.
"""

from contextlib import nullcontext

import h5py

from snaps.introspection.dumps import DumpWriter, concatenate_frames, write_frames
from snaps.introspection.group_sums import GroupSums, write_sums
from snaps.introspection.shards import open_shard
from snaps.joblog import job, progress

paths = {name: snakemake.input[name] for name in ("features", "utterances", "weights")}
settings = dict(snakemake.params.items()) | {"shard": snakemake.wildcards.shard}
dumped, dump = settings.pop("dumped"), snakemake.output.get("dump")
with (
    job(snakemake.log[0]) as log,
    open_shard(**paths, **settings) as shard,
    h5py.File(dump, "w") if dump else nullcontext() as file,
):
    if dump:
        layers = [layer for layer in shard.layout if layer in dumped]
        writer = DumpWriter(file, shard.frame, shard.layout, layers)
    sums, columns = GroupSums(shard.symbols, shard.layout, shard.device), []
    for batch in progress(shard.batches(), shard.batch_count, "batches"):
        if dump:
            writer.append(batch.maps)
        sums.add(batch.maps, batch.steps, batch.columns)
        columns.append(batch.columns)
    write_frames(snakemake.output.frames, concatenate_frames(columns))
    write_sums(snakemake.output.sums, sums)
    log.info("%d frames", len(shard.frame))
