"""Read the group sums of all shards; write the profiles of one grouping."""

import numpy as np

from snaps.introspection.dumps import read_frames
from snaps.joblog import job, progress
from snaps.profiles import compute_profiles, read_sums, write_profiles

grouping, settings = snakemake.wildcards.grouping, dict(snakemake.params.items())
with job(snakemake.log[0]) as log:
    sums = read_sums(snakemake.input.sums[0], grouping)
    for part in progress(snakemake.input.sums[1:], desc="shards"):
        sums.add(read_sums(part, grouping))
    groups = [name for name, frames in zip(sums.names, sums.count, strict=True) if frames]
    absent = [name for name in sums.names if name not in groups]
    predicted = read_frames(snakemake.input.frames)["predicted"]
    attributes = dict(snakemake.wildcards.items()) | settings | {"absent": absent}
    attributes["seed"] = int(snakemake.wildcards.seed)
    attributes |= {"frames": sums.frames, "blanks": int(np.sum(predicted == 0))}
    del settings["corpus"]
    layers = compute_profiles(sums, **settings)
    count = sums.count[sums.count > 0]
    write_profiles(snakemake.output.profiles, groups, count, layers, attributes)
    log.info("%d groups with frames; without: %s", len(groups), ", ".join(absent) or "none")
