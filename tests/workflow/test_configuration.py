"""Settings: wrong ones are refused by name, and each is documented and used."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import validate
from study_copy import ROOT

from snaps.introspection.alignment import AlignmentSettings

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"

# A value that each setting refuses.
REFUSED = {
    "study": "../elsewhere",
    "corpus_path": 3,
    "corpus": None,
    "corpus.name": "",
    "corpus.speakers": 3,
    "corpus.seed": -1,
    "corpus.test_regions": [9],
    "corpus.sa": "eight",
    "corpus.url": 3,
    "corpus.sha256": "666C",
    "seeds": [],
    "networks": {},
    "networks.block_order": "conv",
    "networks.width": {"W2L": 0},
    "training": 30,
    "training.epochs": {"W2L": 0.5},
    "training.batch_size": 0,
    "training.learning_rate": {"W2L": 0},
    "training.gradient_clip": -1.0,
    "training.threads": "all",
    "introspection": None,
    "introspection.engine": "fast",
    "introspection.shards": 0,
    "introspection.batch": 1.5,
    "introspection.threads": 0,
    "dumps": True,
    "dumps.enabled": "yes",
    "dumps.keep": 1,
    "dumps.layers": ["layer_4"],
    "alignment": "cell",
    "alignment.pool": "max",
    "alignment.importance": "gradient",
    "alignment.peak": "time",
    "profiles": [],
    "profiles.baseline": "mean",
    "profiles.mask_scale": "none",
    "clusters": None,
    "clusters.percentiles": [101],
    "clusters.exclude": "q",
    "figures": None,
    "figures.letters": ["ab"],
    "figures.phones": [],
    "models": {},
    "models.W2L.output": "words",
    "models.W2L.layers": [],
    "models.W2L.layers.0.filters": 0,
    "models.W2L.layers.0.kernel": 1.5,
    "models.W2L.layers.0.stride": 0,
    "models.W2L.parent": 5,
    "models.W2L.transferred": -1,
    "models.W2L.trained": "some",
    "models.W2L.experiments": ["XY"],
}


def read(path):
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def schema_keys(schema, prefix=()):
    """Every key that the schema describes; any model stands for all, any layer too."""
    for name, part in schema.get("properties", {}).items():
        yield (*prefix, name)
        yield from schema_keys(part, (*prefix, name))
    if prefix == ("models",):
        yield from schema_keys(schema["additionalProperties"], (*prefix, "W2L"))
    if prefix[-1:] == ("layers",):
        yield from schema_keys(schema["items"], (*prefix, "0"))


KEYS = sorted(set(schema_keys(read(SCHEMA))))


def holder(settings, keys):
    """The mapping or list that holds the last of the keys, and that key."""
    for key in keys[:-1]:
        settings = settings[int(key) if isinstance(settings, list) else key]
    return settings, keys[-1]


@pytest.fixture(scope="module")
def defaults():
    return read(ROOT / "config" / "config.yaml") | read(ROOT / "config" / "models.yaml")


@pytest.fixture
def settings(defaults):
    # Through JSON, since models share their layers in YAML.
    return json.loads(json.dumps(defaults))


def refusal(settings):
    with pytest.raises(WorkflowError) as error:
        validate(settings, SCHEMA)
    return str(error.value)


@pytest.mark.parametrize("keys", KEYS, ids=".".join)
def test_a_wrong_value_is_refused_and_its_key_named(settings, keys):
    inside, key = holder(settings, keys)
    inside[key] = REFUSED[".".join(keys)]
    message = refusal(settings)
    assert "".join(f"[{k if k.isdigit() else repr(k)}]" for k in keys) in message, message


@pytest.mark.parametrize("keys", KEYS, ids=".".join)
def test_a_setting_may_not_be_missing(settings, keys):
    inside, key = holder(settings, keys)
    del inside[key]
    assert f"'{key}' is a required property" in refusal(settings)


@pytest.mark.parametrize(
    "section",
    # Models may be added.
    sorted({keys[:-1] for keys in KEYS} - {("models",)}),
    ids=lambda keys: ".".join(keys) or "top",
)
def test_an_unknown_key_is_refused_and_named(settings, section):
    inside, _ = holder(settings, (*section, "misspelt"))
    inside["misspelt"] = 1
    assert "'misspelt' was unexpected" in refusal(settings)


def test_the_shipped_settings_are_accepted(settings):
    validate(settings, SCHEMA)


def test_the_schema_describes_every_setting_in_a_sentence():
    def undescribed(schema, prefix=()):
        for name, part in schema.get("properties", {}).items():
            if "properties" in part:
                yield from undescribed(part, (*prefix, name))
            elif not part.get("description", "").endswith("."):
                yield ".".join((*prefix, name))

    assert list(undescribed(read(SCHEMA))) == []


# Mappings of models to values: each study names all of them.
OF_MODELS = (("networks", "width"), ("training", "epochs"), ("training", "learning_rate"))


def test_every_setting_has_its_default_and_no_other_has_one(defaults):
    def setting_keys(settings, prefix=()):
        for name, value in settings.items():
            yield (*prefix, name)
            if isinstance(value, dict) and (*prefix, name) not in OF_MODELS:
                yield from setting_keys(value, (*prefix, name))

    of_models = {keys for keys in KEYS if keys[0] == "models"}
    found = {keys for keys in setting_keys(defaults) if keys[0] != "models"}
    assert found == set(KEYS) - of_models


def test_a_study_says_only_what_differs(defaults):
    def same(settings, base, prefix=()):
        for name, value in settings.items():
            if isinstance(value, dict):
                yield from same(value, base[name], (*prefix, name))
            elif value == base[name] and prefix not in OF_MODELS:
                yield ".".join((*prefix, name))

    for study in ("sample", "timit"):
        assert list(same(read(ROOT / "config" / f"{study}.yaml"), defaults)) == []


def test_every_setting_is_used_by_a_rule():
    files = [ROOT / "workflow" / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    rules = "\n".join(path.read_text(encoding="utf-8") for path in files)
    found = set()
    for path in re.findall(r"config((?:\[[\"']\w+[\"']\])+)", rules):
        found.add(tuple(re.findall(r"\w+", path)))
    for path in re.findall(r'dpath="([\w/]+)/\{model\}", within=config', rules):
        found.add(tuple(path.split("/")))
    # A rule that takes a whole section has a script that takes each of its keys.
    assert {field.name for field in fields(AlignmentSettings)} == {
        keys[1] for keys in KEYS if keys[0] == "alignment" and keys[1:]
    }
    whole = {("alignment",), ("models",)}
    assert whole <= found
    leaves = {keys for keys in KEYS if not any(k != keys and k[: len(keys)] == keys for k in KEYS)}
    unused = {
        keys for keys in leaves if keys not in found and not any(keys[: len(w)] == w for w in whole)
    }
    assert unused == set()


def test_every_setting_is_documented():
    text = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    inner = {keys[:-1] for keys in KEYS}
    named = {
        # Keys of a model and of a layer stand for themselves, the others with their section.
        keys[-1] if keys[0] == "models" else ".".join(keys)
        for keys in set(KEYS) - inner
    }
    assert [name for name in sorted(named) if f"`{name}`" not in text] == []


def settings_file(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trainig: {epochs: {W2L: 3}}", ["'trainig' was unexpected"]),
        ("training: {epochs: {W2L: 0}}", ["['training']['epochs']['W2L']", "minimum of 1"]),
        ("networks: {width: {W2L_shallow: 1.0}}", ["networks.width", "W2L_shallow", "W2P_shallow"]),
        ("corpus_path: nowhere", ["corpus_path is 'nowhere'", "no such folder", "--config"]),
    ],
    ids=["unknown key", "wrong value", "unknown model", "missing corpus"],
)
def test_snakemake_refuses_wrong_settings_before_any_job(fresh, tmp_path, text, words):
    done = fresh.snakemake("--dry-run", "--configfile", settings_file(tmp_path, text))
    assert done.returncode != 0
    assert [word for word in words if word not in done.stdout] == [], done.stdout
    assert "Traceback" not in done.stdout and "Job stats" not in done.stdout
