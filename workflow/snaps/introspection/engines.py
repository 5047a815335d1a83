"""Choosing how maps are computed."""

from snaps.errors import StudyError
from snaps.introspection.conv_stack import ConvStackExtractor
from snaps.introspection.maps import Extractor
from snaps.introspection.reference import ReferenceExtractor
from snaps.networks import ConvStack

ENGINES = ("auto", "conv_stack", "reference")


def choose_extractor(network: ConvStack, engine: str = "auto") -> Extractor:
    """The extractor of an engine; ``auto`` takes the fast one wherever it is exact.

    Raises
    ------
    StudyError : the engine is unknown, or not exact for this network.
    """
    if engine not in ENGINES:
        raise StudyError(f"introspection.engine is {engine!r}: use one of {ENGINES}")
    supported = ConvStackExtractor.supports(network)
    if engine == "conv_stack" and not supported:
        raise StudyError(
            "introspection.engine is conv_stack, but frames of this network cannot share a pass: "
            "padding reaches their live steps, or the strides do not divide their hop; "
            "use auto or reference"
        )
    if engine == "reference" or not supported:
        return ReferenceExtractor(network)
    return ConvStackExtractor(network)
