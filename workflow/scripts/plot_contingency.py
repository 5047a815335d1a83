"""Draw figure 3. Reads the alignment tables of one phone model."""

from snaps.alignment_evaluation import read_alignment
from snaps.figures.contingency import plot_contingency
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import read_phones

with job(snakemake.log[0]):
    params = snakemake.params
    tables = read_alignment(snakemake.input.alignment)
    drawn = plot_contingency(
        tables.contingency_aligned,
        tables.predicted,
        tables.annotated,
        read_phones(snakemake.input.phones).manner,
        params.model,
        params.corpus,
    )
    save_figure(*drawn, *snakemake.output)
