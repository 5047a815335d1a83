"""Read the profiles of both groupings; write the clusterings of all layers and their scores."""

import pandas as pd

from snaps.clusters import cluster_profiles, tabulate_silhouette, write_clusters
from snaps.joblog import job, progress
from snaps.profiles import open_profiles

tables = []
with job(snakemake.log[0]) as log:
    for grouping in ("predicted", "annotated"):
        with open_profiles(snakemake.input[grouping]) as profiles:
            kept = [k for k, g in enumerate(profiles.groups) if g not in snakemake.params.exclude]
            groups = [profiles.groups[k] for k in kept]
            clusterings = {
                layer: cluster_profiles(
                    groups, profiles.snap(layer)[kept], tuple(snakemake.params.percentiles)
                )
                for layer in progress(profiles.layers, desc=f"layers, {grouping}")
            }
        write_clusters(snakemake.output[grouping], clusterings)
        tables.append(tabulate_silhouette(grouping, clusterings))
    pd.concat(tables).to_csv(snakemake.output.silhouette, sep="\t", index=False)
