# Reads the group sums of all shards; writes profiles/<model>/s<seed>/<grouping>.h5: SNAP, NAvAI and
# NAP of every group and layer (paper 3, METHOD section 4).
# Used by: clusters, paper.
rule compute_profiles:
    input:
        code=library("snaps.joblog", "snaps.profiles", "snaps.introspection.dumps"),
        frames="<results>/frames/{model}/s{seed}.h5",
        sums=expand("<results>/sums/{{model}}/s{{seed}}/{shard}.h5", shard=SHARDS),
    output:
        profiles="<results>/profiles/{model}/s{seed}/{grouping}.h5",
    log:
        "<logs>/compute_profiles/{model}_s{seed}_{grouping}.log",
    benchmark:
        "<benchmarks>/compute_profiles/{model}_s{seed}_{grouping}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        baseline=config["profiles"]["baseline"],
        mask_scale=config["profiles"]["mask_scale"],
        corpus=config["corpus"]["name"],
    message:
        "Profiles of {wildcards.model}, seed {wildcards.seed}, {wildcards.grouping}"
    script:
        "../scripts/compute_profiles.py"


rule profiles:
    input:
        expand(
            rules.compute_profiles.output.profiles,
            model=MODELS,
            seed=config["seeds"],
            grouping=GROUPINGS,
        ),
