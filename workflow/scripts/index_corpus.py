"""Check and index the corpus. Reads its folder; writes the sentences kept, phones, recordings."""

from snaps.corpus.reader import SAMPLE_RATE, read_corpus, select_sentences
from snaps.joblog import job, progress
from snaps.phones import read_phones

with job(snakemake.log[0]) as log:
    corpus = read_corpus(
        snakemake.input.corpus,
        read_phones(snakemake.input.phones).phones,
        test_regions=snakemake.params.test_regions,
        progress=progress,
    )
    kept = select_sentences(corpus.utterances, snakemake.params.sa, snakemake.params.seed)
    for said, table in (("found", corpus.utterances), ("kept", kept)):
        for split, part in table.groupby("split", sort=False):
            speakers, seconds = part["speaker"].nunique(), part["samples"].sum() / SAMPLE_RATE
            what = f"{speakers} speakers, {len(part)} utterances, {seconds:.0f} s"
            log.info("%s, %s part: %s", said, split, what)
    tables = {"utterances": kept, "segments": corpus.phones, "audio": corpus.audio}
    for name, table in tables.items():
        rows = table[table["utterance"].isin(kept["utterance"])]
        rows.to_csv(snakemake.output[name], sep="\t", index=False)
