"""Draw figure S2. Reads the alignment tables of the phone models."""

from snaps.alignment_evaluation import read_alignment
from snaps.figures.gain import plot_alignment_gain
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import read_phones

with job(snakemake.log[0]):
    models = zip(snakemake.params.models, snakemake.input.alignment, strict=True)
    tables = {model: read_alignment(path) for model, path in models}
    manner = read_phones(snakemake.input.phones).manner
    save_figure(*plot_alignment_gain(tables, manner, snakemake.params.corpus), *snakemake.output)
