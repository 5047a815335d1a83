"""A dry run schedules the whole study, from every door and for every kind of machine."""

import re
import subprocess
import sys
import time

import pytest
import yaml
from study_copy import ROOT, StudyCopy

TARGETS = ["corpus", "features", "models", "profiles", "alignment", "clusters"]
TARGETS += ["figures", "tables", "explorer", "report"]


@pytest.fixture(scope="module")
def jobs(fresh):
    start = time.monotonic()
    scheduled = fresh.scheduled()
    print(f"a dry run took {time.monotonic() - start:.1f} s")
    return scheduled


def without(scheduled, *rules):
    return {rule: count for rule, count in scheduled.items() if rule not in rules}


def test_the_root_schedules_the_real_jobs(jobs):
    assert sum(jobs.values()) > 60
    assert jobs["train_model"] == jobs["evaluate_model"] == 5
    assert jobs["compute_profiles"] == 10
    assert sum(count for rule, count in jobs.items() if rule.startswith("plot_")) == 18
    assert jobs["synthesize_corpus"] == jobs["compare_to_paper"] == jobs["write_report"] == 1


def test_both_snakefiles_schedule_the_same_jobs(fresh, jobs):
    inner = fresh.scheduled("--snakefile", "workflow/Snakefile")
    assert without(inner, "all") == without(jobs, "study")


@pytest.mark.parametrize("study", ["sample", "timit"])
def test_a_corpus_of_ones_own_takes_the_place_of_the_embedded_one(fresh, jobs, tmp_path, study):
    corpus = tmp_path / "my timit"
    corpus.mkdir()
    scheduled = fresh.scheduled(
        "--configfile", f"config/{study}.yaml", "--config", f"corpus_path={corpus}"
    )
    # How many shards there are, and whether there are dumps, is each study's own.
    of_shards = ("dump_maps", "sum_groups", "stream_groups")
    assert without(scheduled, *of_shards) == without(jobs, "synthesize_corpus", *of_shards)


def test_the_sample_is_fetched_where_no_folder_is_named(fresh):
    scheduled = fresh.scheduled("corpus", "--configfile", "config/sample.yaml")
    assert scheduled == {"fetch_corpus": 1, "index_corpus": 1, "corpus": 1}


def explorer_inputs(fresh, *arguments):
    """What the explorer is written from, the code of the study left out."""
    graph = fresh.run("explorer", "--filegraph", *arguments)
    (rule,) = (node for node in graph.split("]\n") if "<b>" in node and ">write_explorer<" in node)
    inputs = rule.split("output &rarr;")[0]
    files = set(re.findall(r'<font face="monospace">([^<]+)</font>', inputs))
    assert "workflow/snaps/explorer/page.js" in files
    return {file for file in files if not file.startswith("workflow/snaps/")}


def test_the_explorer_hears_the_embedded_corpus_alone(fresh, tmp_path):
    heard = explorer_inputs(fresh)
    stages = {"/".join(file.split("/")[:3]) for file in heard if file.startswith("results/")}
    silent = {f"results/{{study}}/{stage}" for stage in ("profiles", "clusters")}
    shown = {stage.replace("{study}", "demo") for stage in silent}
    assert stages - shown == {f"results/demo/{name}" for name in ("corpus", "features", "frames")}
    assert "results/demo/corpus/speech" in heard
    # Any other corpus: nothing but profiles and clusters, so no way to a recording.
    mine = tmp_path / "my timit"
    mine.mkdir()
    here = ("--config", f"corpus_path={mine}")
    for study, arguments in (
        ("demo", here),
        ("sample", ("--configfile", "config/sample.yaml")),
        ("sample", ("--configfile", "config/sample.yaml", *here)),
        ("timit", ("--configfile", "config/timit.yaml")),
        ("timit", ("--configfile", "config/timit.yaml", *here)),
    ):
        files = explorer_inputs(fresh, *arguments)
        results = {file for file in files if file.startswith("results/")}
        assert files - results == {"config/phones.tsv", "CITATION.cff"}
        assert {"/".join(file.split("/")[:3]) for file in results} == {
            stage.replace("{study}", study) for stage in silent
        }


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_profiles_say_where_jobs_run_and_not_which(fresh, jobs, profile):
    assert fresh.scheduled("--workflow-profile", f"workflow/profiles/{profile}") == jobs


