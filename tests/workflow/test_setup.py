"""Set-up of .venv by envs/with_venv.sh, with a stand-in for Python that says what it is asked."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = """\
#!/usr/bin/env bash
case "$*" in
--version) echo "Python ${FAKE_VERSION:-3.11.0}" ;;
*version_info*) [ "${FAKE_VERSION:-3.11.0}" != 3.9.2 ] ;;
"-m venv --clear .venv")
    rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
    ;;
"-m pip install"*)
    echo installed >>installs
    for _ in {1..40}; do echo "Collecting something"; done
    echo "ERROR: no network"
    exit "${PIP_STATUS:-0}"
    ;;
where) echo "$0" ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    """A folder with a space in its name that holds the set-up script, a lock and the stand-in."""
    folder = tmp_path / "a clone"
    (folder / "envs").mkdir(parents=True)
    shutil.copy(ROOT / "envs" / "with_venv.sh", folder / "envs")
    (folder / "envs" / "requirements.lock").write_text("numpy==2.4.6\n")
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    return folder


def run(clone, *command, **environment):
    settings = {"PATH": "/usr/bin:/bin", "PYTHON": str(clone.parent / "python")} | environment
    return subprocess.run(
        ["bash", "envs/with_venv.sh", *(command or ("true",))],
        cwd=clone,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )


def installs(clone):
    path = clone / "installs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_it_is_made_once(clone):
    first, second = run(clone), run(clone)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert installs(clone) == 1
    assert "fetched 40 packages" in first.stdout
    assert second.stdout == ""


def test_another_lock_makes_it_again(clone):
    run(clone)
    (clone / "envs" / "requirements.lock").write_text("numpy==2.4.7\n")
    assert run(clone).returncode == 0
    assert installs(clone) == 2


def test_another_folder_makes_it_again(clone):
    run(clone)
    moved = clone.rename(clone.parent / "moved")
    assert run(moved).returncode == 0
    assert installs(moved) == 2


def test_a_failed_set_up_is_told_and_made_again(clone):
    failed = run(clone, PIP_STATUS="1")
    assert failed.returncode == 1
    assert "ERROR: no network" in failed.stderr
    assert "all it said is in .venv/pip.log" in failed.stderr
    assert run(clone).returncode == 0
    assert installs(clone) == 2


def test_a_broken_environment_is_made_again(clone):
    run(clone)
    (clone / ".venv" / "bin" / "python").unlink()
    assert run(clone).returncode == 0
    assert installs(clone) == 2


def test_two_at_once_make_it_once(clone):
    settings = {"PATH": "/usr/bin:/bin", "PYTHON": str(clone.parent / "python")}
    command = ["bash", "envs/with_venv.sh", "true"]
    both = [subprocess.Popen(command, cwd=clone, env=settings) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert installs(clone) == 1 or shutil.which("flock") is None


def test_the_command_finds_its_python_at_a_path_without_spaces(clone):
    done = run(clone, "python", "where")
    assert done.returncode == 0, done.stderr
    python = done.stdout.splitlines()[-1]
    assert python.endswith("/venv/bin/python")
    assert " " not in python
    assert not Path(python).exists(), "the link goes with the command"


def test_the_status_is_that_of_the_command(clone):
    assert run(clone, "bash", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"FAKE_VERSION": "3.9.2"}, "is Python 3.9.2; this study needs 3.11 or newer"),
        ({"PYTHON": "no-such-python"}, "no 'no-such-python' found. Install Python 3.11 or newer"),
    ],
)
def test_without_a_fitting_python_nothing_is_made(clone, environment, message):
    done = run(clone, **environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (clone / ".venv").exists()
