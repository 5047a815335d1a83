"""Read a model and the features of a shard; write its frames and the sums of every group."""

from snaps.introspection.dumps import concatenate_frames, write_frames
from snaps.introspection.group_sums import GroupSums, write_sums
from snaps.introspection.shards import open_shard
from snaps.joblog import job, progress

paths = {name: snakemake.input[name] for name in ("features", "utterances", "weights")}
settings = dict(snakemake.params.items()) | {"shard": snakemake.wildcards.shard}
with job(snakemake.log[0]) as log, open_shard(**paths, **settings) as shard:
    sums, columns = GroupSums(shard.symbols, shard.layout, shard.device), []
    for batch in progress(shard.batches(), shard.batch_count, "batches"):
        sums.add(batch.maps, batch.steps, batch.columns)
        columns.append(batch.columns)
    write_frames(snakemake.output.frames, concatenate_frames(columns))
    write_sums(snakemake.output.sums, sums)
    log.info("%d frames", len(shard.frame))
