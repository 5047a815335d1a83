"""Let espeak-ng speak the embedded corpus. Reads nothing; writes its folder."""

from snaps.corpus.synthesis import synthesize_corpus
from snaps.joblog import job, progress

with job(snakemake.log[0]):
    synthesize_corpus(
        snakemake.output.speech,
        speakers=snakemake.params.speakers,
        seed=snakemake.params.seed,
        progress=progress,
    )
