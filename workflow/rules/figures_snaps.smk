# Reads profiles and one frame's alignment; writes the figures of the method and of input SNAPs
# (paper 3.3, 5.2): 1, 4, A4 to A6.
# Used by: study.
rule plot_method:
    input:
        code=library("snaps.joblog", "snaps.figures.method"),
        example=f"<results>/alignment/W2L/s{SEED}_example.h5",
        profiles=f"<results>/profiles/W2L/s{SEED}/predicted.h5",
    output:
        **figure_files(
            "fig01_method",
            section="method",
            item="Figure 1",
            shows="Alignment of a frame and composition of a SNAP",
        ),
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
        pool=config["alignment"]["pool"],
        importance=config["alignment"]["importance"],
        corpus=config["corpus"]["name"],
    message:
        "Figure 1: the method"
    script:
        "../scripts/plot_method.py"


rule plot_navai_snap:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        predicted=f"<results>/profiles/W2L/s{SEED}/predicted.h5",
        annotated=f"<results>/profiles/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        **figure_files(
            "fig04_navai_snap",
            section="snaps",
            item="Figure 4",
            shows="NAvAI and SNAP of letters, SNAP of phones",
        ),
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


rule plot_snaps:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        profiles=f"<results>/profiles/W2L/s{SEED}/annotated.h5",
        phones=PHONES,
    output:
        **figure_files(
            "figA4_snaps_phones_1",
            section="appendix",
            item="Figure A4",
            shows="Input SNAPs of phones aa to ih",
            caption="figA_snaps",
        ),
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
        "Figure A4: input SNAPs of phones aa to ih"
    script:
        "../scripts/plot_snaps.py"


use rule plot_snaps as plot_snaps_phones_2 with:
    output:
        **figure_files(
            "figA5_snaps_phones_2",
            section="appendix",
            item="Figure A5",
            shows="Input SNAPs of phones ix to zh",
            caption="figA_snaps",
        ),
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
        "Figure A5: input SNAPs of phones ix to zh"


use rule plot_snaps as plot_snaps_letters with:
    input:
        code=library("snaps.joblog", "snaps.figures.maps", "snaps.phones"),
        profiles=f"<results>/profiles/W2L/s{SEED}/predicted.h5",
        phones=PHONES,
    output:
        **figure_files(
            "figA6_snaps_letters",
            section="appendix",
            item="Figure A6",
            shows="Input SNAPs of letters",
            caption="figA_snaps",
        ),
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
        "Figure A6: input SNAPs of letters"
