# Reads profiles and clusters of all models and, of the embedded corpus alone, recordings; writes
# explorer.html: one page to look at them with, which needs nothing else.
# Used by: study.
EXPLORED = {"model": MODELS, "seed": SEED, "grouping": GROUPINGS}
EXPLORER_PAGE = [
    LIBRARY / "explorer" / name
    for name in ("page.html", "page.css", "page.js", "plotly-cartesian.min.js")
]
# Only speech that the study made itself may stand in a page: of any other corpus the rule gets no
# recording, and of this one no other file than synthesize_corpus wrote.
EMBEDDED = config["corpus_path"] is None and not config["corpus"]["url"]
EXPLORER_SPEECH = (
    {
        "speech": rules.synthesize_corpus.output.speech,
        "audio": rules.index_corpus.output.audio,
        "utterances": rules.index_corpus.output.utterances,
        "segments": rules.index_corpus.output.segments,
        "features": rules.extract_features.output.features,
        "frames": expand("<results>/frames/{model}/s{seed}.h5", model=MODELS, seed=SEED),
    }
    if EMBEDDED and config["corpus"]["name"] != "TIMIT"
    else {}
)


rule write_explorer:
    input:
        **EXPLORER_SPEECH,
        code=library(
            "snaps.joblog",
            "snaps.clusters",
            "snaps.corpus.reader",
            "snaps.explorer.page",
            "snaps.explorer.recordings",
            "snaps.features",
            "snaps.introspection.dumps",
            "snaps.phones",
            "snaps.profiles",
        ),
        page=EXPLORER_PAGE,
        profiles=expand("<results>/profiles/{model}/s{seed}/{grouping}.h5", **EXPLORED),
        clusters=expand("<results>/clusters/{model}/s{seed}/{grouping}.h5", **EXPLORED),
        phones=PHONES,
        citation=LIBRARY.parent.parent / "CITATION.cff",
    output:
        page="<results>/explorer.html",
    log:
        "<logs>/write_explorer.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    params:
        views=expand("{model}/{grouping}", **EXPLORED),
        outputs={model: config["models"][model]["output"] for model in MODELS},
        corpus=config["corpus"]["name"],
        seed=SEED,
    message:
        "Writing the explorer"
    script:
        "../scripts/write_explorer.py"


rule explorer:
    input:
        rules.write_explorer.output,
