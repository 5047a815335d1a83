"""Draw figures 9 and 10. Reads one model's clusterings by predicted letter and annotated phone."""

from snaps.clusters import read_clusters
from snaps.figures.clusters import grouping_views, plot_clustermaps, plot_dendrograms
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import read_phones

with job(snakemake.log[0]):
    params = snakemake.params
    views, criterion = grouping_views(
        read_clusters(snakemake.input.predicted),
        read_clusters(snakemake.input.annotated),
        params.transition,
        read_phones(snakemake.input.phones).manner,
    )
    if params.trees:
        letters, phones, letters_out, phones_out = views
        columns = [[letters, letters_out], [phones], [phones_out]]
        figure, facts = plot_dendrograms(columns, params.corpus)
    else:
        figure, facts = plot_clustermaps(views, params.corpus, shared=[(0, 1), (2, 3)])
    save_figure(figure, f"{criterion} {facts}", *snakemake.output)
