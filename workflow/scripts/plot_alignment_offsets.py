"""Draw figure 2. Reads the alignment tables of the phone models."""

from snaps.alignment_evaluation import read_alignment
from snaps.figures.offsets import plot_alignment_offsets
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import read_phones

with job(snakemake.log[0]):
    models = zip(snakemake.params.models, snakemake.input.alignment, strict=True)
    tables = {model: read_alignment(path) for model, path in models}
    manner = read_phones(snakemake.input.phones).manner
    drawn = plot_alignment_offsets(tables, manner, snakemake.params.corpus)
    save_figure(*drawn, *snakemake.output)
