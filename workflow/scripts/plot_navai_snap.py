"""Draw figure 4. Reads the profiles of predicted letters and of annotated phones."""

from snaps.features import mel_frequencies
from snaps.figures.maps import plot_navai_snap, read_navai, read_snaps
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.phones import read_phones
from snaps.profiles import open_profiles

with job(snakemake.log[0]):
    params = snakemake.params
    with open_profiles(snakemake.input.predicted) as profiles:
        maps = [read_navai(profiles), read_snaps(profiles)]
    with open_profiles(snakemake.input.annotated) as profiles:
        maps.append(read_snaps(profiles))
    drawn = plot_navai_snap(
        *maps,
        params.letters,
        params.phones,
        mel_frequencies(),
        read_phones(snakemake.input.phones).manner,
        params.model,
        params.corpus,
    )
    save_figure(*drawn, *snakemake.output)
