# Reads everything that is reported; writes settings.yaml, provenance.txt (corpus, seeds and hash of
# the settings, which every caption ends with) and report.zip of the study.
# Used by: the reader.
rule record_settings:
    input:
        code=library("snaps.joblog", "snaps.settings"),
    output:
        settings="<results>/settings.yaml",
        provenance="<results>/provenance.txt",
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


rule tables:
    input:
        rules.write_architectures_table.output,
        rules.write_models_table.output,
        rules.write_readings_table.output,
        rules.write_frames_table.output,
        rules.write_errors_table.output,
        rules.write_alignment_table.output,
        rules.compare_to_paper.output,


rule write_report:
    input:
        rules.figures.input,
        rules.tables.input,
        rules.record_settings.output.provenance,
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
