"""Draw figure S1. Reads the clusterings of SNAPs and of NAPs of several models and groupings."""

from snaps.clusters import read_clusters
from snaps.figures.silhouette import plot_silhouette_naps
from snaps.figures.style import save_figure
from snaps.joblog import job

with job(snakemake.log[0]):
    shown = zip(map(tuple, snakemake.params.shown), snakemake.input.clusters, strict=True)
    clusterings = {
        key: {profile: read_clusters(path, profile) for profile in ("SNAP", "NAP")}
        for key, path in shown
    }
    save_figure(*plot_silhouette_naps(clusterings, snakemake.params.corpus), *snakemake.output)
