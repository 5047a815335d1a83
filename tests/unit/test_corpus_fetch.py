"""Fetching an archive: only the expected content is unpacked."""

import hashlib
import zipfile

import pytest

from snaps.corpus.fetch import fetch_corpus
from snaps.errors import StudyError


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "speech.zip"
    with zipfile.ZipFile(path, "w") as content:
        content.writestr("timit/dr1-fvmh0/sa1.txt", "0 10 She had")
    return path


def test_an_archive_of_the_right_checksum_is_unpacked(archive, tmp_path):
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    fetch_corpus(archive.as_uri(), sha256, tmp_path / "out")
    assert (tmp_path / "out/timit/dr1-fvmh0/sa1.txt").read_text() == "0 10 She had"


def test_another_content_is_refused_and_nothing_written(archive, tmp_path):
    with pytest.raises(StudyError, match=r"corpus\.sha256: .* not 0123"):
        fetch_corpus(archive.as_uri(), "0123", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_address_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"corpus\.url: .*corpus_path"):
        fetch_corpus((tmp_path / "none.zip").as_uri(), "0123", tmp_path / "out")
