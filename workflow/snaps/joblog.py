"""What a job says: its log file, its progress and how it fails."""

import contextlib
import logging
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from snaps.errors import StudyError

LOGGER = logging.getLogger("snaps")
SECONDS_BETWEEN_LINES = 10.0

Item = TypeVar("Item")


@contextlib.contextmanager
def job(log_path: str | Path) -> Iterator[logging.Logger]:
    """Run a job with its log file open; a failure ends the process with status 1.

    A :class:`StudyError` is told alone, on stderr and in the log. Any other exception leaves its
    traceback in the log and is raised again.
    """
    path = Path(log_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(handler)
    try:
        yield LOGGER
        LOGGER.info("done")
    except StudyError as error:
        LOGGER.error("Error: %s", error)
        print(f"\nError: {error}\n", file=sys.stderr)
        sys.exit(1)
    except Exception:
        LOGGER.error("%s", traceback.format_exc())
        raise
    finally:
        LOGGER.removeHandler(handler)
        logging.getLogger("py.warnings").removeHandler(handler)
        handler.close()


def progress(items: Iterable[Item], total: int | None = None, desc: str = "") -> Iterator[Item]:
    """Pass `items` on, with a bar on a terminal and a line every ten seconds in the log."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    started = said = time.monotonic()
    done = 0
    for item in tqdm(items, total=total, desc=desc, disable=not sys.stderr.isatty(), leave=False):
        yield item
        done += 1
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said = now
            share = f" of {total}" if total else ""
            left = f", {(now - started) / done * (total - done):.0f} s left" if total else ""
            LOGGER.info("%s: %d%s after %.0f s%s", desc, done, share, now - started, left)
    LOGGER.info("%s: %d in %.1f s", desc, done, time.monotonic() - started)
