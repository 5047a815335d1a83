"""The hash of the settings, and how they read the paper."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from snaps.settings import describe_study, hash_settings, tabulate_readings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config():
    """The demo's configuration, through JSON since models share their layers in YAML."""
    files = [ROOT / "config" / name for name in ("config.yaml", "models.yaml")]
    merged = {}
    for path in files:
        merged |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return json.loads(json.dumps(merged))


def changed(config, *keys, to):
    copy = json.loads(json.dumps(config))
    inside = copy
    for key in keys[:-1]:
        inside = inside[key]
    assert inside[keys[-1]] != to
    inside[keys[-1]] = to
    return copy


def test_hash_by_hand():
    # sha256 of {"a":1.0,"b":{"c":[null,true,"x"]}}
    expected = "da6cdb71199f"
    assert hash_settings({"b": {"c": (None, True, "x")}, "a": 1}) == expected
    assert hash_settings({"a": 1.0, "b": {"c": [None, True, "x"]}, "dumps": 3}) == expected


@pytest.mark.parametrize(
    ("keys", "to"),
    [
        (("study",), "mine"),
        (("corpus_path",), "../timit"),
        (("corpus", "url"), "https://elsewhere"),
        (("training", "threads"), 8),
        (("introspection", "batch"), 7),
        (("introspection", "engine"), "reference"),
        (("introspection", "added"), "later"),
        (("dumps", "enabled"), False),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_where_and_how_a_study_runs_does_not_matter(config, keys, to):
    if keys[-1] == "added":
        config["introspection"]["added"] = "before"
    assert hash_settings(changed(config, *keys, to=to)) == hash_settings(config)


@pytest.mark.parametrize(
    ("keys", "to"),
    [
        (("corpus", "name"), "TIMIT"),
        (("corpus", "sa"), "seven_per_text"),
        (("seeds",), [1]),
        (("networks", "width", "W2L"), 1.0),
        (("training", "epochs", "W2P"), 41),
        (("alignment", "pool"), "none"),
        (("profiles", "mask_scale"), "layer"),
        (("clusters", "percentiles"), [90]),
        (("figures", "letters"), ["e"]),
        (("models", "W2L", "trained"), "new"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_what_results_depend_on_changes_the_hash(config, keys, to):
    assert hash_settings(changed(config, *keys, to=to)) != hash_settings(config)


def test_hash_leaves_the_settings_alone_and_knows_no_order(config):
    before = json.dumps(config)
    found = hash_settings(config)
    assert json.dumps(config) == before
    assert re.fullmatch(r"[0-9a-f]{12}", found)
    assert hash_settings(dict(reversed(config.items()))) == found


def test_a_study_is_described_by_corpus_seeds_and_hash(config):
    found = hash_settings(config)
    assert describe_study(config) == (
        f"Corpus: embedded espeak-ng corpus. Seed: 0. Settings: {found}."
    )
    several = changed(config, "seeds", to=[3, 5])
    assert "Seeds: 3, 5; figures and verdicts are those of 3." in describe_study(several)


@pytest.fixture
def readings():
    path = ROOT / "config" / "readings.tsv"
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def test_readings_show_value_default_and_letter(readings, config):
    here = changed(config, "alignment", "pool", to="none")
    here = changed(here, "clusters", "exclude", to=[" ", "q"])
    table = tabulate_readings(readings, here, config).set_index("setting")
    assert list(table) == ["here", "default", "letter", "section", "wording"]
    shown = ["here", "default", "letter", "section"]
    assert table.loc["alignment.pool", shown].tolist() == ["none", "signed", "signed", "3.3"]
    assert table.loc["clusters.exclude", shown].tolist() == [
        *("space, q", "space, apostrophe", "", "5.4"),
    ]
    # The one default that is not the paper's letter, see METHOD section 3.
    departs = table[(table["letter"] != "") & (table["letter"] != table["default"])]
    assert departs.index.tolist() == ["alignment.importance"]


def test_every_switch_of_the_method_is_a_reading(readings):
    method = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    switches = re.findall(r"\*\*switch\*\*\s+`([a-z_.]+)`", method)
    assert {*switches, "clusters.percentiles"} == set(readings["setting"])


def test_letters_are_values_that_the_settings_accept(readings):
    schema = (ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")
    sections = yaml.safe_load(schema)["properties"]
    for row in readings.itertuples():
        section, key = row.setting.split(".")
        allowed = sections[section]["properties"][key].get("enum")
        assert allowed is None or row.letter in [*allowed, ""], row.setting
        assert row.wording and re.fullmatch(r"\d(\.\d)+", row.section)
