# Reads the corpus and its index; writes features/logmel.h5: spectrograms and the phone of every
# step (paper 4.1).
# Used by: models, introspection, alignment.
rule extract_features:
    input:
        code=library("snaps.joblog", "snaps.features", "snaps.corpus.reader", "snaps.phones"),
        corpus=CORPUS,
        utterances="<results>/corpus/utterances.tsv",
        segments="<results>/corpus/phones.tsv",
        audio="<results>/corpus/audio.tsv",
        phones=PHONES,
    output:
        features="<results>/features/logmel.h5",
    log:
        "<logs>/extract_features.log",
    benchmark:
        "<benchmarks>/extract_features.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    message:
        "Computing log-mel spectrograms"
    script:
        "../scripts/extract_features.py"


rule features:
    input:
        rules.extract_features.output,
