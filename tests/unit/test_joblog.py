"""What a job says, and how it fails."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from snaps import joblog
from snaps.errors import StudyError
from snaps.joblog import job, progress

LIBRARY = Path(joblog.__file__).parents[1]


def run(tmp_path, body):
    """Run a job in a process of its own, as a rule's script does."""
    log = tmp_path / "logs" / "rule" / "job.log"
    script = (
        "from snaps.errors import StudyError\n"
        "from snaps.joblog import job\n"
        f"with job({str(log)!r}) as log:\n    {body}\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=LIBRARY,
        capture_output=True,
        text=True,
        check=False,
    )
    return result, log.read_text(encoding="utf-8")


def test_a_mistake_of_the_user_is_told_alone(tmp_path):
    result, log = run(tmp_path, "raise StudyError('corpus_path: no folder there; give one')")
    assert result.returncode == 1
    assert result.stderr.strip() == "Error: corpus_path: no folder there; give one"
    assert "Error: corpus_path: no folder there; give one" in log
    assert "Traceback" not in log
    assert "done" not in log


def test_any_other_failure_leaves_its_traceback_in_the_log(tmp_path):
    result, log = run(tmp_path, "raise ValueError('a bug')")
    assert result.returncode == 1
    assert "Traceback (most recent call last)" in log
    assert "ValueError: a bug" in log
    assert "ValueError: a bug" in result.stderr
    assert "done" not in log


def test_a_job_that_succeeds_says_so_in_the_log_alone(tmp_path):
    result, log = run(tmp_path, "log.info('%d frames', 3)")
    assert (result.returncode, result.stderr, result.stdout) == (0, "", "")
    assert [line.split(" ", 1)[1] for line in log.splitlines()] == ["3 frames", "done"]


def test_exceptions_within_a_process(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped, job(tmp_path / "a.log"):
        raise StudyError("make it so")
    assert stopped.value.code == 1
    assert "make it so" in capsys.readouterr().err
    with pytest.raises(KeyError), job(tmp_path / "b.log"):
        raise KeyError("gone")
    assert "KeyError" in (tmp_path / "b.log").read_text()


def test_the_log_of_a_job_ends_with_it(tmp_path):
    with job(tmp_path / "a.log") as log:
        log.info("first")
    with job(tmp_path / "b.log") as log:
        logging.getLogger("snaps.training").info("second")
    first, second = ((tmp_path / f"{name}.log").read_text() for name in "ab")
    assert "first" in first
    assert "second" not in first
    assert "second" in second
    assert "first" not in second
    handlers = logging.getLogger("snaps").handlers
    assert not any(isinstance(handler, logging.FileHandler) for handler in handlers)


def test_a_log_is_begun_anew(tmp_path):
    for said in ("old", "new"):
        with job(tmp_path / "a.log") as log:
            log.info(said)
    assert "old" not in (tmp_path / "a.log").read_text()


def test_warnings_go_to_the_log_alone(tmp_path):
    result, log = run(tmp_path, "import warnings; warnings.warn('two segments overlap')")
    assert (result.returncode, result.stderr) == (0, "")
    assert "UserWarning: two segments overlap" in log


def test_progress_passes_on_what_it_is_given(tmp_path):
    taken = []

    def items():
        for number in range(4):
            taken.append(number)
            yield number

    with job(tmp_path / "a.log"):
        going = progress(items(), desc="utterances")
        assert next(going) == 0
        assert taken == [0]
        assert list(going) == [1, 2, 3]
        assert list(progress([])) == []
    assert "utterances: 4 in 0." in (tmp_path / "a.log").read_text()


@pytest.mark.parametrize(
    ("items", "total", "said"),
    [
        ([7, 8], None, "frames: 1 of 2 after 0 s, 0 s left"),
        (iter([7, 8]), None, "frames: 1 after 0 s"),
    ],
)
def test_progress_says_how_far_it_is(tmp_path, monkeypatch, items, total, said):
    monkeypatch.setattr(joblog, "SECONDS_BETWEEN_LINES", 0.0)
    with job(tmp_path / "a.log"):
        assert list(progress(items, total, "frames")) == [7, 8]
    lines = [line.split(" ", 1)[1] for line in (tmp_path / "a.log").read_text().splitlines()]
    assert lines[0] == said
    assert lines[-2].startswith("frames: 2 in 0.")


def test_progress_foretells_the_time_that_is_left(tmp_path, monkeypatch):
    clock = iter([0.0, 12.0, 15.0, 24.0, 36.0, 36.0])
    monkeypatch.setattr(joblog.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(joblog, "tqdm", lambda items, **_: items)
    with job(tmp_path / "a.log"):
        list(progress("abcd", desc="shards"))
    lines = [line.split(" ", 1)[1] for line in (tmp_path / "a.log").read_text().splitlines()]
    # At least ten seconds between lines: nothing is said at 15 s.
    assert lines == [
        "shards: 1 of 4 after 12 s, 36 s left",
        "shards: 3 of 4 after 24 s, 8 s left",
        "shards: 4 of 4 after 36 s, 0 s left",
        "shards: 4 in 36.0 s",
        "done",
    ]
