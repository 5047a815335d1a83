"""The settings of a study: what identifies them, and how they read the paper."""

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy

import pandas as pd

from snaps.phones import visible_symbol

# Where and how a study runs; its results do not depend on these, but for rounding.
OF_THE_MACHINE = (
    ("study",),
    ("corpus_path",),
    ("corpus", "url"),
    ("training", "threads"),
    ("introspection",),
    ("dumps",),
)
HASH_DIGITS = 12


def hash_settings(config: Mapping) -> str:
    """First 12 hex digits of the SHA-256 of the settings that determine the results.

    The name of the study, the place of the corpus, threads, batches, shards, engine and dumps are
    left out. The order of keys does not matter, nor whether a number is written as 1 or 1.0.

    Parameters
    ----------
    config : the resolved configuration
    """
    kept = deepcopy(dict(config))
    for *sections, key in OF_THE_MACHINE:
        inside = kept
        for section in sections:
            inside = inside.get(section, {})
        inside.pop(key, None)
    written = json.dumps(_plain(kept), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:HASH_DIGITS]


def _plain(value: object) -> object:
    """Mappings, lists and scalars as JSON knows them, every number a float."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def describe_study(config: Mapping) -> str:
    """Corpus, seeds and hash of the settings in a sentence each, for captions."""
    seeds = [str(seed) for seed in config["seeds"]]
    said = f"Seed: {seeds[0]}."
    if len(seeds) > 1:
        said = f"Seeds: {', '.join(seeds)}; figures and verdicts are those of {seeds[0]}."
    return f"Corpus: {config['corpus']['name']}. {said} Settings: {hash_settings(config)}."


def tabulate_readings(readings: pd.DataFrame, settings: Mapping, defaults: Mapping) -> pd.DataFrame:
    """How the paper was read where it leaves a choice.

    Parameters
    ----------
    readings : setting (section.key), section of the paper, letter (the value that the paper's
        words say, empty where they leave it open), wording
    settings, defaults : section, key to value: of this study, and of config/config.yaml

    Returns
    -------
    setting, here, default, letter, section, wording
    """

    def value(source: Mapping, setting: str) -> str:
        section, key = setting.split(".")
        found = source[section][key]
        values = found if isinstance(found, list) else [found]
        return ", ".join(visible_symbol(str(item)) for item in values)

    return pd.DataFrame(
        {
            "setting": row.setting,
            "here": value(settings, row.setting),
            "default": value(defaults, row.setting),
            "letter": row.letter,
            "section": row.section,
            "wording": row.wording,
        }
        for row in readings.itertuples(index=False)
    )
