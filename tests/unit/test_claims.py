"""Verdicts: every claim holds in a study planted for it, and fails once its evidence is spoiled."""

import numpy as np
import pytest
from planted_study import ALPHABET, CLOSURES, PHONES, ROOT, label, plant_study

from snaps import claims, measures
from snaps.alignment_evaluation import write_alignment
from snaps.claims import DOES_NOT, HOLDS, NOT_TESTABLE
from snaps.clusters import write_clusters
from snaps.errors import StudyError
from snaps.profiles import write_profiles

VALUES = ROOT / "config" / "paper_values.tsv"


@pytest.fixture(scope="module")
def paper():
    return claims.read_claims(VALUES)


@pytest.fixture
def study():
    return plant_study()


def judge(paper, study, corpus="TIMIT"):
    return claims.compare(paper, [measures.measure(study)], corpus).set_index("id")


def test_every_claim_holds_where_it_was_planted(paper, study):
    table = judge(paper, study)
    assert len(table) == 27
    assert table["verdict"].to_dict() == dict.fromkeys(table.index, HOLDS)


def scores(study, key, layer, values):
    study.clusters[key][layer].silhouette[:] = values


def set_summary(study, model, **values):
    study.alignment[model].summary["all"].update(values)


def set_counts(study, model, phones, counts):
    for phone in phones:
        study.alignment[model].offset_counts[PHONES.index(phone)] = counts


def set_snap(study, grouping, index, values):
    study.profiles["W2L", grouping].snaps["input"][index] = values


def one_cluster(study, key, layer):
    study.clusters[key][layer].labels[:] = 1


W2L, LETTERS = ("W2L", "annotated"), ("W2L", "predicted")
FROZEN = ("W2L_TL_frozen", "annotated")
FINETUNED = ("W2L_TL_finetuned", "annotated")

SPOILED = {
    "AE1": lambda s: set_summary(s, "W2P_shallow", centre=0.58),
    "AE2": lambda s: set_summary(s, "W2P", aligned_pm2=0.5),
    "AE3": lambda s: set_summary(s, "W2P", offset_ms=124.0),
    "AE4": lambda s: set_summary(s, "W2P", cap=0.8),
    "AE5": lambda s: set_counts(s, "W2P", PHONES, [6, 60, 30, 4]),
    "AE6": lambda s: set_counts(s, "W2P", CLOSURES, [6, 60, 30, 4]),
    "AE7": lambda s: set_counts(s, "W2P_shallow", ["gcl"], [6, 60, 30, 4]),
    "AE8": lambda s: set_summary(s, "W2P", aligned=0.60),
    "AE9": lambda s: s.alignment["W2L"].contingency_aligned.fill(0),
    "PS1": lambda s: set_snap(s, "annotated", 0, s.profiles[W2L].snaps["input"][1]),
    "PS2": lambda s: set_snap(s, "annotated", 2, -s.profiles[W2L].snaps["input"][2]),
    "PS3": lambda s: set_snap(s, "predicted", 0, s.profiles[W2L].snaps["input"][0]),
    "PS4": lambda s: s.profiles[W2L].snaps.update(layer_07=np.ones((3, 103, 4))),
    "PS5": lambda s: set_snap(s, "predicted", slice(None), 1.0),
    "RS1": lambda s: scores(s, FROZEN, "layer_12", 0.31),
    "RS2": lambda s: scores(s, FROZEN, "layer_05", 0.08),
    "RS3": lambda s: scores(s, FINETUNED, "layer_04", [0.2, 0.2, 0.2, 0.4]),
    "RS4": lambda s: [scores(s, W2L, f"layer_{n:02d}", [0.3, 0.1, 0.1, 0.1]) for n in range(1, 12)],
    "RS5": lambda s: one_cluster(s, W2L, "layer_05"),
    "RS6": lambda s: one_cluster(s, FROZEN, "layer_04"),
    "RS7": lambda s: s.clusters[FINETUNED]["layer_05"].distance.__imul__(5),
    "LP1": lambda s: [scores(s, LETTERS, layer, 0.1) for layer in ("layer_02", "layer_03")],
    "LP2": lambda s: scores(s, LETTERS, "layer_06", [0.7, 0.25, 0.25, 0.25]),
    "LP3": lambda s: label(s.clusters[LETTERS]["layer_05"], 3, ["jq"]),
    "LP4": lambda s: one_cluster(s, LETTERS, "layer_12"),
    "LP5": lambda s: one_cluster(s, W2L, "layer_05"),
    "LP6": lambda s: s.clusters[W2L]["layer_12"].distance[PHONES.index("pau")].fill(0),
}


@pytest.mark.parametrize("claim", SPOILED)
def test_a_claim_fails_where_its_evidence_is_spoiled(paper, study, claim):
    SPOILED[claim](study)
    assert judge(paper, study).loc[claim, "verdict"] == DOES_NOT


def test_every_claim_is_spoiled_once():
    assert set(SPOILED) == set(measures.MEASURES)


