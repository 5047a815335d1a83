"""Write Table 1. Reads the networks from the configuration alone."""

from snaps.joblog import job
from snaps.tables import study_filters, tabulate_architectures, write_table

with job(snakemake.log[0]):
    models = snakemake.params.models
    table = tabulate_architectures(models, study_filters(models, snakemake.params.width))
    write_table(table, *snakemake.output)
