"""pyproject.toml, the pip lock and the conda environment name the same packages."""

import importlib.util
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "envs" / "requirements.lock"
CONDA = ROOT / "envs" / "study.yaml"


@pytest.fixture(scope="module")
def make_envs():
    spec = importlib.util.spec_from_file_location("make_envs", ROOT / "envs" / "make_envs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def locked(make_envs):
    return [Requirement(line) for line in make_envs.pins(LOCK.read_text(encoding="utf-8"))]


def version(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    return specifier.version


def test_lock_pins_every_package_once_and_exactly(locked):
    names = [canonicalize_name(requirement.name) for requirement in locked]
    assert len(names) == len(set(names))
    for requirement in locked:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert "+" not in version(requirement) and "*" not in version(requirement)
        assert requirement.url is None


def test_lock_holds_no_trace_of_the_machine_that_made_it():
    text = LOCK.read_text(encoding="utf-8")
    assert not re.search(r"--|file:|https?:|^ |/\w+/", text, flags=re.MULTILINE)
    assert "\ntorch==2.13.0\n" in text


def test_lock_satisfies_every_requirement_of_pyproject(make_envs, locked):
    pinned = {canonicalize_name(requirement.name): version(requirement) for requirement in locked}
    for line in make_envs.requirements(make_envs.PYPROJECT):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line


def test_conda_environment_is_the_lock(make_envs):
    lock_text = LOCK.read_text(encoding="utf-8")
    assert CONDA.read_text(encoding="utf-8") == make_envs.conda_environment(
        make_envs.pins(lock_text)
    )
    python, _, packages = yaml.safe_load(CONDA.read_text(encoding="utf-8"))["dependencies"]
    assert python == "python =3.11"
    assert set(packages["pip"]) == {
        line for line in make_envs.pins(lock_text) if "python_version" not in line
    }


def test_pins_leaves_out_comments_and_local_versions(make_envs):
    assert make_envs.pins("# head\n\ntorch==2.13.0+cpu\nnumpy==2.4.6  # via x\n") == [
        "torch==2.13.0",
        "numpy==2.4.6",
    ]


@pytest.mark.skipif(
    not (Path(sys.prefix) / "made-for").exists(), reason="not run in the venv that make makes"
)
def test_this_environment_is_the_locked_one(locked):
    for requirement in locked:
        if requirement.marker is None or requirement.marker.evaluate():
            installed = metadata.version(requirement.name).split("+")[0]
            assert installed == version(requirement), requirement.name
