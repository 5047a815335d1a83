"""Write the table of error rates. Reads the error rates of every model and seed."""

from itertools import product

import pandas as pd

from snaps.joblog import job
from snaps.tables import tabulate_errors, write_table

with job(snakemake.log[0]):
    keys = product(snakemake.params.models, snakemake.params.seeds)
    metrics = [pd.read_csv(path, sep="\t") for path in snakemake.input.metrics]
    table = tabulate_errors(dict(zip(keys, metrics, strict=True)))
    write_table(table, *snakemake.output)
