# Reads config/models.yaml, config/readings.tsv, error rates, alignment tables, profiles; writes
# tables/: the paper's Tables 1 and 2, readings, frames and groups, error rates, alignment.
# Used by: study.
PHONE_MODELS = [model for model in MODELS if config["models"][model]["output"] == "phones"]
READINGS = PHONES.with_name("readings.tsv")
DEFAULTS = PHONES.with_name("config.yaml")


rule write_architectures_table:
    input:
        code=library("snaps.joblog", "snaps.tables"),
    output:
        **table_files(
            "tab1_architectures",
            section="method",
            item="Table 1",
            shows="Convolutions of the networks",
        ),
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
        **table_files(
            "tab2_models",
            section="method",
            item="Table 2",
            shows="The networks and what they are used for",
        ),
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


rule write_readings_table:
    input:
        code=library("snaps.joblog", "snaps.tables", "snaps.settings"),
        readings=READINGS,
        defaults=DEFAULTS,
    output:
        **table_files(
            "readings",
            section="method",
            item="Table readings",
            shows="How the paper was read where it leaves a choice",
        ),
    log:
        "<logs>/write_readings_table.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        settings={
            "corpus": {"sa": config["corpus"]["sa"]},
            "networks": {"block_order": config["networks"]["block_order"]},
            "alignment": config["alignment"],
            "profiles": config["profiles"],
            "clusters": config["clusters"],
        },
    message:
        "Table of readings"
    script:
        "../scripts/write_readings_table.py"


rule write_frames_table:
    input:
        code=library("snaps.joblog", "snaps.tables", "snaps.profiles"),
        profiles=expand(
            rules.compute_profiles.output.profiles,
            model=MODELS,
            seed=config["seeds"],
            grouping=GROUPINGS,
        ),
    output:
        **table_files(
            "frames",
            section="method",
            item="Table frames",
            shows="Frames, blanks and groups of every network",
        ),
    log:
        "<logs>/write_frames_table.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    message:
        "Table of frames and groups"
    script:
        "../scripts/write_frames_table.py"


rule write_errors_table:
    input:
        code=library("snaps.joblog", "snaps.tables"),
        metrics=expand(
            "<results>/models/{model}/s{seed}/metrics.tsv", model=MODELS, seed=config["seeds"]
        ),
    output:
        **table_files(
            "errors",
            section="method",
            item="Table errors",
            shows="Error rates of the networks",
        ),
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
        **table_files(
            "alignment",
            section="alignment",
            item="Table accuracy",
            shows="Accuracy of the alignment, and its errors over speakers",
        ),
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
