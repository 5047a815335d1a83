"""One small study from speech to report, and what happens when it is run again in other ways.

The networks are a sixteenth of the paper's width and hear four speakers for a minute and a half:
they learn to say several symbols, which is all that the later stages need.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile
from itertools import product
from urllib.parse import quote

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file
from study_copy import COPIED, StudyCopy

from snaps.frames import frame_index
from snaps.introspection.dumps import read_dump
from snaps.profiles import open_profiles
from snaps.settings import hash_settings

STUDY = "small"
EPOCHS = {"W2L": 30, "W2P": 30, "W2P_shallow": 30, "W2L_TL_frozen": 15, "W2L_TL_finetuned": 3}
RATES = dict.fromkeys(EPOCHS, 0.01) | {"W2L_TL_finetuned": 0.001}
LAYERS = dict.fromkeys(EPOCHS, 12) | {"W2P_shallow": 6}
SETTINGS = {
    "study": STUDY,
    "corpus": {"name": "small embedded corpus", "speakers": 4},
    "networks": {"width": dict.fromkeys(EPOCHS, 0.0625) | {"W2P_shallow": 0.125}},
    "training": {"epochs": EPOCHS, "batch_size": 4, "learning_rate": RATES},
    "introspection": {"shards": 2, "batch": 64},
}
GROUPINGS = ("predicted", "annotated")
PHONE_MODELS = ("W2P", "W2P_shallow")
FIGURES = [
    *("fig01_method", "fig02_alignment_offsets", "fig03_contingency_W2P_shallow"),
    *("fig04_navai_snap", "fig05_silhouette_models", "fig06_clustermaps_transfer"),
    *("fig07_clusters_transfer", "fig08_silhouette_groupings", "fig09_clustermaps_groupings"),
    *("fig10_clusters_groupings", "figA1_contingency_W2P", "figA2_contingency_W2P_shallow"),
    *("figA3_contingency_W2L", "figA4_snaps_phones_1", "figA5_snaps_phones_2"),
    *("figA6_snaps_letters", "figS1_silhouette_naps", "figS2_alignment_gain"),
]
TABLES = ["tab1_architectures", "tab2_models", "readings", "frames", "errors", "alignment"]
TABLES += ["claims"]
# What any other setting than before leads to, for it is recorded and reported.
RECORDED = {"record_settings": 1, "write_report": 1, "study": 1}
# What is drawn from clusterings.
FROM_CLUSTERS = [
    "write_explorer",
    *("plot_silhouette_models", "plot_clustermaps_transfer", "plot_clusters_transfer"),
    *("plot_silhouette_groupings", "plot_clustermaps_groupings", "plot_clusters_groupings"),
    "plot_silhouette_naps",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The whole study, run once."""
    copy = StudyCopy(tmp_path_factory.mktemp("a small study"))
    write_settings(copy, STUDY, SETTINGS)
    start = time.monotonic()
    copy.run("--cores", "all", "--configfile", f"{STUDY}.yaml")
    print(f"the study took {time.monotonic() - start:.0f} s")
    return copy


@pytest.fixture
def results(study):
    return study.folder / "results" / STUDY


