"""Draw figure 1. Reads one frame's way through the alignment and its group's profiles."""

import h5py

from snaps.features import mel_frequencies
from snaps.figures.method import ExampleFrame, group_of, layer_profile, plot_method
from snaps.figures.style import save_figure
from snaps.joblog import job
from snaps.profiles import open_profiles

with job(snakemake.log[0]):
    params = snakemake.params
    with h5py.File(snakemake.input.example, "r") as file:
        maps = "activation", "aligned", "saliency", "importance"
        example = ExampleFrame(
            **{name: file.attrs[name] for name in ("utterance", "start", "predicted")},
            **{name: file["input"][name][:] for name in maps},
            step=int(file["input"].attrs["step"]),
        )
    with open_profiles(snakemake.input.profiles) as profiles:
        group = group_of(profiles, example.predicted)
        layers = [layer_profile(profiles, group, name) for name in params.layers if group]
        count = int(profiles.count[profiles.groups.index(group)]) if group else 0
    hz = mel_frequencies()
    reading = params.pool, params.importance
    drawn = plot_method(example, layers, group, count, hz, params.model, params.corpus, *reading)
    save_figure(*drawn, *snakemake.output)
