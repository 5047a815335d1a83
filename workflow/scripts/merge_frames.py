"""Read the frames of all shards; write them as one file."""

from snaps.introspection.dumps import concatenate_frames, read_frames, write_frames
from snaps.joblog import job

with job(snakemake.log[0]) as log:
    columns = concatenate_frames(read_frames(part) for part in snakemake.input.parts)
    write_frames(snakemake.output.frames, columns)
    log.info("%d frames", len(columns["start"]))