def drop_group(study, grouping, group):
    profiles = study.profiles["W2L", grouping]
    index = profiles.groups.index(group)
    profiles.groups.remove(group)
    profiles.count = np.delete(profiles.count, index)
    profiles.snaps = {layer: np.delete(v, index, axis=0) for layer, v in profiles.snaps.items()}


def rename(clustering, group):
    clustering.groups[clustering.groups.index(group)] = "absent"


def drop_frames(study, model, phones):
    for phone in phones:
        study.alignment[model].n[PHONES.index(phone)] = 0
        study.alignment[model].offset_counts[PHONES.index(phone)] = 0


@pytest.mark.parametrize(
    ("ids", "spoil", "reason"),
    [
        (["AE1", "AE8"], lambda s: s.alignment["W2P_shallow"].n.fill(0), "no frame of W2P_shallow"),
        (["AE3"], lambda s: set_summary(s, "W2P", offset_ms=np.nan), "no frame holds the phone"),
        (["AE6"], lambda s: drop_frames(s, "W2P", ["gcl"]), "5 of them closures"),
        (["AE7"], lambda s: drop_frames(s, "W2P_shallow", ["gcl"]), "predicts gcl"),
        (["AE9"], lambda s: s.alignment["W2L"].n.fill(0), "predicts the letter b"),
        (["PS1", "PS3"], lambda s: drop_group(s, "annotated", "ae"), "annotated as phone ae"),
        (["PS2"], lambda s: drop_group(s, "annotated", "t"), "annotated as phone t"),
        (["PS3"], lambda s: drop_group(s, "predicted", "a"), "predicted as letter a"),
        (["PS5"], lambda s: s.profiles[LETTERS].groups.clear(), "predicts a letter"),
        (["RS1"], lambda s: scores(s, W2L, "layer_12", np.nan), "undefined at every percentile"),
        (["RS3"], lambda s: scores(s, FROZEN, "layer_04", np.nan), "undefined at percentile 93"),
        (["RS5"], lambda s: s.clusters[W2L].pop("layer_04"), "W2L has no layer_04"),
        (["RS7"], lambda s: s.profiles.pop(FROZEN), "no profiles of W2L_TL_frozen"),
        (["LP4"], lambda s: rename(s.clusters[LETTERS]["layer_12"], "z"), "sibilant letter z"),
        (["LP6"], lambda s: rename(s.clusters[W2L]["layer_12"], "pau"), "annotated pau"),
        (["AE2", "AE5"], lambda s: s.alignment.pop("W2P"), "W2P is not part of this study"),
    ],
)
def test_what_is_absent_cannot_be_tested(study, ids, spoil, reason):
    spoil(study)
    for name in ids:
        with pytest.raises(measures.NotTestable, match=reason):
            measures.MEASURES[name](study)


def test_rows_read_well(paper, study):
    table = judge(paper, study)
    row = table.loc["AE1"]
    assert row["paper"] == "centre 3.7 %, aligned 59.3 %, aligned +-2 80.3 %"
    assert row["ours"] == row["paper"]
    assert row["low"] == row["high"] == ""
    assert row["statement"] == (
        "Of 6,000 frames of W2P_shallow that predict a phone, 3.7 % are annotated with it at the "
        "centre (20.0 % within two steps of the centre), 59.3 % at the alignment step, 80.3 % "
        "within two steps of it. Accepted: centre 1.7 % to 5.7 %, aligned 54.3 % to 64.3 %, "
        "aligned +-2 75.3 % to 85.3 %."
    )
    assert table.loc["RS5", ["paper", "ours"]].tolist() == ["35.4 %", "34.5 %"]
    assert table.loc["PS3", "paper"] == "yes"
    assert table.loc["PS3", "ours"].startswith("yes: distance to ae / distance to aa 0.")
    assert table.loc["RS1", "paper"] == (
        "W2L 0.31, W2L_TL_frozen 0.21, place of the output layer 1"
    )


def test_a_missing_formant_fails_the_claim_and_reads_as_none(paper, study):
    set_snap(study, "annotated", slice(0, 2), 0.0)
    row = judge(paper, study).loc["PS1"]
    assert row["verdict"] == DOES_NOT
    assert row["ours"] == "aa first none, aa second none, ae first none, ae second none"


def test_another_corpus_is_named_beside_every_number(paper, study):
    drop_group(study, "annotated", "t")
    table = judge(paper, study, "embedded espeak-ng corpus")
    assert set(table["verdict"]) <= {HOLDS, DOES_NOT, NOT_TESTABLE}
    assert (table["statement"].str.startswith("Other corpus (embedded espeak-ng corpus): ")).all()
    tested = table[table["verdict"] != NOT_TESTABLE]
    assert len(tested) == 26
    assert tested["ours"].str.endswith(" (other corpus)").all()
    absent = table.loc["PS2"]
    assert absent[["ours", "low", "high"]].tolist() == ["", "", ""]
    assert absent["statement"].endswith("corpus): no frame of W2L is annotated as phone t.")


