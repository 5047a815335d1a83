"""Write snakemake's own report of the figures and tables that are there."""

import subprocess
import sys
import tempfile

import yaml

from snaps.errors import StudyError
from snaps.joblog import job

with job(snakemake.log[0]) as log, tempfile.NamedTemporaryFile("w", suffix=".yaml") as settings:
    yaml.safe_dump(snakemake.params.config, settings)
    settings.flush()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", snakemake.params.snakefile),
            # The run that this job belongs to holds the lock; the report only reads.
            *("--nolock", "--configfile", settings.name),
            *("--report", snakemake.output.report, "--", "figures", "tables"),
        ],
        capture_output=True,
        text=True,
    )
    log.info("%s%s", done.stdout, done.stderr)
    if done.returncode:
        raise StudyError(f"snakemake --report failed; its words are in {snakemake.log[0]}")
