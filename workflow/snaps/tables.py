"""Tables of the study: networks (paper Tables 1 and 2), error rates, alignment."""

import html
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from numbers import Real
from pathlib import Path

import pandas as pd

from snaps.alignment_evaluation import AlignmentTables
from snaps.phones import visible_symbol

ERROR_COLUMNS = ["model", "seed", "part", "metric", "value"]
ALIGNMENT_COLUMNS = [
    *("model", "seed", "part", "frames", "centre", "centre_pm2"),
    *("aligned", "aligned_pm2", "offset_ms", "cap", "speakers"),
]
ALIGNMENT_ERRORS = ("centre", "centre_pm2", "aligned", "aligned_pm2", "offset_ms", "cap")
PARTS = ("all", "train", "test")
FRAMES_COLUMNS = [
    *("model", "seed", "grouping", "frames", "blanks", "grouped", "groups"),
    *("smallest", "largest", "absent"),
]
# Columns whose longest text has more characters than this are kept from becoming narrow.
WIDE = (("prose", 160), ("text", 48))
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<style>
body {{ margin: 1.5rem; font: 13px/1.4 system-ui, sans-serif; color: #222; background: #fff; }}
table {{ border-collapse: collapse; border-bottom: 1.5px solid #222; }}
th, td {{ padding: 0.3rem 0.5rem; text-align: left; vertical-align: top; }}
thead th {{ position: sticky; top: 0; background: #fff; }}
thead th {{ box-shadow: inset 0 1.5px #222, inset 0 -1px #222; }}
tr:nth-child(even) td {{ background: #f5f5f5; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.text {{ min-width: 7rem; max-width: 40rem; }}
.prose {{ min-width: 22rem; max-width: 40rem; }}
</style>
</head>
<body>
<table>
<thead>
{head}</thead>
<tbody>
{body}</tbody>
</table>
</body>
</html>
"""
TRAINED = {
    "all": "all",
    "new": "new layers",
    "convolutions": "convolutions of all layers",
}


def study_filters(models: Mapping[str, dict], width: Mapping[str, float]) -> dict[str, list[int]]:
    """Filters of every layer of every model as built in this study.

    Parameters
    ----------
    models : Table 1 and Table 2 as in config/models.yaml: layers, parent, transferred
    width : factor on the filters of each model; layers taken from a parent keep the parent's
    """
    from snaps.networks import Layer, scale_width  # torch, 1 s: for this table alone

    filters: dict[str, list[int]] = {}

    def resolve(model: str) -> list[int]:
        if model not in filters:
            entry = models[model]
            inherited = resolve(entry["parent"])[: entry["transferred"]] if entry["parent"] else []
            layers = [Layer(**layer) for layer in entry["layers"]]
            scaled = scale_width(layers, width[model], inherited)
            filters[model] = [layer.filters for layer in scaled]
        return filters[model]

    return {model: resolve(model) for model in models}


def tabulate_architectures(
    models: Mapping[str, dict], filters: Mapping[str, list[int]]
) -> pd.DataFrame:
    """Convolutions of all models, equal neighbouring layers and equal models in one row (Table 1).

    Parameters
    ----------
    models : as for :func:`study_filters`
    filters : filters of every layer as built in this study

    Returns
    -------
    models, layer, filters (of the paper), kernel and stride (steps), filters_in_study
    """
    stacks: dict[tuple, list[str]] = {}
    for model, entry in models.items():
        rows = [
            (layer["filters"], layer["kernel"], layer["stride"], built)
            for layer, built in zip(entry["layers"], filters[model], strict=True)
        ]
        stacks.setdefault(tuple(rows), []).append(model)
    table = []
    for rows, names in stacks.items():
        last = len(rows)
        for (row, output), run in groupby(
            enumerate(rows, start=1), key=lambda item: (item[1], item[0] == last)
        ):
            numbers = [number for number, _ in run]
            layers = "-".join(str(number) for number in sorted({numbers[0], numbers[-1]}))
            table.append([", ".join(names), layers + " (output)" * output, *row])
    columns = ["models", "layer", "filters", "kernel", "stride", "filters_in_study"]
    return pd.DataFrame(table, columns=columns)


def tabulate_models(models: Mapping[str, dict]) -> pd.DataFrame:
    """Layers, output, initial weights and experiments of every model (Table 2).

    Returns
    -------
    model, layers, output, initial_weights, trained, experiments
    """
    rows = [
        {
            "model": model,
            "layers": len(entry["layers"]),
            "output": entry["output"],
            "initial_weights": describe_parent(entry),
            "trained": TRAINED[entry["trained"]],
            "experiments": ", ".join(entry["experiments"]),
        }
        for model, entry in models.items()
    ]
    return pd.DataFrame(rows)


def describe_parent(entry: Mapping) -> str:
    """Name the source of a model's initial weights: "none", or the parent and its layers."""
    if not entry["parent"]:
        return "none"
    return f"{entry['parent']} (layers 1-{entry['transferred']})"


def tabulate_errors(metrics: Mapping[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """Error rates of all models and seeds.

    Parameters
    ----------
    metrics : (model, seed) to a table of part, metric and value (a fraction)

    Returns
    -------
    model, seed, part, metric, value
    """
    tables = [
        table.assign(model=model, seed=seed)[ERROR_COLUMNS]
        for (model, seed), table in metrics.items()
    ]
    return pd.concat(tables, ignore_index=True)


def tabulate_alignment(alignment: Mapping[tuple[str, int], AlignmentTables]) -> pd.DataFrame:
    """Alignment accuracy of the models that predict phones (paper 5.1.1).

    Parameters
    ----------
    alignment : (model, seed) to its tables; models that predict letters give no row

    Returns
    -------
    model, seed, part, frames (that predict a phone), centre, centre_pm2, aligned, aligned_pm2,
    offset_ms, cap, speakers; shares are fractions of these frames; and as ``<name>_se`` the
    standard error over speakers of each
    """
    errors = {f"{name}_se": name for name in ALIGNMENT_ERRORS}
    rows = [
        {"model": model, "seed": seed, "part": part, **tables.summary[part]}
        | {"speakers": tables.errors[part]["speakers"]}
        | {column: tables.errors[part][name] for column, name in errors.items()}
        for (model, seed), tables in alignment.items()
        for part in PARTS
        if part in tables.summary
    ]
    return pd.DataFrame(rows, columns=[*ALIGNMENT_COLUMNS, *errors])


def tabulate_frames(
    profiles: Iterable[tuple[Mapping, Sequence[str], Sequence[int]]],
) -> pd.DataFrame:
    """Frames, blanks and groups behind the profiles of every model, seed and grouping.

    Parameters
    ----------
    profiles : attributes (model, seed, grouping, frames, blanks, absent), names of the groups and
        frames of each

    Returns
    -------
    model, seed, grouping, frames (all of them), blanks (frames that predict the blank), grouped
    (frames that belong to a group), groups, smallest and largest (groups, with their frames),
    absent (groups without frames)
    """
    rows = []
    for attributes, groups, count in profiles:
        sized = sorted(zip(count, groups, strict=True))
        shown = [f"{visible_symbol(group)} ({size})" for size, group in sized] or [""]
        rows.append(
            {name: attributes[name] for name in ("model", "seed", "grouping", "frames", "blanks")}
            | {"grouped": int(sum(count)), "groups": len(groups)}
            | {"smallest": shown[0], "largest": shown[-1]}
            | {"absent": " ".join(map(visible_symbol, attributes["absent"]))}
        )
    return pd.DataFrame(rows, columns=FRAMES_COLUMNS)


def cell(value: object) -> str:
    """A value as the reader sees it: floats with four significant digits, nothing for NaN."""
    if isinstance(value, Real) and pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, numbers to the right."""

    def escaped(value: object) -> str:
        return cell(value).replace("|", "\\|").replace("\n", " ")

    rules = ["---:" if pd.api.types.is_numeric_dtype(kind) else "---" for kind in table.dtypes]
    rows = [list(table.columns), rules, *table.itertuples(index=False, name=None)]
    return "".join("| " + " | ".join(map(escaped, row)) + " |\n" for row in rows)


def page(table: pd.DataFrame) -> str:
    """A table as a page of its own in HTML, numbers to the right, long texts in wide columns."""

    def row(tag: str, values: Iterable[object]) -> str:
        cells = (
            f"<{tag}{style}>{html.escape(text)}</{tag}>"
            for text, style in zip(map(cell, values), styles, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>\n"

    styles = []
    for kind, (_, column) in zip(table.dtypes, table.items(), strict=True):
        if pd.api.types.is_numeric_dtype(kind):
            styles.append(' class="number"')
        else:
            longest = column.map(lambda value: len(cell(value))).max() if len(column) else 0
            wide = next((name for name, length in WIDE if longest > length), None)
            styles.append(f' class="{wide}"' if wide else "")
    body = "".join(row("td", values) for values in table.itertuples(index=False, name=None))
    head = row("th", [str(name).replace("_", " ") for name in table.columns])
    return PAGE.format(head=head, body=body)


def write_table(
    table: pd.DataFrame, tsv: str | Path, md: str | Path, page_path: str | Path
) -> None:
    """Write a table as tab-separated values (floats with six digits), Markdown and HTML."""
    table.to_csv(tsv, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    Path(md).write_text(markdown(table), encoding="utf-8")
    Path(page_path).write_text(page(table), encoding="utf-8")