def test_several_seeds_give_a_range_and_the_first_is_judged(paper, study):
    other = plant_study()
    set_summary(other, "W2P_shallow", centre=0.58)
    del other.clusters[W2L]["layer_04"]
    findings = [measures.measure(study), measures.measure(other)]
    table = claims.compare(paper, findings, "TIMIT").set_index("id")
    assert table.loc["AE1", "verdict"] == HOLDS
    assert table.loc["AE1", "low"] == "centre 3.7 %, aligned 59.3 %, aligned +-2 80.3 %"
    assert table.loc["AE1", "high"] == "centre 58.0 %, aligned 59.3 %, aligned +-2 80.3 %"
    assert table.loc["RS5", ["low", "high"]].tolist() == ["", ""]


def test_one_seed_has_the_interval_over_speakers_where_there_is_one(paper, study):
    shares = {"centre": 0.03, "aligned": 0.01, "aligned_pm2": 0.2}
    errors = {"speakers": 11, **shares, "offset_ms": 5.0, "cap": np.nan}
    study.alignment["W2P_shallow"].errors["all"] = errors
    table = judge(paper, study)
    # Student's t, 10 degrees of freedom: 2.228 standard errors to either side, within 0 to 100 %.
    assert table.loc["AE1", "low"] == "centre 0.0 %, aligned 57.1 %, aligned +-2 35.7 %"
    assert table.loc["AE1", "high"] == "centre 10.4 %, aligned 61.5 %, aligned +-2 100.0 %"
    # W2P has no errors, a cap of NaN is none.
    assert table.loc[["AE3", "AE4", "RS1"], "low"].tolist() == ["", "", ""]
    # A difference may be negative.
    for model, without in (("W2P_shallow", {"x": 0.7, "y": 0.5}), ("W2P", {"x": 0.4, "y": 0.4})):
        for name in ("aligned", "aligned_pm2"):
            study.alignment[model].left_out[name] = without
    whole = study.alignment["W2P_shallow"].summary["all"]["aligned"]
    gain = whole - study.alignment["W2P"].summary["all"]["aligned"]
    # Of two speakers 12.706 standard errors of sqrt(1 / 2 * 2 * 0.1 ** 2).
    assert f"aligned {100 * (gain - 1.2706):.1f} points" in judge(paper, study).loc["AE8", "low"]
    study.alignment["W2P"].errors["all"] = {"speakers": 11, "offset_ms": 2.0}
    assert judge(paper, study).loc["AE3", "low"] == "W2P_shallow 15 ms, W2P 33 ms"


def test_the_papers_own_numbers_are_accepted(paper):
    numeric = 0
    for claim in paper:
        for number in claim.expected:
            value = number.paper.split(" of ")[0]
            if value not in ("", "yes"):
                assert number.low <= float(value) <= number.high, claim.id
                numeric += 1
    assert numeric > 20


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("quantity", "number", "no column quantity"),
        ("\t3.7\t1.7\t", "\t3.7\tabout 2\t", "line 2: could not convert"),
        ("\t3.7\t1.7\t", "\t3.7\t8\t", "line 2: '8' to '5.7' is no interval"),
        ("\t3.7\t1.7\t5.7", "\t3.7\t\t", "line 2: '' to '' is no interval"),
        ("centre\t%\t3.7", "centre\tpercent\t3.7", "line 2: unit 'percent' is none of"),
        ("AE9", "AE10", "AE10, AE9"),
    ],
)
def test_damaged_values_are_refused(tmp_path, old, new, message):
    path = tmp_path / "values.tsv"
    path.write_text(VALUES.read_text().replace(old, new))
    with pytest.raises(StudyError, match=message):
        claims.read_claims(path)


def test_claims_from_files_are_those_from_memory(paper, study, tmp_path):
    paths = {"alignment": {}, "clusters": {}, "profiles": {}}
    for model, tables in study.alignment.items():
        paths["alignment"][model] = tmp_path / f"{model}.h5"
        write_alignment(paths["alignment"][model], tables)
    for key, clusterings in study.clusters.items():
        paths["clusters"][key] = tmp_path / f"clusters_{'_'.join(key)}.h5"
        write_clusters(paths["clusters"][key], {"SNAP": clusterings})
    for key, planted in study.profiles.items():
        paths["profiles"][key] = tmp_path / f"profiles_{'_'.join(key)}.h5"
        layers = {
            layer: {
                "time": planted.time(layer),
                "snap": planted.snap(layer),
                "baseline": planted.baseline(layer),
            }
            for layer in planted.layers
        }
        if planted.navai_values is not None:
            layers["input"] |= {"navai": planted.navai(), "navai_time": planted.navai_time()}
        write_profiles(paths["profiles"][key], planted.groups, planted.count, layers.items(), {})
    with measures.open_study(**paths, phones=study.phones) as opened:
        table = judge(paper, opened)
    assert table.equals(judge(paper, study))


def test_letters_alone_enter_the_letter_measures(study):
    """The profiles hold the apostrophe too; its NAvAI of zero would make the ratio undefined."""
    assert len(study.profiles[LETTERS].groups) == len(ALPHABET) + 1
    assert "median of 26 letters" in measures.measure(study)["PS5"].sentence


def test_a_finding_names_the_quantities_of_the_paper(paper, study):
    found = measures.measure(study)
    for claim in paper:
        assert list(found[claim.id].numbers) == [n.quantity for n in claim.expected], claim.id
