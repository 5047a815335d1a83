"""Draw figures A4 to A6. Reads the profiles of one grouping."""

from snaps.features import mel_frequencies
from snaps.figures.maps import plot_snaps, read_snaps
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import LETTERS, SILENCE, read_phones
from snaps.profiles import open_profiles

with job(snakemake.log[0]):
    params = snakemake.params
    table = read_phones(snakemake.input.phones)
    letters = params.kind == "letter"
    names = LETTERS if letters else table.phones
    groups = [name for name in sorted(names) if params.first <= name <= params.last]
    groups = [name for name in groups if name not in {SILENCE, *params.exclude}]
    with open_profiles(snakemake.input.profiles) as profiles:
        maps = read_snaps(profiles)
    manner = {} if letters else table.manner
    drawn = plot_snaps(maps, groups, mel_frequencies(), manner, params.model, params.corpus)
    save_figure(*drawn, *snakemake.output)
