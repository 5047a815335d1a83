# Reads config/models.yaml, error rates, alignment tables, clusters, profiles; writes tables/: the
# paper's Tables 1 and 2, error rates, alignment, and a verdict on each of its claims.
# Used by: study.
PHONE_MODELS = [model for model in MODELS if config["models"][model]["output"] == "phones"]
CLAIMS_ALIGNED = ["W2L", *AE_MODELS]
PAPER_VALUES = PHONES.with_name("paper_values.tsv")


rule write_architectures_table:
    input:
        code=library("snaps.joblog", "snaps.tables"),
    output:
        tsv=report(
            "<results>/tables/tab1_architectures.tsv",
            caption="../report/tab1_architectures.rst",
            category="Tables",
            labels={"table": "1", "shows": "Convolutions of the networks"},
        ),
        md="<results>/tables/tab1_architectures.md",
    log:
        "<logs>/write_architectures_table.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        models=config["models"],
        width=config["networks"]["width"],
    message:
        "Table 1: architectures"
    script:
        "../scripts/write_architectures_table.py"


rule write_models_table:
    input:
        code=library("snaps.joblog", "snaps.tables"),
    output:
        tsv=report(
            "<results>/tables/tab2_models.tsv",
            caption="../report/tab2_models.rst",
            category="Tables",
            labels={"table": "2", "shows": "The networks and what they are used for"},
        ),
        md="<results>/tables/tab2_models.md",
    log:
        "<logs>/write_models_table.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        models=config["models"],
    message:
        "Table 2: models"
    script:
        "../scripts/write_models_table.py"


rule write_errors_table:
    input:
        code=library("snaps.joblog", "snaps.tables"),
        metrics=expand(
            "<results>/models/{model}/s{seed}/metrics.tsv", model=MODELS, seed=config["seeds"]
        ),
    output:
        tsv=report(
            "<results>/tables/errors.tsv",
            caption="../report/errors.rst",
            category="Tables",
            labels={"table": "errors", "shows": "Error rates of the networks"},
        ),
        md="<results>/tables/errors.md",
    log:
        "<logs>/write_errors_table.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        models=MODELS,
        seeds=config["seeds"],
    message:
        "Table of error rates"
    script:
        "../scripts/write_errors_table.py"


rule write_alignment_table:
    input:
        code=library("snaps.joblog", "snaps.tables", "snaps.alignment_evaluation"),
        alignment=expand(
            "<results>/alignment/{model}/s{seed}.h5", model=PHONE_MODELS, seed=config["seeds"]
        ),
    output:
        tsv=report(
            "<results>/tables/alignment.tsv",
            caption="../report/alignment.rst",
            category="Tables",
            labels={"table": "alignment", "shows": "Accuracy of the alignment"},
        ),
        md="<results>/tables/alignment.md",
    log:
        "<logs>/write_alignment_table.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        models=PHONE_MODELS,
        seeds=config["seeds"],
    message:
        "Table of alignment accuracy"
    script:
        "../scripts/write_alignment_table.py"


rule compare_to_paper:
    input:
        code=library("snaps.joblog", "snaps.tables", "snaps.claims", "snaps.phones"),
        values=PAPER_VALUES,
        phones=PHONES,
        alignment=expand(
            "<results>/alignment/{model}/s{seed}.h5", model=CLAIMS_ALIGNED, seed=config["seeds"]
        ),
        clusters=expand(
            "<results>/clusters/{model}/s{seed}/{grouping}.h5",
            model=RS_MODELS,
            seed=config["seeds"],
            grouping=GROUPINGS,
        ),
        profiles=expand(
            "<results>/profiles/{model}/s{seed}/{grouping}.h5",
            model=RS_MODELS,
            seed=config["seeds"],
            grouping=GROUPINGS,
        ),
    output:
        tsv=report(
            "<results>/tables/claims.tsv",
            caption="../report/claims.rst",
            category="Tables",
            labels={"table": "claims", "shows": "The paper's claims, held against this study"},
        ),
        md="<results>/tables/claims.md",
    log:
        "<logs>/compare_to_paper.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        aligned=CLAIMS_ALIGNED,
        clustered=RS_MODELS,
        groupings=GROUPINGS,
        seeds=config["seeds"],
        corpus=config["corpus"]["name"],
    message:
        "Holding the study against the paper's claims"
    script:
        "../scripts/compare_to_paper.py"


rule tables:
    input:
        rules.write_architectures_table.output,
        rules.write_models_table.output,
        rules.write_errors_table.output,
        rules.write_alignment_table.output,
        rules.compare_to_paper.output,
