# Reads frames with their alignment steps and the annotation; writes alignment/<model>/s<seed>.h5 and
# .tsv, and one frame's way through the alignment (paper 4.3.1, 5.1, Figure 1A).
# Used by: paper.
rule evaluate_alignment:
    input:
        code=library(
            "snaps.joblog",
            "snaps.alignment_evaluation",
            "snaps.introspection.dumps",
            "snaps.corpus.index",
            "snaps.networks",
        ),
        features="<results>/features/logmel.h5",
        utterances="<results>/corpus/utterances.tsv",
        weights="<results>/models/{model}/s{seed}/weights.safetensors",
        frames="<results>/frames/{model}/s{seed}.h5",
    output:
        tables="<results>/alignment/{model}/s{seed}.h5",
        units="<results>/alignment/{model}/s{seed}.tsv",
    log:
        "<logs>/evaluate_alignment/{model}_s{seed}.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=30,
    message:
        "Evaluating the alignment of {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate_alignment.py"


rule trace_alignment:
    input:
        code=library(
            "snaps.joblog",
            "snaps.introspection.dumps",
            "snaps.introspection.extraction",
            "snaps.introspection.reference",
        ),
        features="<results>/features/logmel.h5",
        weights="<results>/models/{model}/s{seed}/weights.safetensors",
        frames="<results>/frames/{model}/s{seed}.h5",
    output:
        example="<results>/alignment/{model}/s{seed}_example.h5",
    log:
        "<logs>/trace_alignment/{model}_s{seed}.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        alignment=config["alignment"],
        layers=["input", "layer_04"],
    message:
        "Tracing one frame's alignment in {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/trace_alignment.py"


rule alignment:
    input:
        expand(rules.evaluate_alignment.output, model=MODELS, seed=config["seeds"]),
        expand(rules.trace_alignment.output, model=["W2L"], seed=config["seeds"]),
