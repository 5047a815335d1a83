"""What alignment gains over the centre of the frame (figure S2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from snaps.alignment_evaluation import AlignmentTables, speaker_margins
from snaps.figures.style import (
    FOOTER,
    QUIET,
    TEXT,
    WIDTH,
    add_axes,
    manner_colour,
    manner_legend,
    new_figure,
    panel_letter,
    state_absence,
    styled,
)

PARTS = ("all", "train", "test")
# At the centre and at the alignment step, for each tolerance; how the pair is drawn.
PAIRS = (
    ("centre", "aligned", "exactly", "#0072B2", "o", -0.17),
    ("centre_pm2", "aligned_pm2", "within two steps", "#D55E00", "s", 0.17),
)
LARGEST_DOT = 70.0


def part_shares(tables: Mapping[str, AlignmentTables]) -> pd.DataFrame:
    """Shares of frames annotated as predicted, in percent: a row for each model and part.

    Returns
    -------
    index (model, part); frames, speakers; centre, centre_pm2, aligned, aligned_pm2 and cap, and
    as ``<name>_margin`` half their 95 % intervals over speakers; parts without a frame that
    predicts a phone are left out
    """
    names = [name for pair in PAIRS for name in pair[:2]] + ["cap"]
    rows = {
        (model, part): {
            "frames": table.summary[part]["frames"],
            "speakers": table.errors[part]["speakers"],
            **{name: 100 * table.summary[part][name] for name in names},
            **{
                f"{name}_margin": 100 * margin
                for name, margin in speaker_margins(table.errors[part]).items()
                if name in names
            },
        }
        for model, table in tables.items()
        for part in PARTS
        if table.summary.get(part, {}).get("frames")
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def phone_shares(table: AlignmentTables) -> pd.DataFrame:
    """Shares of each phone's frames within two steps, in percent: at the centre and aligned.

    Returns
    -------
    index: the phones that are predicted; n (frames), centre_pm2, aligned_pm2
    """
    shares = {"centre_pm2": 100 * table.within[:, 1], "aligned_pm2": 100 * table.within[:, 3]}
    return pd.DataFrame({"n": table.n} | shares, index=table.predicted)[table.n > 0]


def _draw_parts(ax: Axes, shares: pd.DataFrame) -> None:
    """Draw for each model and part both pairs of shares, their errors, and the cap."""
    for row, (_, values) in enumerate(shares.iterrows()):
        for centre, aligned, _, colour, marker, shift in PAIRS:
            y = row + shift
            ax.plot(
                [values[centre], values[aligned]], [y, y], color=colour, linewidth=2.6, alpha=0.25
            )
            for name, fill in ((centre, "white"), (aligned, colour)):
                margin = values[f"{name}_margin"]
                ax.errorbar(
                    values[name],
                    y,
                    xerr=None if np.isnan(margin) else margin,
                    color=colour,
                    marker=marker,
                    markerfacecolor=fill,
                    elinewidth=0.5,
                    capsize=1.2,
                    capthick=0.5,
                )
        ax.plot([values["cap"]] * 2, [row - 0.34, row + 0.34], color=TEXT, linewidth=1.4)
    labels = [
        f"{model}\n{part} (n = {frames:,.0f})"
        for (model, part), frames in zip(shares.index, shares["frames"], strict=True)
    ]
    ax.set_yticks(range(len(shares)), labels)
    ax.set_ylim(len(shares) - 0.5, -0.5)
    ax.set_xlim(0, 103)
    ax.set_xlabel("Frames annotated as predicted (%)")
    ax.spines[["top", "right"]].set_visible(False)


def _draw_phones(ax: Axes, phones: pd.DataFrame, manner: Mapping[str, str]) -> None:
    """Draw each phone's share aligned against that at the centre, larger dots for more frames."""
    ax.plot([0, 100], [0, 100], color=QUIET, linewidth=0.6, dashes=(4, 3), zorder=0)
    ax.scatter(
        phones["centre_pm2"],
        phones["aligned_pm2"],
        s=LARGEST_DOT * phones["n"] / phones["n"].max(),
        c=[manner_colour(phone, manner) for phone in phones.index],
        edgecolor="white",
        linewidth=0.3,
        clip_on=False,
        zorder=3,
    )
    ax.set(xlim=(0, 100), ylim=(0, 100), xticks=[0, 50, 100], yticks=[0, 50, 100])
    ax.set_xlabel("At the centre \u00b12 (%)")
    ax.spines[["top", "right"]].set_visible(False)


