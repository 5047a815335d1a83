"""Fetch a corpus that may be passed on: one ZIP archive, known by its SHA-256."""

import hashlib
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from snaps.errors import StudyError

_BLOCK = 1 << 20


def fetch_corpus(url: str, sha256: str, out: Path | str) -> None:
    """Download an archive and unpack it below `out`, which is made only if the checksum agrees.

    Raises StudyError where the address cannot be read or the content is not the expected one.
    """
    with tempfile.TemporaryFile() as archive:
        digest = hashlib.sha256()
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                while block := response.read(_BLOCK):
                    digest.update(block)
                    archive.write(block)
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise StudyError(
                f"corpus.url: {url} cannot be fetched ({error}). Remedy: fetch the corpus by hand "
                "and let corpus_path name its folder"
            ) from None
        if digest.hexdigest() != sha256:
            raise StudyError(
                f"corpus.sha256: {url} has the SHA-256 {digest.hexdigest()}, not {sha256}: another "
                "file than the one this study was written for"
            )
        with zipfile.ZipFile(archive) as content:
            content.extractall(out)
