"""The repository's own style: ruff, snakefmt and Snakemake's linter find nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def snakefiles() -> list[str]:
    found = [ROOT / "Snakefile", ROOT / "workflow" / "Snakefile", *ROOT.glob("workflow/**/*.smk")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("snakefmt", "--check", *snakefiles()),
        ("snakemake", "--lint"),
    ],
    ids=["ruff", "ruff-format", "snakefmt", "snakemake-lint"],
)
def test_tool_finds_nothing(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
