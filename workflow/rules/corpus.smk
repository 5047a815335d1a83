# Reads a TIMIT corpus in any layout, fetched, or spoken by espeak-ng; writes corpus/: the index of
# the sentences kept, their phones and recordings (paper 4.1).
# Used by: features, models, introspection, alignment.
rule synthesize_corpus:
    input:
        code=library("snaps.joblog", "snaps.corpus.synthesis"),
        sentences=LIBRARY / "corpus" / "sentences.txt",
    output:
        speech=directory("<results>/corpus/speech"),
    log:
        "<logs>/synthesize_corpus.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        speakers=config["corpus"]["speakers"],
        seed=config["corpus"]["seed"],
    message:
        "Synthesising the embedded corpus"
    script:
        "../scripts/synthesize_corpus.py"


rule fetch_corpus:
    input:
        code=library("snaps.joblog", "snaps.corpus.fetch"),
    output:
        speech=directory("<results>/corpus/fetched"),
    log:
        "<logs>/fetch_corpus.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        url=config["corpus"]["url"],
        sha256=config["corpus"]["sha256"],
    message:
        "Fetching the corpus"
    script:
        "../scripts/fetch_corpus.py"


rule index_corpus:
    input:
        code=library("snaps.joblog", "snaps.corpus.reader", "snaps.phones"),
        corpus=CORPUS,
        phones=PHONES,
    output:
        utterances="<results>/corpus/utterances.tsv",
        segments="<results>/corpus/phones.tsv",
        audio="<results>/corpus/audio.tsv",
    log:
        "<logs>/index_corpus.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        test_regions=config["corpus"]["test_regions"],
        sa=config["corpus"]["sa"],
        seed=config["corpus"]["seed"],
    message:
        "Checking and indexing the corpus"
    script:
        "../scripts/index_corpus.py"


rule corpus:
    input:
        rules.index_corpus.output,
