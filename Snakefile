# The door. The chain itself is in workflow/Snakefile; an included default target is not carried
# across, hence the first rule here.
include: "workflow/Snakefile"


rule study:
    default_target: True
    input:
        rules.all.input,
