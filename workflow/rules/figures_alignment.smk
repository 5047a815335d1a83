# Reads alignment tables; writes the figures on the alignment (paper 5.1): 2, 3, A1 to A3, and S2,
# which is ours.
# Used by: study.
rule plot_alignment_offsets:
    input:
        code=library("snaps.joblog", "snaps.figures.offsets", "snaps.phones"),
        alignment=expand("<results>/alignment/{model}/s{seed}.h5", model=AE_MODELS, seed=SEED),
        phones=PHONES,
    output:
        **figure_files(
            "fig02_alignment_offsets",
            section="alignment",
            item="Figure 2",
            shows="Alignment offsets of the phone models",
        ),
    log:
        "<logs>/plot_alignment_offsets.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=AE_MODELS,
        corpus=config["corpus"]["name"],
    message:
        "Figure 2: alignment offsets"
    script:
        "../scripts/plot_alignment_offsets.py"


rule plot_contingency:
    input:
        code=library(
            "snaps.joblog",
            "snaps.figures.contingency",
            "snaps.alignment_evaluation",
            "snaps.phones",
        ),
        alignment=f"<results>/alignment/W2P_shallow/s{SEED}.h5",
        phones=PHONES,
    output:
        **figure_files(
            "fig03_contingency_W2P_shallow",
            section="alignment",
            item="Figure 3",
            shows="Predicted against annotated phones, W2P_shallow",
        ),
    log:
        "<logs>/plot_contingency.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        model="W2P_shallow",
        corpus=config["corpus"]["name"],
    message:
        "Figure 3: contingency of W2P_shallow"
    script:
        "../scripts/plot_contingency.py"


rule plot_alignment_gain:
    input:
        code=library("snaps.joblog", "snaps.figures.gain", "snaps.phones"),
        alignment=expand("<results>/alignment/{model}/s{seed}.h5", model=AE_MODELS, seed=SEED),
        phones=PHONES,
    output:
        **figure_files(
            "figS2_alignment_gain",
            section="alignment",
            item="Figure S2",
            shows="Accuracy at the centre and at the alignment step",
        ),
    log:
        "<logs>/plot_alignment_gain.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=AE_MODELS,
        corpus=config["corpus"]["name"],
    message:
        "Figure S2: what the alignment gains"
    script:
        "../scripts/plot_alignment_gain.py"


rule plot_contingency_pair:
    input:
        code=library(
            "snaps.joblog",
            "snaps.figures.contingency",
            "snaps.alignment_evaluation",
            "snaps.phones",
        ),
        alignment=f"<results>/alignment/W2P/s{SEED}.h5",
        phones=PHONES,
    output:
        **figure_files(
            "figA1_contingency_W2P",
            section="appendix",
            item="Figure A1",
            shows="Predicted phones against annotated phones, W2P",
            caption="figA_contingency",
        ),
    log:
        "<logs>/plot_contingency_pair.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        model="W2P",
        kind="phone",
        corpus=config["corpus"]["name"],
    message:
        "Figure A1: contingency of W2P"
    script:
        "../scripts/plot_contingency_pair.py"


use rule plot_contingency_pair as plot_contingency_pair_shallow with:
    input:
        code=library(
            "snaps.joblog",
            "snaps.figures.contingency",
            "snaps.alignment_evaluation",
            "snaps.phones",
        ),
        alignment=f"<results>/alignment/W2P_shallow/s{SEED}.h5",
        phones=PHONES,
    output:
        **figure_files(
            "figA2_contingency_W2P_shallow",
            section="appendix",
            item="Figure A2",
            shows="Predicted phones against annotated phones, W2P_shallow",
            caption="figA_contingency",
        ),
    log:
        "<logs>/plot_contingency_pair_shallow.log",
    params:
        model="W2P_shallow",
        kind="phone",
        corpus=config["corpus"]["name"],
    message:
        "Figure A2: contingency of W2P_shallow"


use rule plot_contingency_pair as plot_contingency_pair_letters with:
    input:
        code=library(
            "snaps.joblog",
            "snaps.figures.contingency",
            "snaps.alignment_evaluation",
            "snaps.phones",
        ),
        alignment=f"<results>/alignment/W2L/s{SEED}.h5",
        phones=PHONES,
    output:
        **figure_files(
            "figA3_contingency_W2L",
            section="appendix",
            item="Figure A3",
            shows="Predicted letters against annotated phones, W2L",
            caption="figA_contingency",
        ),
    log:
        "<logs>/plot_contingency_pair_letters.log",
    params:
        model="W2L",
        kind="letter",
        corpus=config["corpus"]["name"],
    message:
        "Figure A3: contingency of W2L"
