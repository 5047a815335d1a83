# Reads features and the corpus index; writes models/<model>/s<seed>: weights, history, error rates
# (paper 4.2, Tables 1 and 2). A transfer model waits for its parent.
# Used by: introspection, paper.
rule train_model:
    input:
        code=library("snaps.joblog", "snaps.training", "snaps.corpus.index"),
        features="<results>/features/logmel.h5",
        utterances="<results>/corpus/utterances.tsv",
        segments="<results>/corpus/phones.tsv",
        phones=PHONES,
        parent=parent_weights,
    output:
        weights="<results>/models/{model}/s{seed}/weights.safetensors",
        history="<results>/models/{model}/s{seed}/history.tsv",
        settings="<results>/models/{model}/s{seed}/settings.yaml",
    log:
        "<logs>/train_model/{model}_s{seed}.log",
    benchmark:
        "<benchmarks>/train_model/{model}_s{seed}.tsv"
    # The chain of transfer models is the longest: nothing else may hold it up.
    priority: 10
    conda:
        "../../envs/study.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=4000,
        runtime=1440,
    params:
        # State of an unfinished run; not an output, which would be deleted before a rerun.
        checkpoints=f"{RESULTS}/checkpoints/{{model}}_s{{seed}}",
        architecture=lookup(dpath="models/{model}", within=config),
        width=lookup(dpath="networks/width/{model}", within=config),
        block_order=config["networks"]["block_order"],
        epochs=lookup(dpath="training/epochs/{model}", within=config),
        batch_size=config["training"]["batch_size"],
        learning_rate=lookup(dpath="training/learning_rate/{model}", within=config),
        gradient_clip=config["training"]["gradient_clip"],
        threads=config["training"]["threads"],
    message:
        "Training {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/train_model.py"


rule evaluate_model:
    input:
        code=library("snaps.joblog", "snaps.recognition", "snaps.corpus.index"),
        features="<results>/features/logmel.h5",
        utterances="<results>/corpus/utterances.tsv",
        segments="<results>/corpus/phones.tsv",
        phones=PHONES,
        weights="<results>/models/{model}/s{seed}/weights.safetensors",
    output:
        metrics="<results>/models/{model}/s{seed}/metrics.tsv",
    log:
        "<logs>/evaluate_model/{model}_s{seed}.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    message:
        "Error rates of {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/evaluate_model.py"


rule models:
    input:
        expand(rules.train_model.output.weights, model=MODELS, seed=config["seeds"]),
        expand(rules.evaluate_model.output.metrics, model=MODELS, seed=config["seeds"]),
