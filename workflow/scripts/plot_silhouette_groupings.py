"""Draw figure 8. Reads one model's clusterings by predicted letter and by annotated phone."""

from snaps.clusters import read_clusters
from snaps.figures.silhouette import plot_silhouette_groupings
from snaps.figures.style import save_figure
from snaps.joblog import job

with job(snakemake.log[0]):
    params = snakemake.params
    clusterings = {
        grouping: read_clusters(snakemake.input[grouping])
        for grouping in ("predicted", "annotated")
    }
    drawn = plot_silhouette_groupings(clusterings, params.model, params.corpus)
    save_figure(*drawn, *snakemake.output)
