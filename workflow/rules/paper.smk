# Reads profiles, clusters and alignment tables, nothing else; writes figures/ (paper, Figures 1 to 10
# and A1 to A6; S1 and S2 are ours). Each figure is a PDF, a PNG and a text with what only the data can tell, which its
# caption in the report includes.
# Used by: study.
AE_MODELS = ["W2P", "W2P_shallow"]
RS_MODELS = ["W2L", "W2L_TL_frozen", "W2L_TL_finetuned"]
NAP_SHOWN = [["W2L", "predicted"], *([model, "annotated"] for model in RS_MODELS + AE_MODELS)]
# The last layer that the transfer models take over (paper 4.2): 5.
TRANSITION = config["models"]["W2L_TL_frozen"]["transferred"]


rule plot_method:
    input:
        code=library("snaps.joblog", "snaps.figures.method"),
        example=f"<results>/alignment/W2L/s{SEED}_example.h5",
        profiles=f"<results>/profiles/W2L/s{SEED}/predicted.h5",
    output:
        pdf="<results>/figures/fig01_method.pdf",
        png=report(
            "<results>/figures/fig01_method.png",
            caption="../report/fig01_method.rst",
            category="Figures",
            labels={"figure": "01", "shows": "Alignment of a frame and composition of a SNAP"},
        ),
        facts="<results>/figures/fig01_method.txt",
    log:
        "<logs>/plot_method.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        layers=["input", "layer_04"],
        model="W2L",
        corpus=config["corpus"]["name"],
    message:
        "Figure 1: the method"
    script:
        "../scripts/plot_method.py"


rule plot_alignment_offsets:
    input:
        code=library("snaps.joblog", "snaps.figures.offsets", "snaps.phones"),
        alignment=expand("<results>/alignment/{model}/s{seed}.h5", model=AE_MODELS, seed=SEED),
        phones=PHONES,
    output:
        pdf="<results>/figures/fig02_alignment_offsets.pdf",
        png=report(
            "<results>/figures/fig02_alignment_offsets.png",
            caption="../report/fig02_alignment_offsets.rst",
            category="Figures",
            labels={"figure": "02", "shows": "Alignment offsets of the phone models"},
        ),
        facts="<results>/figures/fig02_alignment_offsets.txt",
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
        pdf="<results>/figures/fig03_contingency_W2P_shallow.pdf",
        png=report(
            "<results>/figures/fig03_contingency_W2P_shallow.png",
            caption="../report/fig03_contingency_W2P_shallow.rst",
            category="Figures",
            labels={"figure": "03", "shows": "Predicted against annotated phones, W2P_shallow"},
        ),
        facts="<results>/figures/fig03_contingency_W2P_shallow.txt",
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


rule plot_navai_snap:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        predicted=f"<results>/profiles/W2L/s{SEED}/predicted.h5",
        annotated=f"<results>/profiles/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        pdf="<results>/figures/fig04_navai_snap.pdf",
        png=report(
            "<results>/figures/fig04_navai_snap.png",
            caption="../report/fig04_navai_snap.rst",
            category="Figures",
            labels={"figure": "04", "shows": "NAvAI and SNAP of letters, SNAP of phones"},
        ),
        facts="<results>/figures/fig04_navai_snap.txt",
    log:
        "<logs>/plot_navai_snap.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        letters=config["figures"]["letters"],
        phones=config["figures"]["phones"],
        model="W2L",
        corpus=config["corpus"]["name"],
    message:
        "Figure 4: NAvAI and SNAPs"
    script:
        "../scripts/plot_navai_snap.py"


rule plot_silhouette_models:
    input:
        code=library("snaps.joblog", "snaps.figures.silhouette"),
        clusters=expand(
            "<results>/clusters/{model}/s{seed}/annotated.h5", model=RS_MODELS, seed=SEED
        ),
    output:
        pdf="<results>/figures/fig05_silhouette_models.pdf",
        png=report(
            "<results>/figures/fig05_silhouette_models.png",
            caption="../report/fig05_silhouette_models.rst",
            category="Figures",
            labels={"figure": "05", "shows": "Silhouette over layers, three models"},
        ),
        facts="<results>/figures/fig05_silhouette_models.txt",
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
        pdf="<results>/figures/fig06_clustermaps_transfer.pdf",
        png=report(
            "<results>/figures/fig06_clustermaps_transfer.png",
            caption="../report/fig06_clustermaps_transfer.rst",
            category="Figures",
            labels={
                "figure": "06",
                "shows": "Distances of phones, before and in the last transferred layer",
            },
        ),
        facts="<results>/figures/fig06_clustermaps_transfer.txt",
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
        corpus=config["corpus"]["name"],
    message:
        "Figure 6: clustermaps of the transfer models"
    script:
        "../scripts/plot_clustermaps_transfer.py"


