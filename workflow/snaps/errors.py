"""The one exception of the study."""


class StudyError(Exception):
    """A mistake in the data or the settings, told in one message that names the remedy."""
