# Reads features and weights; writes the frames of every model with their alignment steps, dumps of
# their activation and saliency maps, and the sums of each group (paper 3.3).
# Used by: profiles, alignment. Where dumps.enabled is false or dumps.layers a list, groups are summed in
# memory.
if SUMS_FROM_DUMPS:

    rule dump_maps:
        input:
            code=library(
                "snaps.joblog",
                "snaps.introspection.dumps",
                "snaps.introspection.shards",
            ),
            features="<results>/features/logmel.h5",
            utterances="<results>/corpus/utterances.tsv",
            weights="<results>/models/{model}/s{seed}/weights.safetensors",
        output:
            dump=DUMP("<results>/dumps/{model}/s{seed}/{shard}.h5"),
            frames=temp("<results>/frames/{model}/s{seed}/{shard}.h5"),
        log:
            "<logs>/dump_maps/{model}_s{seed}_{shard}.log",
        benchmark:
            "<benchmarks>/dump_maps/{model}_s{seed}_{shard}.tsv"
        conda:
            "../../envs/study.yaml"
        threads: config["introspection"]["threads"]
        resources:
            mem_mb=3000,
            runtime=720,
        params:
            engine=config["introspection"]["engine"],
            batch=config["introspection"]["batch"],
            threads=config["introspection"]["threads"],
            alignment=config["alignment"],
        message:
            "Dumping maps of {wildcards.model}, seed {wildcards.seed}, shard {wildcards.shard}"
        script:
            "../scripts/dump_maps.py"

    rule sum_groups:
        input:
            code=library(
                "snaps.joblog",
                "snaps.introspection.dumps",
                "snaps.introspection.extraction",
                "snaps.introspection.group_sums",
            ),
            features="<results>/features/logmel.h5",
            weights="<results>/models/{model}/s{seed}/weights.safetensors",
            dump="<results>/dumps/{model}/s{seed}/{shard}.h5",
            frames="<results>/frames/{model}/s{seed}/{shard}.h5",
        output:
            sums=temp("<results>/sums/{model}/s{seed}/{shard}.h5"),
        log:
            "<logs>/sum_groups/{model}_s{seed}_{shard}.log",
        benchmark:
            "<benchmarks>/sum_groups/{model}_s{seed}_{shard}.tsv"
        conda:
            "../../envs/study.yaml"
        threads: config["introspection"]["threads"]
        resources:
            mem_mb=3000,
            runtime=240,
        params:
            batch=config["introspection"]["batch"],
            threads=config["introspection"]["threads"],
        message:
            "Summing groups of {wildcards.model}, seed {wildcards.seed}, shard {wildcards.shard}"
        script:
            "../scripts/sum_groups.py"

else:

    rule stream_groups:
        input:
            code=library(
                "snaps.joblog",
                "snaps.introspection.dumps",
                "snaps.introspection.group_sums",
                "snaps.introspection.shards",
            ),
            features="<results>/features/logmel.h5",
            utterances="<results>/corpus/utterances.tsv",
            weights="<results>/models/{model}/s{seed}/weights.safetensors",
        output:
            **(
                {"dump": "<results>/dumps/{model}/s{seed}/{shard}.h5"}
                if config["dumps"]["enabled"]
                else {}
            ),
            frames=temp("<results>/frames/{model}/s{seed}/{shard}.h5"),
            sums=temp("<results>/sums/{model}/s{seed}/{shard}.h5"),
        log:
            "<logs>/stream_groups/{model}_s{seed}_{shard}.log",
        benchmark:
            "<benchmarks>/stream_groups/{model}_s{seed}_{shard}.tsv"
        conda:
            "../../envs/study.yaml"
        threads: config["introspection"]["threads"]
        resources:
            mem_mb=3000,
            runtime=720,
        params:
            engine=config["introspection"]["engine"],
            batch=config["introspection"]["batch"],
            threads=config["introspection"]["threads"],
            alignment=config["alignment"],
            dumped=config["dumps"]["layers"],
        message:
            "Summing groups of {wildcards.model}, seed {wildcards.seed}, shard {wildcards.shard}"
        script:
            "../scripts/stream_groups.py"


rule merge_frames:
    input:
        code=library("snaps.joblog", "snaps.introspection.dumps"),
        parts=expand("<results>/frames/{{model}}/s{{seed}}/{shard}.h5", shard=SHARDS),
    output:
        frames="<results>/frames/{model}/s{seed}.h5",
    log:
        "<logs>/merge_frames/{model}_s{seed}.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    message:
        "Merging the frames of {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/merge_frames.py"