rule plot_clusters_transfer:
    input:
        code=library("snaps.joblog", "snaps.figures.clusters", "snaps.phones"),
        clusters=expand(
            "<results>/clusters/{model}/s{seed}/annotated.h5", model=RS_MODELS, seed=SEED
        ),
        phones=PHONES,
    output:
        pdf="<results>/figures/fig07_clusters_transfer.pdf",
        png=report(
            "<results>/figures/fig07_clusters_transfer.png",
            caption="../report/fig07_clusters_transfer.rst",
            category="Figures",
            labels={
                "figure": "07",
                "shows": "Clusters of phones, before and in the last transferred layer",
            },
        ),
        facts="<results>/figures/fig07_clusters_transfer.txt",
    log:
        "<logs>/plot_clusters_transfer.log",
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
        corpus=config["corpus"]["name"],
    message:
        "Figure 7: clusters of the transfer models"
    script:
        "../scripts/plot_clusters_transfer.py"


rule plot_silhouette_groupings:
    input:
        code=library("snaps.joblog", "snaps.figures.silhouette"),
        predicted=f"<results>/clusters/W2L/s{SEED}/predicted.h5",
        annotated=f"<results>/clusters/W2L/s{SEED}/annotated.h5",
    output:
        pdf="<results>/figures/fig08_silhouette_groupings.pdf",
        png=report(
            "<results>/figures/fig08_silhouette_groupings.png",
            caption="../report/fig08_silhouette_groupings.rst",
            category="Figures",
            labels={"figure": "08", "shows": "Silhouette over layers, letters and phones"},
        ),
        facts="<results>/figures/fig08_silhouette_groupings.txt",
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
        pdf="<results>/figures/fig09_clustermaps_groupings.pdf",
        png=report(
            "<results>/figures/fig09_clustermaps_groupings.png",
            caption="../report/fig09_clustermaps_groupings.rst",
            category="Figures",
            labels={"figure": "09", "shows": "Distances of letters and of phones, two layers"},
        ),
        facts="<results>/figures/fig09_clustermaps_groupings.txt",
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
        corpus=config["corpus"]["name"],
    message:
        "Figure 9: clustermaps of letters and phones"
    script:
        "../scripts/plot_clustermaps_groupings.py"


rule plot_clusters_groupings:
    input:
        code=library("snaps.joblog", "snaps.figures.clusters", "snaps.phones"),
        predicted=f"<results>/clusters/W2L/s{SEED}/predicted.h5",
        annotated=f"<results>/clusters/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        pdf="<results>/figures/fig10_clusters_groupings.pdf",
        png=report(
            "<results>/figures/fig10_clusters_groupings.png",
            caption="../report/fig10_clusters_groupings.rst",
            category="Figures",
            labels={"figure": "10", "shows": "Clusters of letters and of phones, two layers"},
        ),
        facts="<results>/figures/fig10_clusters_groupings.txt",
    log:
        "<logs>/plot_clusters_groupings.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        model="W2L",
        transition=TRANSITION,
        corpus=config["corpus"]["name"],
    message:
        "Figure 10: clusters of letters and phones"
    script:
        "../scripts/plot_clusters_groupings.py"


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
        pdf="<results>/figures/figA1_contingency_W2P.pdf",
        png=report(
            "<results>/figures/figA1_contingency_W2P.png",
            caption="../report/figA_contingency.rst",
            category="Figures",
            labels={"figure": "A1", "shows": "Predicted phones against annotated phones, W2P"},
        ),
        facts="<results>/figures/figA1_contingency_W2P.txt",
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
        pdf="<results>/figures/figA2_contingency_W2P_shallow.pdf",
        png=report(
            "<results>/figures/figA2_contingency_W2P_shallow.png",
            caption="../report/figA_contingency.rst",
            category="Figures",
            labels={
                "figure": "A2",
                "shows": "Predicted phones against annotated phones, W2P_shallow",
            },
        ),
        facts="<results>/figures/figA2_contingency_W2P_shallow.txt",
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
        pdf="<results>/figures/figA3_contingency_W2L.pdf",
        png=report(
            "<results>/figures/figA3_contingency_W2L.png",
            caption="../report/figA_contingency.rst",
            category="Figures",
            labels={"figure": "A3", "shows": "Predicted letters against annotated phones, W2L"},
        ),
        facts="<results>/figures/figA3_contingency_W2L.txt",
    log:
        "<logs>/plot_contingency_pair_letters.log",
    params:
        model="W2L",
        kind="letter",
        corpus=config["corpus"]["name"],
    message:
        "Figure A3: contingency of W2L"


