"""Hold the study against the paper. Reads alignment, clusters, profiles; writes the claims."""

from itertools import product

from snaps.claims import compare, read_claims
from snaps.joblog import job
from snaps.measures import measure, open_study
from snaps.phones import read_phones
from snaps.tables import write_table

params, files = snakemake.params, snakemake.input
aligned = list(zip(product(params.aligned, params.seeds), files.alignment, strict=True))
keys = list(product(params.clustered, params.seeds, params.groupings))
with job(snakemake.log[0]) as log:
    claims, phones, findings = read_claims(files.values), read_phones(files.phones), []
    for seed in params.seeds:
        alignment = {model: path for (model, s), path in aligned if s == seed}
        clusters, profiles = (
            {(m, g): path for (m, s, g), path in zip(keys, paths, strict=True) if s == seed}
            for paths in (files.clusters, files.profiles)
        )
        with open_study(alignment, clusters, profiles, phones) as study:
            findings.append(measure(study))
    write_table(compare(claims, findings, params.corpus), *snakemake.output)
