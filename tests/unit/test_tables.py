"""Tables against hand-made networks and numbers."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml

from snaps import tables
from snaps.alignment_evaluation import AlignmentTables

ROOT = Path(__file__).resolve().parents[2]


def network(filters, kernels, **entry):
    layers = [
        {"filters": count, "kernel": kernel, "stride": 1}
        for count, kernel in zip(filters, kernels, strict=True)
    ]
    defaults = {"output": "phones", "parent": None, "transferred": 0, "trained": "all"}
    return defaults | {"layers": layers, "experiments": ["AE"]} | entry


@pytest.fixture
def models():
    return {
        "child": network([10, 8, 8, 3], [7, 7, 7, 1], parent="base", transferred=2, trained="new"),
        "base": network([10, 8, 8, 3], [7, 7, 7, 1], experiments=["AE", "PS"]),
        "equal": network([10, 8, 8, 3], [7, 7, 7, 1], output="letters"),
    }


def test_transferred_layers_keep_the_parents_filters(models):
    width = {"child": 0.25, "base": 1.0, "equal": 0.5}
    assert tables.study_filters(models, width) == {
        "child": [10, 8, 2, 3],
        "base": [10, 8, 8, 3],
        "equal": [5, 4, 4, 3],
    }


def test_architectures_join_equal_layers_and_equal_models(models):
    table = tables.tabulate_architectures(
        models, {"child": [10, 8, 2, 3], "base": [10, 8, 8, 3], "equal": [10, 8, 8, 3]}
    )
    assert table.values.tolist() == [
        ["child", "1", 10, 7, 1, 10],
        ["child", "2", 8, 7, 1, 8],
        ["child", "3", 8, 7, 1, 2],
        ["child", "4 (output)", 3, 1, 1, 3],
        ["base, equal", "1", 10, 7, 1, 10],
        ["base, equal", "2-3", 8, 7, 1, 8],
        ["base, equal", "4 (output)", 3, 1, 1, 3],
    ]


def test_an_output_layer_equal_to_the_layer_below_keeps_its_row():
    models = {"flat": network([3, 3], [1, 1])}
    table = tables.tabulate_architectures(models, {"flat": [3, 3]})
    assert table["layer"].tolist() == ["1", "2 (output)"]


def test_the_configured_networks_print_as_table_1_of_the_paper():
    models = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())["models"]
    filters = tables.study_filters(models, dict.fromkeys(models, 1.0))
    table = tables.tabulate_architectures(models, filters)
    letters = [
        ["1", 256, 48, 2],
        ["2-9", 256, 7, 1],
        ["10", 2048, 32, 1],
        ["11", 2048, 1, 1],
        ["12 (output)", 29, 1, 1],
    ]
    printed = {
        names: rows[["layer", "filters", "kernel", "stride"]].values.tolist()
        for names, rows in table.groupby("models")
    }
    assert printed == {
        "W2L, W2L_TL_frozen, W2L_TL_finetuned": letters,
        "W2P": [*letters[:-1], ["12 (output)", 62, 1, 1]],
        "W2P_shallow": [["1", 256, 48, 2], ["2-5", 256, 7, 1], ["6 (output)", 62, 1, 1]],
    }
    assert (table["filters"] == table["filters_in_study"]).all()


def test_models_name_their_parents(models):
    table = tables.tabulate_models(models)
    assert table.values.tolist() == [
        ["child", 4, "phones", "base (layers 1-2)", "new layers", "AE"],
        ["base", 4, "phones", "none", "all", "AE, PS"],
        ["equal", 4, "letters", "none", "all", "AE"],
    ]


def test_errors_join_models_and_seeds():
    metrics = pd.DataFrame({"part": ["train", "test"], "metric": "LER", "value": [0.25, 0.5]})
    table = tables.tabulate_errors({("W2L", 0): metrics, ("W2L", 1): metrics.iloc[:1]})
    assert list(table) == ["model", "seed", "part", "metric", "value"]
    assert table.values.tolist() == [
        ["W2L", 0, "train", "LER", 0.25],
        ["W2L", 0, "test", "LER", 0.5],
        ["W2L", 1, "train", "LER", 0.25],
    ]


def alignment(summary):
    names = ("centre", "centre_pm2", "aligned", "aligned_pm2", "offset_ms", "cap")
    of_part = {name: 0.01 * k for k, name in enumerate(names)} | {"speakers": 3}
    errors = {part: dict(of_part) for part in summary}
    return AlignmentTables([], [], np.zeros(0), None, None, None, None, None, summary, errors)


def test_alignment_has_a_row_for_each_part_and_none_for_letters():
    values = {"frames": 4, "centre": 0.25, "centre_pm2": 0.5, "aligned": 0.5, "aligned_pm2": 0.75}
    values |= {"offset_ms": 16.0, "cap": 1.0, "blanks": 0.5}
    table = tables.tabulate_alignment(
        {("W2P", 3): alignment({"test": values, "all": values}), ("W2L", 3): alignment({})}
    )
    assert list(table) == [
        *("model", "seed", "part", "frames", "centre", "centre_pm2"),
        *("aligned", "aligned_pm2", "offset_ms", "cap", "speakers", "centre_se"),
        *("centre_pm2_se", "aligned_se", "aligned_pm2_se", "offset_ms_se", "cap_se"),
    ]
    row = ["W2P", 3, "all", 4, 0.25, 0.5, 0.5, 0.75, 16.0, 1.0, 3]
    row += [0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
    assert table.values.tolist() == [row, [*row[:2], "test", *row[3:]]]


def test_alignment_without_phone_models_keeps_its_columns():
    assert list(tables.tabulate_alignment({}))[:11] == tables.ALIGNMENT_COLUMNS


def test_markdown_escapes_and_rounds():
    table = pd.DataFrame(
        {"name": ["a|b", "c\nd"], "share": [0.123456, np.nan], "count": [7, 12345]}
    )
    assert tables.markdown(table) == (
        "| name | share | count |\n"
        "| --- | ---: | ---: |\n"
        "| a\\|b | 0.1235 | 7 |\n"
        "| c d |  | 12345 |\n"
    )


def test_a_page_escapes_and_aligns():
    table = pd.DataFrame({"of_name": ["a<b", "x" * 60], "share": [0.123456, np.nan]})
    page = tables.page(table)
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>"))
    assert '<th class="text">of name</th><th class="number">share</th>' in page
    assert '<td class="text">a&lt;b</td><td class="number">0.1235</td>' in page
    assert '<td class="number"></td>' in page
    assert "<tbody>\n</tbody>" in tables.page(table.iloc[:0])
    assert 'td class="prose"' in tables.page(pd.DataFrame({"statement": ["word " * 40]}))
    # Nothing is fetched from anywhere.
    assert "http" not in page and "<script" not in page


def test_frames_of_every_model_and_grouping():
    attributes = {"model": "W2L", "seed": 0, "grouping": "predicted", "frames": 50, "blanks": 20}
    some = (attributes | {"absent": [" ", "q"]}, ["a", "'", "b"], np.array([9, 4, 11]))
    none = (attributes | {"grouping": "annotated", "absent": ["aa"]}, [], np.array([], int))
    table = tables.tabulate_frames([some, none])
    assert table.values.tolist() == [
        ["W2L", 0, "predicted", 50, 20, 24, 3, "apostrophe (4)", "b (11)", "space q"],
        ["W2L", 0, "annotated", 50, 20, 0, 0, "", "", "aa"],
    ]


def test_a_written_table_reads_back(tmp_path):
    table = pd.DataFrame({"model": ["W2L"], "seed": [0], "value": [1 / 3]})
    tsv, md, page = tmp_path / "t.tsv", tmp_path / "t.md", tmp_path / "t.html"
    tables.write_table(table, tsv, md, page)
    assert page.read_text(encoding="utf-8") == tables.page(table)
    assert tsv.read_bytes() == b"model\tseed\tvalue\nW2L\t0\t0.333333\n"
    assert (
        md.read_text() == "| model | seed | value |\n| --- | ---: | ---: |\n| W2L | 0 | 0.3333 |\n"
    )
