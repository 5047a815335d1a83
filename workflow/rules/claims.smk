# Reads alignment tables, clusters, profiles; writes tables/claims: a verdict on each of the paper's
# claims (METHOD section 6).
# Used by: study.
CLAIMS_ALIGNED = ["W2L", *AE_MODELS]
PAPER_VALUES = PHONES.with_name("paper_values.tsv")


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
        **table_files(
            "claims",
            section="claims",
            item="Table claims",
            shows="The paper's claims, held against this study",
        ),
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
