"""Draw figures 6 and 7. Reads the clusterings of the transfer models and of W2L by phone."""

from snaps.clusters import read_clusters
from snaps.figures.clusters import plot_clustermaps, plot_dendrograms, transfer_views
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import read_phones

with job(snakemake.log[0]):
    params = snakemake.params
    models = zip(params.models, snakemake.input.clusters, strict=True)
    clusterings = {model: read_clusters(path) for model, path in models}
    manner = read_phones(snakemake.input.phones).manner
    views, criterion = transfer_views(clusterings, params.shown, params.transition, manner)
    if params.trees:
        figure, facts = plot_dendrograms([[view] for view in views], params.corpus)
    else:
        figure, facts = plot_clustermaps(views, params.corpus)
    save_figure(figure, f"{criterion} {facts}", *snakemake.output)
