"""Read the profiles of both groupings; write the clusterings of all layers and their scores."""

import pandas as pd

from snaps.clusters import cluster_profiles, tabulate_silhouette, write_clusters
from snaps.joblog import job, progress
from snaps.profiles import open_profiles

params, tables = snakemake.params, []
with job(snakemake.log[0]) as log:
    for grouping in ("predicted", "annotated"):
        with open_profiles(snakemake.input[grouping]) as profiles:
            kept = [k for k, g in enumerate(profiles.groups) if g not in params.exclude]
            groups, count = [profiles.groups[k] for k in kept], profiles.count[kept]
            inner = [layer for layer in profiles.layers if layer != "input"]
            clusterings = {
                profile: {
                    layer: cluster_profiles(groups, count, read(layer)[kept], params.percentiles)
                    for layer in progress(layers, desc=f"layers, {grouping}, {profile}")
                }
                for profile, layers, read in (
                    ("SNAP", profiles.layers, profiles.snap),
                    ("NAP", inner, profiles.nap),
                )
            }
        write_clusters(snakemake.output[grouping], clusterings)
        tables += [tabulate_silhouette(grouping, *item) for item in clusterings.items()]
    pd.concat(tables).to_csv(snakemake.output.silhouette, sep="\t", index=False)
