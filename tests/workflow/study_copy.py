"""Copies of the repository, in which tests run Snakemake and change files."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("Snakefile", "workflow", "config", "envs", "CITATION.cff")


class StudyCopy:
    """What Snakemake reads of this repository, in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy2(source, folder / name)

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "snakemake", *map(str, arguments)]

    def snakemake(self, *arguments: str | Path) -> subprocess.CompletedProcess:
        """Run snakemake; `stdout` of what is returned holds all that it said."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def run(self, *arguments: str | Path) -> str:
        """Run snakemake, which has to succeed; return all that it said."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def scheduled(self, *arguments: str | Path) -> dict[str, int]:
        """Jobs of each rule that a dry run would start."""
        said = self.run("--dry-run", *arguments)
        table = re.search(r"^Job stats:\njob +count\n[- ]+\n(.*?)^total ", said, re.M | re.S)
        if table is None:
            assert "Nothing to be done" in said, said
            return {}
        rows = (line.split() for line in table[1].splitlines())
        return {rule: int(count) for rule, count in rows}
