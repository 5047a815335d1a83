"""Write the table of alignment accuracy. Reads the alignment tables of the phone models."""

from itertools import product

from snaps.alignment_evaluation import read_alignment
from snaps.joblog import job
from snaps.tables import tabulate_alignment, write_table

with job(snakemake.log[0]):
    keys = product(snakemake.params.models, snakemake.params.seeds)
    alignment = [read_alignment(path) for path in snakemake.input.alignment]
    table = tabulate_alignment(dict(zip(keys, alignment, strict=True)))
    write_table(table, *snakemake.output)