rule plot_snaps:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        profiles=f"<results>/profiles/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        pdf="<results>/figures/figA4_snaps_phones_1.pdf",
        png=report(
            "<results>/figures/figA4_snaps_phones_1.png",
            caption="../report/figA_snaps.rst",
            category="Figures",
            labels={"figure": "A4", "shows": "Input SNAPs of phones aa to ih"},
        ),
        facts="<results>/figures/figA4_snaps_phones_1.txt",
    log:
        "<logs>/plot_snaps.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        kind="phone",
        first="aa",
        last="ih",
        exclude=[],
        model="W2L",
        corpus=config["corpus"]["name"],
    message:
        "Figure A4: Input SNAPs of phones aa to ih"
    script:
        "../scripts/plot_snaps.py"


use rule plot_snaps as plot_snaps_phones_2 with:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        profiles=f"<results>/profiles/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        pdf="<results>/figures/figA5_snaps_phones_2.pdf",
        png=report(
            "<results>/figures/figA5_snaps_phones_2.png",
            caption="../report/figA_snaps.rst",
            category="Figures",
            labels={"figure": "A5", "shows": "Input SNAPs of phones ix to zh"},
        ),
        facts="<results>/figures/figA5_snaps_phones_2.txt",
    log:
        "<logs>/plot_snaps_phones_2.log",
    params:
        kind="phone",
        first="ix",
        last="zh",
        exclude=[],
        model="W2L",
        corpus=config["corpus"]["name"],
    message:
        "Figure A5: Input SNAPs of phones ix to zh"


use rule plot_snaps as plot_snaps_letters with:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        profiles=f"<results>/profiles/W2L/s{SEED}/predicted.h5",
        phones=PHONES,
    output:
        pdf="<results>/figures/figA6_snaps_letters.pdf",
        png=report(
            "<results>/figures/figA6_snaps_letters.png",
            caption="../report/figA_snaps.rst",
            category="Figures",
            labels={"figure": "A6", "shows": "Input SNAPs of letters"},
        ),
        facts="<results>/figures/figA6_snaps_letters.txt",
    log:
        "<logs>/plot_snaps_letters.log",
    params:
        kind="letter",
        first=" ",
        last="z",
        exclude=config["clusters"]["exclude"],
        model="W2L",
        corpus=config["corpus"]["name"],
    message:
        "Figure A6: Input SNAPs of letters"


rule plot_silhouette_naps:
    input:
        code=library("snaps.joblog", "snaps.figures.silhouette"),
        clusters=[
            f"<results>/clusters/{model}/s{SEED}/{grouping}.h5" for model, grouping in NAP_SHOWN
        ],
    output:
        pdf="<results>/figures/figS1_silhouette_naps.pdf",
        png=report(
            "<results>/figures/figS1_silhouette_naps.png",
            caption="../report/figS1_silhouette_naps.rst",
            category="Figures",
            labels={"figure": "S1", "shows": "Silhouette over layers, SNAPs and NAPs"},
        ),
        facts="<results>/figures/figS1_silhouette_naps.txt",
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


rule plot_alignment_gain:
    input:
        code=library("snaps.joblog", "snaps.figures.gain", "snaps.phones"),
        alignment=expand("<results>/alignment/{model}/s{seed}.h5", model=AE_MODELS, seed=SEED),
        phones=PHONES,
    output:
        pdf="<results>/figures/figS2_alignment_gain.pdf",
        png=report(
            "<results>/figures/figS2_alignment_gain.png",
            caption="../report/figS2_alignment_gain.rst",
            category="Figures",
            labels={"figure": "S2", "shows": "Accuracy at the centre and at the alignment step"},
        ),
        facts="<results>/figures/figS2_alignment_gain.txt",
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


rule figures:
    input:
        rules.plot_method.output,
        rules.plot_alignment_offsets.output,
        rules.plot_contingency.output,
        rules.plot_navai_snap.output,
        rules.plot_silhouette_models.output,
        rules.plot_clustermaps_transfer.output,
        rules.plot_clusters_transfer.output,
        rules.plot_silhouette_groupings.output,
        rules.plot_clustermaps_groupings.output,
        rules.plot_clusters_groupings.output,
        rules.plot_contingency_pair.output,
        rules.plot_contingency_pair_shallow.output,
        rules.plot_contingency_pair_letters.output,
        rules.plot_snaps.output,
        rules.plot_snaps_phones_2.output,
        rules.plot_snaps_letters.output,
        rules.plot_silhouette_naps.output,
        rules.plot_alignment_gain.output,
