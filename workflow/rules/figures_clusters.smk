# Reads clusterings; writes the figures of Silhouette scores and clusters (paper 5.3, 5.4): 5 to 10,
# and S1, which is ours.
# Used by: study.
rule plot_silhouette_models:
    input:
        code=library("snaps.joblog", "snaps.figures.silhouette"),
        clusters=expand(
            "<results>/clusters/{model}/s{seed}/annotated.h5", model=RS_MODELS, seed=SEED
        ),
    output:
        **figure_files(
            "fig05_silhouette_models",
            section="similarity",
            item="Figure 5",
            shows="Silhouette over layers, three models",
        ),
    log:
        "<logs>/plot_silhouette_models.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=RS_MODELS,
        transition=TRANSITION,
        groups="annotated phones",
        corpus=config["corpus"]["name"],
    message:
        "Figure 5: Silhouette scores of the transfer models"
    script:
        "../scripts/plot_silhouette_models.py"


rule plot_clustermaps_transfer:
    input:
        code=library("snaps.joblog", "snaps.figures.clusters", "snaps.phones"),
        clusters=expand(
            "<results>/clusters/{model}/s{seed}/annotated.h5", model=RS_MODELS, seed=SEED
        ),
        phones=PHONES,
    output:
        **figure_files(
            "fig06_clustermaps_transfer",
            section="similarity",
            item="Figure 6",
            shows="Distances of phones, before and in the last transferred layer",
        ),
    log:
        "<logs>/plot_clustermaps_transfer.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=RS_MODELS,
        shown=["W2L", "W2L_TL_frozen"],
        transition=TRANSITION,
        trees=False,
        corpus=config["corpus"]["name"],
    message:
        "Figure 6: clustermaps of the transfer models"
    script:
        "../scripts/plot_clustermaps_transfer.py"


use rule plot_clustermaps_transfer as plot_clusters_transfer with:
    output:
        **figure_files(
            "fig07_clusters_transfer",
            section="similarity",
            item="Figure 7",
            shows="Clusters of phones, before and in the last transferred layer",
        ),
    log:
        "<logs>/plot_clusters_transfer.log",
    params:
        models=RS_MODELS,
        shown=["W2L", "W2L_TL_frozen"],
        transition=TRANSITION,
        trees=True,
        corpus=config["corpus"]["name"],
    message:
        "Figure 7: clusters of the transfer models"


rule plot_silhouette_naps:
    input:
        code=library("snaps.joblog", "snaps.figures.silhouette"),
        clusters=[
            f"<results>/clusters/{model}/s{SEED}/{grouping}.h5" for model, grouping in NAP_SHOWN
        ],
    output:
        **figure_files(
            "figS1_silhouette_naps",
            section="similarity",
            item="Figure S1",
            shows="Silhouette over layers, SNAPs and NAPs",
        ),
    log:
        "<logs>/plot_silhouette_naps.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        shown=NAP_SHOWN,
        corpus=config["corpus"]["name"],
    message:
        "Figure S1: Silhouette scores of SNAPs and NAPs"
    script:
        "../scripts/plot_silhouette_naps.py"


rule plot_silhouette_groupings:
    input:
        code=library("snaps.joblog", "snaps.figures.silhouette"),
        predicted=f"<results>/clusters/W2L/s{SEED}/predicted.h5",
        annotated=f"<results>/clusters/W2L/s{SEED}/annotated.h5",
    output:
        **figure_files(
            "fig08_silhouette_groupings",
            section="letters",
            item="Figure 8",
            shows="Silhouette over layers, letters and phones",
        ),
    log:
        "<logs>/plot_silhouette_groupings.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        model="W2L",
        corpus=config["corpus"]["name"],
    message:
        "Figure 8: Silhouette scores of letters and phones"
    script:
        "../scripts/plot_silhouette_groupings.py"


rule plot_clustermaps_groupings:
    input:
        code=library("snaps.joblog", "snaps.figures.clusters", "snaps.phones"),
        predicted=f"<results>/clusters/W2L/s{SEED}/predicted.h5",
        annotated=f"<results>/clusters/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        **figure_files(
            "fig09_clustermaps_groupings",
            section="letters",
            item="Figure 9",
            shows="Distances of letters and of phones, two layers",
        ),
    log:
        "<logs>/plot_clustermaps_groupings.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        model="W2L",
        transition=TRANSITION,
        trees=False,
        corpus=config["corpus"]["name"],
    message:
        "Figure 9: clustermaps of letters and phones"
    script:
        "../scripts/plot_clustermaps_groupings.py"


use rule plot_clustermaps_groupings as plot_clusters_groupings with:
    output:
        **figure_files(
            "fig10_clusters_groupings",
            section="letters",
            item="Figure 10",
            shows="Clusters of letters and of phones, two layers",
        ),
    log:
        "<logs>/plot_clusters_groupings.log",
    params:
        model="W2L",
        transition=TRANSITION,
        trees=True,
        corpus=config["corpus"]["name"],
    message:
        "Figure 10: clusters of letters and phones"
