"""Opening a shard of a study: its frames, and what turns them into maps."""

import numpy as np
import pandas as pd
import pytest

from snaps.errors import StudyError
from snaps.frames import frame_index
from snaps.introspection.alignment import AlignmentSettings
from snaps.introspection.conv_stack import ConvStackExtractor
from snaps.introspection.dumps import concatenate_frames
from snaps.introspection.reference import ReferenceExtractor
from snaps.introspection.shards import open_shard
from snaps.networks import save_network

STEPS = (211, 205, 206, 230, 218)
READING = {"pool": "none", "importance": "saliency", "peak": "features"}


@pytest.fixture
def shard_of(tmp_path, make_network, make_features):
    """Open a shard of five utterances of three speakers."""
    network, features = make_network(units=["<blank>", "a", "b"]), make_features(STEPS)
    save_network(tmp_path / "weights.safetensors", network)
    speakers = pd.DataFrame({"speaker": ["x", "x", "y", "z", "z"]})
    speakers.to_csv(tmp_path / "utterances.tsv", sep="\t", index=False)

    def make(shard, engine="auto", batch=4, reading=READING):
        paths = features, tmp_path / "utterances.tsv", tmp_path / "weights.safetensors"
        return open_shard(*paths, shard, engine, batch, 1, reading)

    return make


def columns_of(shard):
    return concatenate_frames(batch.columns for batch in shard.batches())


def test_a_shard_knows_its_frames_symbols_and_settings(shard_of):
    with shard_of("2-of-3", batch=1) as shard:
        # 3 frames of speaker x go before the one of y.
        assert shard.frame.tolist() == [3]
        assert shard.utterance.tolist() == [2]
        assert shard.symbols == {
            "predicted": ["<blank>", "a", "b"],
            "annotated": ["aa", "b", "s", "h#"],
        }
        assert shard.alignment == AlignmentSettings(**READING)
        assert list(shard.layout) == ["input", *(f"layer_{k:02d}" for k in range(1, 7))]
        assert shard.batch_count == len(list(shard.batches())) == 1


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_frames_do_not_depend_on_shards_and_batches(shard_of, batch):
    with shard_of("1-of-1", batch=100) as shard:
        whole = columns_of(shard)
    utterance, start = frame_index(np.array(STEPS))
    assert np.array_equal(whole["utterance"], utterance)
    assert np.array_equal(whole["start"], start)
    parts = []
    for number in (1, 2, 3):
        with shard_of(f"{number}-of-3", batch=batch) as shard:
            assert shard.batch_count == len(list(shard.batches()))
            parts.append(columns_of(shard))
    joined = concatenate_frames(parts)
    assert joined.keys() == whole.keys()
    for name, values in whole.items():
        if name == "logit":
            np.testing.assert_allclose(joined[name], values, rtol=1e-5)
        else:
            assert np.array_equal(joined[name], values), name


def test_the_engine_is_the_one_asked_for(shard_of):
    engines = {"auto": ConvStackExtractor, "conv_stack": ConvStackExtractor}
    found = []
    for engine, extractor in (engines | {"reference": ReferenceExtractor}).items():
        with shard_of("1-of-2", engine) as shard:
            assert isinstance(shard.extract, extractor)
            found.append(columns_of(shard))
    for name in ("predicted", "annotated", "step/input", "step/navai"):
        assert np.array_equal(found[0][name], found[2][name]), name
    np.testing.assert_allclose(found[0]["logit"], found[2]["logit"], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shard": "1-of-1", "reading": {"pool": "x"}}, r"alignment\.pool is 'x'"),
        ({"shard": "1-of-1", "engine": "x"}, r"introspection\.engine is 'x'"),
        ({"shard": "4-of-4"}, r"introspection\.shards is 4"),
    ],
)
def test_settings_that_cannot_be_are_refused(shard_of, settings, message):
    with pytest.raises(StudyError, match=message), shard_of(**settings):
        pass