@styled
def plot_alignment_gain(
    tables: Mapping[str, AlignmentTables], manner: Mapping[str, str], corpus: str
) -> tuple[Figure, str]:
    """Draw accuracy at the centre beside accuracy at the alignment step (figure S2).

    Parameters
    ----------
    tables : model to its alignment tables; models that predict phones
    manner : manner of articulation of each phone
    """
    shares = part_shares(tables)
    if shares.empty:
        figure = new_figure(1.5, corpus)
        state_absence(add_axes(figure, 0.1, 0.1, WIDTH - 0.2, 1.0), "No frame predicts a phone")
        return figure, "No frame predicts a phone."
    top, left, labels, gap, side = 0.28, 1.02, 0.5, 0.16, 1.6
    phones = {model: phone_shares(table) for model, table in tables.items() if table.n.any()}
    right = len(phones) * (side + gap) + labels
    height = max(0.27 * len(shares), side)
    figure = new_figure(top + height + 1.06 + FOOTER, corpus)
    ax = add_axes(figure, left, top, WIDTH - left - right, height)
    panel_letter(figure, 0.04, 0.04, "A")
    ax.set_title("All phones together")
    _draw_parts(ax, shares)
    figure_width, figure_height = figure.get_size_inches()
    figure.legend(
        handles=_pair_handles(),
        loc="upper left",
        bbox_to_anchor=(0.3 / figure_width, 1.0 - (top + height + 0.42) / figure_height),
        ncols=3,
        columnspacing=1.2,
        borderaxespad=0.0,
    )
    for index, (model, of_phone) in enumerate(phones.items()):
        start = WIDTH - right + labels + index * (side + gap)
        panel = add_axes(figure, start, top, side, side)
        panel_letter(figure, start - 0.02, 0.04, "BCDE"[index])
        # Above the dots that lie on the frame.
        panel.set_title(model, pad=9)
        _draw_phones(panel, of_phone, manner)
        panel.tick_params(labelleft=index == 0)
        if index == 0:
            panel.set_ylabel("At the alignment step \u00b12 (%)", labelpad=4)
    drawn = sorted(set().union(*(of_phone.index for of_phone in phones.values())))
    manner_legend(figure, drawn, manner, 0.3, top + height + 0.86)
    return figure, " ".join([*_part_sentences(shares), *_phone_sentences(phones)])


def _pair_handles() -> Sequence[Line2D]:
    """Legend entries, column by column: both tolerances at the centre, both aligned, the cap."""
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            markerfacecolor=fill,
            linestyle="",
            label=f"{where}, {tolerance}",
        )
        for where, filled in (("centre", False), ("aligned", True))
        for _, _, tolerance, colour, marker, _ in PAIRS
        for fill in (colour if filled else "white",)
    ]
    cap = Line2D([], [], color=TEXT, marker="|", linestyle="", markersize=7, label="cap")
    return [*handles, cap]


def _part_sentences(shares: pd.DataFrame) -> list[str]:
    sentences = []
    for (model, part), row in shares.iterrows():
        gain = row["aligned_pm2"] - row["centre_pm2"]
        sentences.append(
            f"{model}, {part}, {row['frames']:,.0f} frames of {row['speakers']:.0f} speakers: "
            f"{row['centre']:.1f} % at the centre, {row['aligned']:.1f} % at the alignment step; "
            f"within two steps {row['centre_pm2']:.1f} and {row['aligned_pm2']:.1f} % "
            f"({gain:+.1f} points); cap {row['cap']:.1f} %."
        )
    return sentences


def _phone_sentences(phones: Mapping[str, pd.DataFrame]) -> list[str]:
    sentences = []
    for model, of_phone in phones.items():
        gain = of_phone["aligned_pm2"] - of_phone["centre_pm2"]
        sentences.append(
            f"{model}: of {len(of_phone)} phones {int((gain > 0).sum())} gain by the alignment, "
            f"{int((gain < 0).sum())} lose."
        )
    return sentences
