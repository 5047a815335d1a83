"""Write the table of frames and groups. Reads the profiles of every model, seed and grouping."""

from snaps.joblog import job
from snaps.profiles import open_profiles
from snaps.tables import tabulate_frames, write_table

with job(snakemake.log[0]):
    counts = []
    for path in snakemake.input.profiles:
        with open_profiles(path) as profiles:
            counts.append((profiles.attrs, profiles.groups, profiles.count))
    write_table(tabulate_frames(counts), *snakemake.output)
