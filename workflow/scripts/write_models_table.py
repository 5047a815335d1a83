"""Write Table 2. Reads the networks from the configuration alone."""

from snaps.joblog import job
from snaps.tables import tabulate_models, write_table

with job(snakemake.log[0]):
    table = tabulate_models(snakemake.params.models)
    write_table(table, *snakemake.output)
