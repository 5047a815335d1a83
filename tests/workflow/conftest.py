"""A fresh copy of the repository, without results, for tests that start no job."""

import pytest
from study_copy import StudyCopy


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """In a folder with a space in its name, as a user may have."""
    return StudyCopy(tmp_path_factory.mktemp("a study"))
