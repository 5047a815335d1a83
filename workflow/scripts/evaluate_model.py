"""Read a model, features and transcripts; write its error rates on every part of the corpus."""

import pandas as pd

from snaps.corpus.index import read_references, split_indices
from snaps.features import open_features
from snaps.joblog import job, progress
from snaps.networks import load_network
from snaps.phones import read_phones
from snaps.recognition import decode_greedily, error_rates

with job(snakemake.log[0]) as log, open_features(snakemake.input.features) as features:
    network = load_network(snakemake.input.weights)
    table = read_phones(snakemake.input.phones)
    output = "phones" if "h#" in network.units else "letters"
    fold = table.fold if output == "phones" else None
    references = read_references(snakemake.input.utterances, snakemake.input.segments, output)
    rows = []
    for part, chosen in split_indices(snakemake.input.utterances, features.utterances).items():
        decoded = decode_greedily(network, features, chosen)
        hypotheses = list(progress(decoded, len(chosen), f"{part} utterances"))
        truth = [references[features.utterances[index]] for index in chosen]
        for metric, value in error_rates(hypotheses, truth, fold).items() if len(chosen) else ():
            rows.append({"part": part, "metric": metric, "value": value})
            log.info("%s %s: %.4f", part, metric, value)
    pd.DataFrame(rows).to_csv(snakemake.output.metrics, sep="\t", index=False)
