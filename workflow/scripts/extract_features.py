"""Read the recordings that the index lists; write log-mel spectrograms and phones of all steps."""

from pathlib import Path

import pandas as pd

from snaps.corpus.reader import read_audio
from snaps.features import label_steps, log_mel, write_features
from snaps.joblog import job, progress
from snaps.phones import read_phones

with job(snakemake.log[0]) as log:
    phones = read_phones(snakemake.input.phones).phones
    segments = pd.read_csv(snakemake.input.segments, sep="\t")
    segments["label"] = segments["phone"].map({phone: k for k, phone in enumerate(phones)})
    names = pd.read_csv(snakemake.input.utterances, sep="\t")["utterance"]
    audio = pd.read_csv(snakemake.input.audio, sep="\t").set_index("utterance")["path"]
    by_utterance = dict(iter(segments.groupby("utterance")))

    def utterances():
        """Name, spectrogram and phones of every utterance, one at a time."""
        for name, path in progress(audio[names].items(), len(names), "utterances"):
            spectrogram = log_mel(read_audio(Path(snakemake.input.corpus) / path))
            mine = by_utterance[name]
            ends, labels = mine["end"].to_numpy(), mine["label"].to_numpy()
            yield name, spectrogram, label_steps(len(spectrogram), ends, labels)

    count, steps = write_features(snakemake.output.features, utterances(), phones)
    log.info("%d utterances, %d steps", count, steps)
