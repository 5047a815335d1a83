"""Read a model and the features of a shard; write its maps, frames and alignment steps."""

import h5py

from snaps.introspection.dumps import DumpWriter, concatenate_frames, write_frames
from snaps.introspection.shards import open_shard
from snaps.joblog import job, progress

paths = {name: snakemake.input[name] for name in ("features", "utterances", "weights")}
settings = dict(snakemake.params.items()) | {"shard": snakemake.wildcards.shard}
with (
    job(snakemake.log[0]) as log,
    open_shard(**paths, **settings) as shard,
    h5py.File(snakemake.output.dump, "w") as file,
):
    writer, columns = DumpWriter(file, shard.frame, shard.layout), []
    for batch in progress(shard.batches(), shard.batch_count, "batches"):
        writer.append(batch.maps)
        columns.append(batch.columns)
    write_frames(snakemake.output.frames, concatenate_frames(columns))
    log.info("%d frames", len(shard.frame))
