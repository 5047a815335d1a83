"""Fetch the corpus that the settings name. Reads the network; writes its folder."""

from snaps.corpus.fetch import fetch_corpus
from snaps.joblog import job

with job(snakemake.log[0]):
    fetch_corpus(snakemake.params.url, snakemake.params.sha256, snakemake.output.speech)
