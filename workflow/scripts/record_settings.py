"""Write the resolved configuration, its hash, the versions of all packages and the commit."""

import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import yaml

from snaps.joblog import job
from snaps.settings import describe_study, hash_settings

config = snakemake.params.config
with job(snakemake.log[0]):
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(snakemake.scriptdir),
        capture_output=True,
        text=True,
    )
    record = {
        "config": config,
        "config_hash": hash_settings(config),
        "git_commit": git.stdout.strip() or None,
        "python": platform.python_version(),
        "packages": {item.name: item.version for item in distributions()},
    }
    with open(snakemake.output.settings, "w", encoding="utf-8") as file:
        yaml.safe_dump(record, file, sort_keys=True)
    Path(snakemake.output.provenance).write_text(describe_study(config) + "\n", encoding="utf-8")