def write_settings(study, name, settings):
    (study.folder / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def start_from(study, name, *stages, **settings):
    """A study of other settings that takes over some stages; return the arguments that run it."""
    for stage in stages:
        source, target = (study.folder / "results" / run / stage for run in (STUDY, name))
        shutil.copytree(source, target)
    write_settings(study, name, settings | {"study": name})
    return ("--configfile", f"{STUDY}.yaml", f"{name}.yaml")


def read_table(path):
    return pd.read_csv(path, sep="\t")


def datasets(path):
    """Name to (shape, type) of every dataset of a file."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: (
                found.update({name: (item.shape, item.dtype.str[1:])})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def texts(path, name):
    with h5py.File(path, "r") as file:
        return [text.decode() for text in file[name][:]]


def layer_names(model):
    return ["input", *(f"layer_{number:02d}" for number in range(1, LAYERS[model] + 1))]


def layer_sizes(model):
    """Features of each layer: a sixteenth of Table 1, an eighth in the shallow network."""
    wide, top = (32, []) if model == "W2P_shallow" else (16, [128, 128])
    outputs = 62 if model in PHONE_MODELS else 29
    sizes = [wide] * (LAYERS[model] - 1 - len(top)) + top + [outputs]
    if model.startswith("W2L_TL"):
        sizes[:5] = [32] * 5
    return dict(zip(layer_names(model), [128, *sizes], strict=True))


# What a study leaves behind


def test_the_corpus_is_indexed(results):
    utterances = read_table(results / "corpus" / "utterances.tsv")
    columns = "utterance speaker sex dialect split sentence_type samples text"
    assert " ".join(utterances) == columns
    assert utterances["speaker"].nunique() == 4
    assert set(utterances["split"]) == {"train", "test"}
    assert utterances["sentence_type"].value_counts()["SX"] == 20
    segments = read_table(results / "corpus" / "phones.tsv")
    assert list(segments) == ["utterance", "start", "end", "phone"]
    samples = utterances.set_index("utterance")["samples"]
    for name, mine in segments.groupby("utterance"):
        assert mine["start"].tolist() == [0, *mine["end"].tolist()[:-1]]
        assert mine["end"].iloc[-1] == samples[name]


def test_features_hold_every_step_of_every_utterance(results):
    path = results / "features" / "logmel.h5"
    utterances = read_table(results / "corpus" / "utterances.tsv")
    steps = 1 + utterances["samples"].to_numpy() // 128
    total, count = int(steps.sum()), len(utterances)
    assert datasets(path) == {
        "logmel": ((total, 128), "f4"),
        "phone": ((total,), "i2"),
        "phones": ((61,), "O"),
        "utterances": ((count,), "O"),
        "offsets": ((count + 1,), "i8"),
    }
    assert texts(path, "utterances") == utterances["utterance"].tolist()
    with h5py.File(path, "r") as file:
        assert np.array_equal(np.diff(file["offsets"][:]), steps)
        assert file["phone"][:].max() < 61 and file["phone"][:].min() >= 0
        assert file["logmel"].chunks[1] == 128
        assert np.isfinite(file["logmel"][:]).all()


@pytest.mark.parametrize("model", EPOCHS)
def test_models_hold_weights_history_and_error_rates(results, model):
    folder = results / "models" / model / "s0"
    with safe_open(folder / "weights.safetensors", "np") as file:
        metadata, keys = file.metadata(), set(file.keys())
    norm = [f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    parts = [*norm, "conv.weight", "conv.bias"]
    named = {f"{layer}.{part}" for layer, part in product(layer_names(model)[1:], parts)}
    assert named <= keys
    units = json.loads(metadata["units"])
    assert units[0] == "<blank>" and len(units) == layer_sizes(model)[layer_names(model)[-1]]
    assert float(metadata["eps"]) == 1e-3 and metadata["block_order"] == "norm_conv"
    history = read_table(folder / "history.tsv")
    assert history["epoch"].tolist() == list(range(1, EPOCHS[model] + 1))
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    metrics = read_table(folder / "metrics.tsv")
    assert list(metrics) == ["part", "metric", "value"]
    rates = ["PER61", "PER39"] if model in PHONE_MODELS else ["LER"]
    assert list(zip(metrics["part"], metrics["metric"], strict=True)) == (
        list(product(["train", "test"], rates))
    )
    settings = yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))
    assert settings["epochs"] == EPOCHS[model] and settings["batch_size"] == 4


def test_transfer_models_keep_what_they_take_over(results):
    weights = {
        model: load_file(results / "models" / model / "s0" / "weights.safetensors")
        for model in ("W2P_shallow", "W2L_TL_frozen", "W2L_TL_finetuned")
    }
    shallow, frozen, finetuned = weights.values()
    for name, values in shallow.items():
        if not name.startswith("layer_06"):
            assert np.array_equal(frozen[name], values), name
    for name, values in frozen.items():
        assert np.array_equal(finetuned[name], values) == (".norm." in name), name


@pytest.mark.parametrize("model", EPOCHS)
def test_frames_are_all_frames_of_the_corpus(results, model):
    path = results / "frames" / model / "s0.h5"
    with h5py.File(results / "features" / "logmel.h5", "r") as file:
        utterance, start = frame_index(np.diff(file["offsets"][:]))
    columns = {"utterance": "i4", "start": "i4", "predicted": "i2", "logit": "f4"}
    columns |= {"annotated": "i2"}
    columns |= {f"step/{layer}": "i2" for layer in [*layer_names(model), "navai"]}
    assert datasets(path) == {name: ((len(start),), kind) for name, kind in columns.items()}
    with h5py.File(path, "r") as file:
        assert np.array_equal(file["utterance"][:], utterance)
        assert np.array_equal(file["start"][:], start)
        assert set(file["step"][layer_names(model)[-1]][:]) == {51}


def test_what_is_only_needed_on_the_way_is_gone(study, results):
    left = {path.name for path in study.folder.iterdir()}
    assert left == {*COPIED, f"{STUDY}.yaml", "results", ".snakemake"}
    left = {path.name for path in results.iterdir()}
    assert left == {
        *("settings.yaml", "provenance.txt", "corpus", "features", "models", "frames"),
        *("profiles", "alignment", "clusters", "figures", "tables", "logs", "benchmarks"),
        *("report.zip", "explorer.html"),
    }
    assert [path for path in results.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


@pytest.mark.parametrize(("model", "grouping"), list(product(EPOCHS, GROUPINGS)))
def test_profiles_are_as_the_contract_says(results, model, grouping):
    path = results / "profiles" / model / "s0" / f"{grouping}.h5"
    found = datasets(path)
    groups = found["groups"][0][0]
    assert found["count"] == ((groups,), "i8")
    for layer, size in layer_sizes(model).items():
        (times,), kind = found[f"{layer}/time"]
        assert kind == "i4"
        for name in ("snap", "activation", "saliency"):
            assert found[f"{layer}/{name}"] == ((groups, times, size), "f4")
        assert found[f"{layer}/baseline"] == ((times, size), "f4")
        if layer != "input":
            (*others, features), kind = found[f"{layer}/nap"]
            assert (others[0], features, kind) == (groups, size, "f4") and others[1] <= 103
    assert found["input/navai"] == ((groups, 206, 128), "f4")
    with open_profiles(path) as profiles:
        assert profiles.layers == layer_names(model)
        assert (profiles.count > 0).all()
        for layer in profiles.layers:
            assert np.isfinite(profiles.snap(layer)).all()
            product_ = profiles.activation(layer) * profiles.mask(layer)
            assert np.allclose(profiles.snap(layer), product_, rtol=1e-5, atol=1e-7)
            assert profiles.saliency(layer).min() >= 0


@pytest.mark.parametrize("model", EPOCHS)
def test_groups_count_the_frames_that_belong_to_them(results, model):
    with h5py.File(results / "frames" / model / "s0.h5", "r") as file:
        predicted, annotated = file["predicted"][:], file["annotated"][:]
    phones = texts(results / "features" / "logmel.h5", "phones")
    with safe_open(results / "models" / model / "s0" / "weights.safetensors", "np") as file:
        units = json.loads(file.metadata()["units"])
    for grouping, names, index in (
        ("predicted", units, predicted),
        ("annotated", phones, annotated),
    ):
        said = pd.Series([names[k] for k in index]).value_counts()
        said = said.drop(["<blank>", "h#"], errors="ignore")
        with open_profiles(results / "profiles" / model / "s0" / f"{grouping}.h5") as profiles:
            counts = dict(zip(profiles.groups, profiles.count, strict=True))
            assert counts == said.to_dict()
            assert profiles.attrs["frames"] == len(predicted)
            assert profiles.attrs["blanks"] == np.sum(predicted == 0)
            assert set(profiles.attrs["absent"]) == set(names) - set(counts) - {"<blank>", "h#"}


@pytest.mark.parametrize("model", EPOCHS)
def test_alignment_tables(results, model):
    folder = results / "alignment" / model
    units = read_table(folder / "s0.tsv")
    found = datasets(folder / "s0.h5")
    if model in PHONE_MODELS:
        shares = ["centre", "centre_pm2", "aligned", "aligned_pm2", "offset_ms", "absent"]
        assert list(units) == ["unit", "n", *shares]
        offsets = found["offset_steps"][0][0]
        assert found["offset_counts"] == ((60, offsets), "i8")
        assert found["within"] == ((60, 4), "f8")
    else:
        assert list(units) == ["unit", "n"]
        assert "offset_counts" not in found
    count = 60 if model in PHONE_MODELS else 28
    assert len(units) == count
    for name in ("contingency_centre", "contingency_aligned"):
        assert found[name] == ((count, 61), "i8")
        with h5py.File(folder / "s0.h5", "r") as file:
            assert np.array_equal(file[name][:].sum(axis=1), units["n"])
    assert texts(folder / "s0.h5", "annotated")[-1] == "h#"


def test_one_frame_is_followed_through_its_alignment(results):
    found = datasets(results / "alignment" / "W2L" / "s0_example.h5")
    stages = ("activation", "saliency", "pooled", "importance", "aligned")
    assert found == {
        f"{layer}/{stage}": (shape, "f4")
        for (layer, shape), stage in product(
            (("input", (206, 128)), ("layer_04", (103, 16))), stages
        )
    }


@pytest.mark.parametrize("model", EPOCHS)
def test_clusterings(results, model):
    folder = results / "clusters" / model / "s0"
    for grouping in GROUPINGS:
        path = folder / f"{grouping}.h5"
        found = datasets(path)
        groups = texts(path, "input/groups")
        assert len(groups) >= 3 and not {" ", "'"} & set(groups)
        for layer in layer_names(model):
            for root in ("", "nap/") if layer != "input" else ("",):
                assert found[f"{root}{layer}/count"] == ((len(groups),), "i8")
                assert found[f"{root}{layer}/distance"] == ((len(groups), len(groups)), "f8")
                assert found[f"{root}{layer}/linkage"] == ((len(groups) - 1, 4), "f8")
                assert found[f"{root}{layer}/labels"][0] == (4, len(groups))
        assert "nap/input/distance" not in found
    scores = read_table(folder / "silhouette.tsv")
    columns = ["grouping", "profile", "layer", "percentile", "clusters", "silhouette"]
    assert list(scores) == columns
    keys = scores[columns[:4]].itertuples(index=False, name=None)
    profiles = [("SNAP", layer) for layer in layer_names(model)]
    profiles += [("NAP", layer) for layer in layer_names(model)[1:]]
    expected = product(GROUPINGS, profiles, (87, 90, 93, 96))
    assert sorted(keys) == sorted((g, *profile, p) for g, profile, p in expected)
    assert scores["silhouette"].dropna().between(-1, 1).all()


def test_every_figure_is_there_as_pdf_and_png(results):
    for name in FIGURES:
        assert (results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert {path.stem for path in (results / "figures").iterdir()} == set(FIGURES)


def test_every_table_is_there_as_tsv_markdown_and_page(results):
    columns = {
        "errors": "model seed part metric value",
        "alignment": "model seed part frames centre centre_pm2 aligned aligned_pm2 offset_ms cap "
        "speakers centre_se centre_pm2_se aligned_se aligned_pm2_se offset_ms_se cap_se",
        "claims": "id claim paper ours low high verdict statement",
    }
    for name in TABLES:
        table = read_table(results / "tables" / f"{name}.tsv")
        assert len(table) and " ".join(table) == columns.get(name, " ".join(table))
        rows = (results / "tables" / f"{name}.md").read_text(encoding="utf-8").splitlines()
        assert len(rows) == len(table) + 2
        assert {row.count(" | ") for row in rows} == {len(table.columns) - 1}
        page = (results / "tables" / f"{name}.html").read_text(encoding="utf-8")
        assert page.count("<tr>") == len(table) + 1


def test_every_claim_has_a_verdict_and_none_is_called_reproduced(results):
    claims = read_table(results / "tables" / "claims.tsv")
    sections = {"AE": 9, "PS": 5, "RS": 7, "LP": 6}
    assert set(claims["id"]) == {f"{s}{k}" for s, n in sections.items() for k in range(1, n + 1)}
    assert claims["verdict"].notna().all()
    assert not claims["statement"].str.contains("reproduced").any()
    assert claims["statement"].str.contains("Other corpus").all()


def test_every_error_rate_of_every_model_is_in_the_table(results):
    errors = read_table(results / "tables" / "errors.tsv")
    for model, mine in errors.groupby("model"):
        metrics = read_table(results / "models" / model / "s0" / "metrics.tsv")
        assert np.allclose(mine["value"], metrics["value"], rtol=1e-5)
    assert set(errors["model"]) == set(EPOCHS)


def test_the_explorer_holds_every_layer_of_every_model_and_recordings(results):
    page = (results / "explorer.html").read_text(encoding="utf-8")
    shown = re.findall(r'data-name="(\w+/\w+/\w+)"', page)
    expected = product(EPOCHS, GROUPINGS)
    assert sorted(shown) == sorted(
        f"{m}/{g}/{name}" for m, g in expected for name in layer_names(m)
    )
    assert len(page.encode()) < 15_000_000
    utterances = set(read_table(results / "corpus" / "utterances.tsv")["utterance"])
    heard = re.findall(r'data-name="recording/(\w+)"', page)
    assert heard and set(heard) <= utterances


def test_the_settings_are_recorded(results):
    record = yaml.safe_load((results / "settings.yaml").read_text(encoding="utf-8"))
    assert record["config"]["training"]["epochs"] == EPOCHS
    assert record["config"]["training"]["gradient_clip"] == 1.0
    assert {"torch", "numpy", "snakemake"} <= set(record["packages"])
    assert record["config_hash"] == hash_settings(record["config"])
    provenance = (results / "provenance.txt").read_text(encoding="utf-8")
    assert f"Settings: {record['config_hash']}." in provenance


def test_every_job_has_a_log_that_says_something(study, results):
    done = study.run("--configfile", f"{STUDY}.yaml", "--summary")
    logs = {row.split("\t")[3] for row in done.splitlines() if row.startswith("results/")}
    found = {str(path.relative_to(study.folder)) for path in results.rglob("*.log")}
    assert logs - {"-", ""} <= found
    empty = [path for path in results.rglob("*.log") if not path.read_text(encoding="utf-8")]
    assert found and empty == []
    for model, stage in product(EPOCHS, ("train_model", "dump_maps", "sum_groups")):
        assert list((results / "benchmarks" / stage).glob(f"{model}_s0*.tsv"))


def test_the_report_holds_figures_tables_and_captions(results):
    with zipfile.ZipFile(results / "report.zip") as file:
        names = [name.split("/")[-1] for name in file.namelist()]
        page = file.read("report/report.html").decode()
    expected = [f"{name}.png" for name in FIGURES] + [f"{name}.html" for name in TABLES]
    assert sorted(names) == sorted([*expected, "report.html"])
    # Every caption names the corpus, the seed and the settings.
    provenance = (results / "provenance.txt").read_text(encoding="utf-8").strip()
    assert provenance.startswith("Corpus: small embedded corpus. Seed: 0. Settings: ")
    assert page.count(provenance) == len(FIGURES) + len(TABLES)


# What happens when it is run again


def rerun(study, *arguments):
    return study.scheduled("--configfile", f"{STUDY}.yaml", *arguments)


def rerun_with(study, tmp_path, **settings):
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return rerun(study, path)


def test_a_second_run_does_nothing(study):
    said = study.run("--cores", "all", "--configfile", f"{STUDY}.yaml")
    assert "Nothing to be done" in said


def test_touching_files_does_nothing(study, results):
    library, config = study.folder / "workflow" / "snaps", study.folder / "config"
    files = [library / "features.py", library / "training.py", library / "figures" / "style.py"]
    files += [config / "phones.tsv", config / "config.yaml"]
    files += [results / "corpus" / "utterances.tsv", results / "alignment" / "W2P" / "s0.tsv"]
    before = {path: path.stat() for path in files}
    for path in files:
        os.utime(path)
    try:
        assert rerun(study) == {}
    finally:
        for path, stat in before.items():
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_editing_a_module_reruns_the_stages_that_use_it(study):
    path = study.folder / "workflow" / "snaps" / "clusters.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\n# edited\n", encoding="utf-8")
    try:
        scheduled = rerun(study)
    finally:
        path.write_text(text, encoding="utf-8")
    assert scheduled["cluster_profiles"] == 5
    assert {"compare_to_paper", "write_report", *FROM_CLUSTERS} <= set(scheduled)
    assert not {"train_model", "dump_maps", "compute_profiles", "plot_snaps"} & set(scheduled)
    assert rerun(study) == {}


def test_other_percentiles_rerun_clusterings_and_what_follows(study, tmp_path):
    scheduled = rerun_with(study, tmp_path, clusters={"percentiles": [50, 90]})
    tables = {"compare_to_paper": 1, "write_readings_table": 1}
    expected = {"cluster_profiles": 5} | tables | RECORDED
    assert scheduled == expected | dict.fromkeys(FROM_CLUSTERS, 1)


def test_other_letters_rerun_one_figure(study, tmp_path):
    scheduled = rerun_with(study, tmp_path, figures={"letters": ["e"]})
    assert scheduled == {"plot_navai_snap": 1} | RECORDED


def test_another_alignment_reruns_maps_and_no_training(study, tmp_path):
    scheduled = rerun_with(study, tmp_path, alignment={"peak": "features"})
    untouched = {"synthesize_corpus", "index_corpus", "extract_features"}
    untouched |= {"train_model", "evaluate_model", "write_errors_table"}
    assert not untouched & set(scheduled)
    assert scheduled["dump_maps"] == 10 and scheduled["evaluate_alignment"] == 5


def test_more_epochs_retrain_a_model_and_its_descendants(study, tmp_path):
    scheduled = rerun_with(study, tmp_path, training={"epochs": {"W2L_TL_frozen": 16}})
    # W2L_TL_finetuned starts from it.
    assert scheduled["train_model"] == scheduled["evaluate_model"] == 2
    assert scheduled["dump_maps"] == 4


# Other ways to the same results


def compare_profiles(first, second, tolerance):
    """Largest difference of any map, relative to that map's largest value."""
    for grouping in GROUPINGS:
        paths = [folder / f"{grouping}.h5" for folder in (first, second)]
        assert datasets(paths[0]) == datasets(paths[1])
        with h5py.File(paths[0], "r") as one, h5py.File(paths[1], "r") as other:
            for name, (shape, kind) in datasets(paths[0]).items():
                if kind == "f4" and np.prod(shape):
                    error = np.abs(one[name][:] - other[name][:]).max()
                    assert error <= tolerance * np.abs(one[name][:]).max(), (grouping, name)
                else:
                    assert np.array_equal(one[name][:], other[name][:]), (grouping, name)


def compare_frames(first, second):
    assert datasets(first) == datasets(second)
    with h5py.File(first, "r") as one, h5py.File(second, "r") as other:
        for name in datasets(first):
            same = np.allclose if name == "logit" else np.array_equal
            assert same(one[name][:], other[name][:]), name


@pytest.mark.parametrize(
    ("name", "settings", "tolerance"),
    [
        # Frames come in other batches, which float32 feels.
        ("sharded", {"introspection": {"shards": 3}, "dumps": {"keep": True}}, 1e-5),
        # Dumps hold float16: ln(1e-11) = -25 is rounded by up to 2 ** -7, in profiles of up to 7.
        ("streamed", {"dumps": {"enabled": False}}, 2e-3),
        ("some_layers", {"dumps": {"keep": True, "layers": ["layer_04", "layer_09"]}}, 2e-3),
    ],
)
def test_neither_shards_nor_dumps_change_the_results(study, results, name, settings, tolerance):
    arguments = start_from(study, name, "corpus", "features", "models", **settings)
    folder = results.parent / name
    targets = [f"results/{name}/profiles/W2P_shallow/s0/{grouping}.h5" for grouping in GROUPINGS]
    study.run(*targets, "--cores", "all", *arguments)
    compare_frames(results / "frames/W2P_shallow/s0.h5", folder / "frames/W2P_shallow/s0.h5")
    compare_profiles(
        results / "profiles/W2P_shallow/s0", folder / "profiles/W2P_shallow/s0", tolerance
    )


def test_dumps_that_are_kept_hold_every_map(study, results):
    folder = results.parent / "sharded" / "dumps" / "W2P_shallow" / "s0"
    files = [folder / f"{number}-of-3.h5" for number in (1, 2, 3)]
    assert sorted(folder.iterdir()) == files
    rows = []
    for path in files:
        found = datasets(path)
        (frames,), kind = found.pop("frame")
        assert kind == "i8"
        maps = product(layer_sizes("W2P_shallow").items(), ("activation", "saliency"))
        sizes = {f"{layer}/{name}": size for (layer, size), name in maps}
        assert {name: (shape[0], shape[2]) for name, (shape, _) in found.items()} == {
            name: (frames, size) for name, size in sizes.items()
        }
        assert {kind for _, kind in found.values()} == {"f2"}
        with h5py.File(path, "r") as file:
            rows += file["frame"][:].tolist()
            for name, (shape, _) in found.items():
                # The steps that can matter, from the one that the file names.
                last = int(file[name].attrs["first_step"]) + shape[1]
                assert last <= (206 if name.startswith("input") else 103)
    ((frames,), _) = datasets(results / "frames" / "W2P_shallow" / "s0.h5")["start"]
    assert rows == list(range(frames))


def test_dumps_of_some_layers_hold_the_maps_of_dumps_of_all(results):
    some = results.parent / "some_layers" / "dumps" / "W2P_shallow" / "s0"
    every = results.parent / "sharded" / "dumps" / "W2P_shallow" / "s0"
    found = {}
    for folder in (some, every):
        parts = [maps for path in sorted(folder.iterdir()) for _, maps in read_dump(path, 100)]
        found[folder] = np.concatenate([maps.activation["layer_04"].numpy() for maps in parts])
    # W2P_shallow has no layer 9.
    for path in some.iterdir():
        assert {name.split("/")[0] for name in datasets(path)} == {"frame", "layer_04"}
    np.testing.assert_allclose(found[some], found[every], rtol=2**-9, atol=1e-3)


def test_a_corpus_can_be_fetched(study, results):
    speech = results / "corpus" / "speech"
    archive = shutil.make_archive(str(study.folder / "corpus"), "zip", speech)
    with open(archive, "rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    url = f"file://{quote(archive)}"
    arguments = start_from(study, "fetched", corpus={"url": url, "sha256": checksum})
    study.run("corpus", "--cores", "1", *arguments)
    for name in ("utterances", "phones", "audio"):
        index = results.parent / "fetched" / "corpus" / f"{name}.tsv"
        assert index.read_bytes() == (results / "corpus" / f"{name}.tsv").read_bytes()


# What happens when something goes wrong


def test_a_corpus_with_a_missing_file_is_refused(study, results):
    damaged = study.folder / "damaged corpus"
    shutil.copytree(results / "corpus" / "speech", damaged)
    missing = sorted(damaged.rglob("SX*.PHN"))[0]
    missing.unlink()
    arguments = start_from(study, "damaged", corpus_path=damaged.name)
    done = study.snakemake("corpus", "--cores", "1", *arguments)
    assert done.returncode != 0
    folder = results.parent / "damaged"
    log = (folder / "logs" / "index_corpus.log").read_text(encoding="utf-8")
    for said in (log, done.stdout):
        assert "Error: " in said and missing.stem in said and missing.parent.name in said
    assert "Traceback" not in log
    assert [path for path in (folder / "corpus").rglob("*") if path.is_file()] == []


def test_a_job_that_fails_leaves_no_half_of_a_file(study, results):
    arguments = start_from(study, "unreadable", "corpus")
    folder = results.parent / "unreadable"
    last = sorted((folder / "corpus" / "speech").rglob("SX*.WAV"))[-1]
    last.write_bytes(b"not a recording")
    done = study.snakemake("features", "--cores", "1", *arguments)
    assert done.returncode != 0
    log = (folder / "logs" / "extract_features.log").read_text(encoding="utf-8")
    assert "Error: " in log and last.name in log
    assert not (folder / "features" / "logmel.h5").exists()


def test_the_log_of_a_crash_holds_its_traceback(study, results):
    arguments = start_from(study, "crashed", "corpus", "features", "models")
    folder = results.parent / "crashed"
    metrics = folder / "models" / "W2L" / "s0" / "metrics.tsv"
    metrics.unlink()
    features = folder / "features" / "logmel.h5"
    with h5py.File(features, "r+") as file:
        del file["logmel"]
    stamp = (results / "features" / "logmel.h5").stat()
    os.utime(features, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    target = metrics.relative_to(study.folder)
    assert study.snakemake(target, "--cores", "1", *arguments).returncode != 0
    log = (folder / "logs" / "evaluate_model" / "W2L_s0.log").read_text(encoding="utf-8")
    assert "Traceback" in log and "KeyError" in log
    assert not metrics.exists()


def wait_for(words, log, process):
    """Wait until a log holds the words; the process that writes it may not end before."""
    while not (log.exists() and words in log.read_text(encoding="utf-8")):
        assert process.poll() is None, f"ended before it said {words!r}"
        time.sleep(0.05)


def test_a_training_that_was_killed_goes_on_from_its_last_epoch(study, results):
    model, killed_after = "W2P_shallow", 5
    arguments = (*start_from(study, "killed", "corpus", "features"), "--cores", "1")
    folder = results.parent / "killed"
    target = f"results/killed/models/{model}/s0/weights.safetensors"
    log = folder / "logs" / "train_model" / f"{model}_s0.log"
    process = subprocess.Popen(
        study.command(target, *arguments),
        cwd=study.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # The state of an epoch is on disk before the next one is reported.
        wait_for(f"epoch {killed_after + 1} of", log, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (study.folder / target).exists()
    assert list((folder / "checkpoints").rglob("*.ckpt"))
    study.run(target, *arguments, "--unlock")
    study.run(target, *arguments, "--rerun-incomplete")
    said = log.read_text(encoding="utf-8")
    assert "going on from" in said
    assert f"epoch {killed_after} of" not in said and f"epoch {EPOCHS[model]} of" in said
    # It ends where the run that nobody stopped ended.
    whole, resumed = results / "models" / model / "s0", folder / "models" / model / "s0"
    pd.testing.assert_frame_equal(
        read_table(whole / "history.tsv"), read_table(resumed / "history.tsv")
    )
    ours = load_file(resumed / "weights.safetensors")
    for name, values in load_file(whole / "weights.safetensors").items():
        assert np.array_equal(ours[name], values), name
    assert not (folder / "checkpoints").exists()
