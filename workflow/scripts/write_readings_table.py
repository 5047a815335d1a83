"""Write the table of readings. Reads the settings, their defaults and the paper's words."""

import pandas as pd
import yaml

from snaps.joblog import job
from snaps.settings import tabulate_readings
from snaps.tables import write_table

with job(snakemake.log[0]):
    readings = pd.read_csv(snakemake.input.readings, sep="\t", dtype=str, keep_default_na=False)
    with open(snakemake.input.defaults, encoding="utf-8") as file:
        defaults = yaml.safe_load(file)
    table = tabulate_readings(readings, snakemake.params.settings, defaults)
    write_table(table, *snakemake.output)
