# Reads everything that is reported; writes settings.yaml and report.zip of the study.
# Used by: the reader.
rule record_settings:
    input:
        code=library("snaps.joblog"),
    output:
        settings="<results>/settings.yaml",
    log:
        "<logs>/record_settings.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=config,
    message:
        "Recording settings and versions"
    script:
        "../scripts/record_settings.py"


rule write_report:
    input:
        rules.figures.input,
        rules.tables.input,
        rules.explorer.input,
        code=library("snaps.joblog"),
    output:
        report="<results>/report.zip",
    log:
        "<logs>/write_report.log",
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=config,
        snakefile=os.path.relpath(workflow.main_snakefile),
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"


rule report:
    input:
        rules.write_report.output,
