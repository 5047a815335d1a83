# Reads the profiles of both groupings; writes clusters/<model>/s<seed>: distances, linkage, clusters
# at each percentile and their Silhouette scores, of SNAPs and of NAPs (paper 3.2, 4.3.3, 5.3, 5.4).
# Used by: paper.
rule cluster_profiles:
    input:
        code=library("snaps.joblog", "snaps.clusters", "snaps.profiles"),
        predicted="<results>/profiles/{model}/s{seed}/predicted.h5",
        annotated="<results>/profiles/{model}/s{seed}/annotated.h5",
    output:
        predicted="<results>/clusters/{model}/s{seed}/predicted.h5",
        annotated="<results>/clusters/{model}/s{seed}/annotated.h5",
        silhouette="<results>/clusters/{model}/s{seed}/silhouette.tsv",
    log:
        "<logs>/cluster_profiles/{model}_s{seed}.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        percentiles=config["clusters"]["percentiles"],
        exclude=config["clusters"]["exclude"],
    message:
        "Clustering the profiles of {wildcards.model}, seed {wildcards.seed}"
    script:
        "../scripts/cluster_profiles.py"


rule clusters:
    input:
        expand(rules.cluster_profiles.output, model=MODELS, seed=config["seeds"]),