def test_maps_can_be_summed_without_dumps(fresh, jobs, tmp_path):
    settings = tmp_path / "streamed.yaml"
    settings.write_text("dumps: {enabled: false}\n", encoding="utf-8")
    scheduled = fresh.scheduled("--configfile", settings)
    expected = without(jobs, "dump_maps", "sum_groups") | {"stream_groups": jobs["dump_maps"]}
    assert scheduled == expected


def test_dumps_of_some_layers_are_written_beside_sums_in_memory(fresh, jobs, tmp_path):
    settings = tmp_path / "some.yaml"
    settings.write_text("dumps: {keep: true, layers: [layer_04]}\n", encoding="utf-8")
    dump = "results/demo/dumps/W2L/s0/1-of-4.h5"
    assert fresh.scheduled(dump, "--configfile", settings)["stream_groups"] == 1
    expected = without(jobs, "dump_maps", "sum_groups") | {"stream_groups": jobs["dump_maps"]}
    assert fresh.scheduled("--configfile", settings) == expected


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ("{layers: [layer_04]}", "set dumps.keep: true, or dumps.layers: null"),
        ("{keep: true, layers: [layer_13]}", "no network has layer_13; layers are input, layer_01"),
    ],
)
def test_dumps_of_some_layers_that_make_no_sense_are_refused(fresh, tmp_path, settings, remedy):
    path = tmp_path / "senseless.yaml"
    path.write_text(f"dumps: {settings}\n", encoding="utf-8")
    done = fresh.snakemake("--dry-run", "--configfile", path)
    assert done.returncode != 0
    assert remedy in done.stdout


def deposit(study, pattern):
    """Empty files in place of some that a study leaves; a dry run reads none of them."""
    said = study.run("--summary", "--config", "study=deposited")
    paths = [line.split("\t")[0] for line in said.splitlines() if line.startswith("results/")]
    for path in (study.folder / path for path in paths if re.search(pattern, path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_profiles_and_alignment_are_enough_for_every_figure(jobs, tmp_path):
    study = StudyCopy(tmp_path)
    deposit(study, "/(profiles|alignment)/")
    scheduled = study.scheduled("figures", "--config", "study=deposited")
    plots = {rule: count for rule, count in jobs.items() if rule.startswith("plot_")}
    assert scheduled == plots | {"cluster_profiles": 5, "figures": 1}
    # Error rates are all that the tables and the report need besides.
    deposit(study, r"/metrics\.tsv$")
    scheduled = study.scheduled("report", "--config", "study=deposited")
    tables = {rule for rule in jobs if re.fullmatch("write_.*_table|compare_to_paper", rule)}
    others = {"cluster_profiles", "record_settings", "write_report", "report"}
    assert set(scheduled) == set(plots) | tables | others


def test_every_rule_has_its_place_in_a_study(fresh, jobs):
    rules = set(fresh.run("--list-rules").split())
    # The ways to a corpus and to sums that the demo does not take, and names for what others do.
    others = {"fetch_corpus", "stream_groups", "all", *TARGETS}
    assert rules - others == set(jobs)


def test_a_model_may_be_added(fresh, jobs, tmp_path):
    models = yaml.safe_load((ROOT / "config" / "models.yaml").read_text(encoding="utf-8"))["models"]
    added = {
        "models": {"mine": models["W2P_shallow"]},
        "networks": {"width": {"mine": 0.1}},
        "training": {"epochs": {"mine": 1}, "learning_rate": {"mine": 0.001}},
    }
    settings = tmp_path / "added.yaml"
    settings.write_text(yaml.safe_dump(added), encoding="utf-8")
    scheduled = fresh.scheduled("--configfile", settings)
    assert scheduled["train_model"] == scheduled["cluster_profiles"] == 6
    assert set(scheduled) == set(jobs)


def test_each_stage_is_a_target_that_the_readme_names(fresh, jobs):
    scheduled = fresh.scheduled(*TARGETS)
    assert without(scheduled, *TARGETS) == without(jobs, "study")
    assert {target: scheduled[target] for target in TARGETS} == dict.fromkeys(TARGETS, 1)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [target for target in TARGETS if f"`{target}`" not in readme] == []


def test_the_rule_graph_in_the_readme_is_the_generated_one():
    command = [sys.executable, "docs/write_rulegraph.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
