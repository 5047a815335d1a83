"""Draw figure 5. Reads the clusterings of several models, by annotated phone."""

from snaps.clusters import read_clusters
from snaps.figures.silhouette import plot_silhouette_models
from snaps.figures.style import save_figure
from snaps.joblog import job

with job(snakemake.log[0]):
    params = snakemake.params
    models = zip(params.models, snakemake.input.clusters, strict=True)
    clusterings = {model: read_clusters(path) for model, path in models}
    drawn = plot_silhouette_models(clusterings, params.transition, params.groups, params.corpus)
    save_figure(*drawn, *snakemake.output)
