"""Write the resolved configuration, the versions of all packages and the commit of the study."""

import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import yaml

from snaps.joblog import job

with job(snakemake.log[0]):
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(snakemake.scriptdir),
        capture_output=True,
        text=True,
    )
    record = {
        "config": snakemake.params.config,
        "git_commit": git.stdout.strip() or None,
        "python": platform.python_version(),
        "packages": {item.name: item.version for item in distributions()},
    }
    with open(snakemake.output.settings, "w", encoding="utf-8") as file:
        yaml.safe_dump(record, file, sort_keys=True)
