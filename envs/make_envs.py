"""Derive requirements.lock and study.yaml from the dependencies in pyproject.toml.

Needs pip-tools: `.venv/bin/pip install pip-tools`, then `.venv/bin/python envs/make_envs.py`.
Versions already in the lock are kept while they satisfy pyproject.toml; delete the lock to renew
them all. `tests/unit/test_environment.py` fails when the three files disagree.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "envs" / "requirements.lock"
CONDA = ROOT / "envs" / "study.yaml"

# librosa needs these where Python no longer carries them. pip-compile drops what the Python it
# runs on does not need, so they are named here.
NEWER_PYTHON = [
    f'{pin}; python_version >= "3.13"'
    for pin in (
        "audioop-lts==0.2.2",
        "standard-aifc==3.13.0",
        "standard-chunk==3.13.0",
        "standard-sunau==3.13.0",
    )
]

LOCK_HEADER = (
    "# Every package of the study, pinned. Derived from pyproject.toml by envs/make_envs.py."
)
CONDA_HEADER = """\
# The packages of requirements.lock for conda users. Derived by envs/make_envs.py.
# pip installs them here too: the versions are those the tests ran with, and one of
# them, espeakng-loader, is on PyPI alone.
"""


def requirements(pyproject: Path) -> list[str]:
    """The direct requirements in pyproject.toml, those of the tests included."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    return project["dependencies"] + [line for extra in extras for line in extra]


def pins(lock_text: str) -> list[str]:
    """The requirements of a lock's text, without comments, blank lines and local versions."""
    lines = (line.split("#")[0].strip() for line in lock_text.splitlines())
    return [re.sub(r"\+[\w.]+", "", line) for line in lines if line]


def conda_environment(locked: list[str]) -> str:
    """The text of study.yaml: Python from conda-forge, everything else as locked."""
    packages = "".join(f"      - {line}\n" for line in locked if ";" not in line)
    return (
        f"{CONDA_HEADER}name: snaps-study\nchannels:\n  - conda-forge\n  - nodefaults\n"
        f"dependencies:\n  - python =3.11\n  - pip\n  - pip:\n{packages}"
    )


def compile_lock(lines: list[str], lock: Path) -> list[str]:
    """Resolve the requirements with pip-compile, which keeps the versions already in `lock`."""
    command = [sys.executable, "-m", "piptools", "compile", "-", "--output-file", str(lock)]
    command += ["--quiet", "--strip-extras", "--allow-unsafe", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links"]
    subprocess.run(command, input="\n".join(lines), text=True, check=True)
    return sorted(pins(lock.read_text(encoding="utf-8")) + NEWER_PYTHON)


def main() -> None:
    """Write both environment files beside this script."""
    locked = compile_lock(requirements(PYPROJECT), LOCK)
    LOCK.write_text("\n".join([LOCK_HEADER, *locked, ""]), encoding="utf-8")
    CONDA.write_text(conda_environment(locked), encoding="utf-8")


if __name__ == "__main__":
    main()
