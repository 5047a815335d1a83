"""The one style of all figures: sizes, colours, colour maps, fonts, and how a figure is saved.

Every length is in inches, so that text keeps its size and its distance whatever the figure.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from snaps.phones import visible_symbol

WIDTH = 7.0
FOOTER = 0.16
PNG_DPI = 200
TEXT = "#222222"
QUIET = "#6B6B6B"
TIER = 2.4
NARROW_BAR = 1.75
NO_DATA = "#E3E3E3"

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.0,
    "axes.titlesize": 7.0,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.0,
    "ytick.labelsize": 6.0,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.titlepad": 3.0,
    "axes.labelpad": 2.0,
    "axes.edgecolor": TEXT,
    "axes.labelcolor": TEXT,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "image.interpolation": "none",
    "pdf.fonttype": 42,
    "savefig.dpi": PNG_DPI,
    "figure.dpi": 100,
    "axes.unicode_minus": True,
}

# Chosen so that any two differ by 0.09 or more in OKLab, for normal colour vision and for each of
# the three dichromacies, and so that text in any of them has a contrast of 3 or more on white.
MANNER_COLOURS = {
    "vowel": "#C9450C",
    "semivowel": "#BD8C11",
    "nasal": "#248A5D",
    "fricative": "#155799",
    "affricate": "#3F9FB2",
    "plosive": "#32297A",
    "closure": "#A353D4",
    "flap": "#601F12",
    "silence": "#534D4B",
}
# Okabe and Ito (2008), without black; a light colour as line or area is always next to a number.
CLUSTER_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#B2A300",
    "#7F3C8D",
    "#5A3A22",
)
SINGLE = "#9A9A9A"
MODEL_LOOKS = {
    "W2L": ("#0072B2", "o", "-"),
    "W2L_TL_frozen": ("#D55E00", "s", "-"),
    "W2L_TL_finetuned": ("#009E73", "^", "-"),
    "W2P": ("#CC79A7", "D", "-"),
    "W2P_shallow": ("#5A3A22", "v", "-"),
}

_TO_CONE = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def to_oklab(rgb: np.ndarray) -> np.ndarray:
    """Perceptual coordinates (lightness 0 to 1, green-red, blue-yellow) of sRGB colours in [0, 1].

    (..., 3) to (..., 3); equal distances look about equally far apart (Ottosson 2020).
    """
    rgb = np.asarray(rgb, float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONE.T) @ _TO_LAB.T


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """Give the sRGB colours in [0, 1] of perceptual coordinates, clipped to what a screen shows."""
    linear = (np.asarray(lab, float) @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONE).T
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _ramp(name: str, stops: Sequence[str], lightness: Sequence[float]) -> ListedColormap:
    """Build a colour map, straight in OKLab between colours that are set to given lightnesses."""
    lab = to_oklab(np.array([to_rgb(stop) for stop in stops]))
    lab[:, 0] = lightness
    at = np.linspace(0.0, len(stops) - 1.0, 255)
    line = np.stack([np.interp(at, np.arange(len(stops)), lab[:, i]) for i in range(3)], axis=1)
    return ListedColormap(from_oklab(line), name=name)


# Zero is white; equal amounts of blue and red are equally dark.
DIVERGING = _ramp("snaps_diverging", ["#1F5FA8", "#FFFFFF", "#B3202A"], [0.42, 1.0, 0.42])
# The paper's "from white to black" for shares and other values in [0, 1].
SHARE = _ramp("snaps_share", ["#FFFFFF", "#000000"], [1.0, 0.0])
INTENSITY = matplotlib.colormaps["viridis"]


def styled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a drawing function under the style, leaving matplotlib's global settings as they were."""

    @functools.wraps(function)
    def under_style(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with matplotlib.rc_context(STYLE):
            return function(*args, **kwargs)

    return under_style


def corpus_remark(corpus: str) -> str:
    """Text that a figure of any corpus other than "TIMIT" itself carries; empty for TIMIT."""
    if corpus == "TIMIT":
        return ""
    return f"Data: {corpus}, not {'the full ' if 'timit' in corpus.lower() else ''}TIMIT"


def new_figure(height: float, corpus: str, width: float = WIDTH) -> Figure:
    """Make an empty figure whose lowest `FOOTER` inches name the corpus if it is not TIMIT."""
    figure = Figure(figsize=(width, height))
    if remark := corpus_remark(corpus):
        figure.text(
            1.0 - 0.04 / width, 0.03 / height, remark, ha="right", va="bottom", size=6, color=QUIET
        )
    return figure


def add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose upper left corner is `left`, `top` inches from the figure's upper left."""
    total_width, total_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / total_width,
            1.0 - (top + height) / total_height,
            width / total_width,
            height / total_height,
        )
    )


def add_text(figure: Figure, left: float, top: float, text: str, **options) -> None:
    """Write text whose upper left corner is `left`, `top` inches from the figure's upper left."""
    width, height = figure.get_size_inches()
    options = {"ha": "left", "va": "top"} | options
    figure.text(left / width, 1.0 - top / height, text, **options)


def panel_letter(figure: Figure, left: float, top: float, letter: str) -> None:
    """Mark a panel with its bold letter at the given inches from the figure's upper left."""
    add_text(figure, left, top, letter, weight="bold", size=9)


def state_absence(ax: Axes, text: str) -> None:
    """Say in words why there is nothing to draw here, in place of an empty panel."""
    ax.set_axis_off()
    ax.text(
        0.5,
        0.5,
        textwrap.fill(text, 32),
        ha="center",
        va="center",
        transform=ax.transAxes,
        color=QUIET,
    )


def unit_label(unit: str) -> str:
    """How an output unit is written in a figure: the space as an open box."""
    return "\u2423" if unit == " " else unit


def manner_colour(unit: str, manner: Mapping[str, str]) -> str:
    """Colour of a phone by its manner of articulation; letters and unknown units are dark grey."""
    return MANNER_COLOURS.get(manner.get(unit, ""), TEXT)


def label_cells(
    ax: Axes,
    axis: str,
    units: Sequence[str],
    manner: Mapping[str, str],
    *,
    size: float,
    tiers: int = 1,
    side: str | None = None,
) -> None:
    """Label cells 0, 1, ... of an axis with their units, coloured by manner of articulation.

    axis : "x" or "y"; side : "bottom", "top", "left" or "right"
    tiers : 2 sets every second label further out, which halves the room a label needs
    """
    side = side or ("bottom" if axis == "x" else "left")
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_ticks(np.arange(len(units)), [unit_label(unit) for unit in units])
    ax.tick_params(
        axis=axis,
        length=0,
        labelsize=size,
        pad=1.0,
        **{name: False for name in _sides(axis)},
        **{f"label{name}": name == side for name in _sides(axis)},
    )
    for index, (tick, unit) in enumerate(zip(which.get_major_ticks(), units, strict=True)):
        if tiers > 1:
            tick.set_pad(1.0 + (index % tiers) * size * TIER)
        for label in (tick.label1, tick.label2):
            label.set_color(manner_colour(unit, manner))
            if axis == "x":
                label.set_rotation(90)


def _sides(axis: str) -> tuple[str, str]:
    return ("bottom", "top") if axis == "x" else ("left", "right")


def manner_legend(
    figure: Figure, units: Sequence[str], manner: Mapping[str, str], left: float, top: float
) -> None:
    """Write the manners that occur among `units` in their colours, on one line."""
    occurring = [name for name in MANNER_COLOURS if name in {manner.get(unit) for unit in units}]
    if not occurring:
        return
    width, height = figure.get_size_inches()
    figure.legend(
        handles=[Rectangle((0, 0), 1, 1, color=MANNER_COLOURS[name]) for name in occurring],
        labels=occurring,
        loc="upper left",
        bbox_to_anchor=(left / width, 1.0 - top / height),
        ncols=len(occurring),
        handlelength=0.8,
        handleheight=0.8,
        handletextpad=0.4,
        columnspacing=1.1,
        borderpad=0.0,
        borderaxespad=0.0,
        labelcolor=[MANNER_COLOURS[name] for name in occurring],
    )


def add_colour_bar(
    figure: Figure, mappable, ax: Axes, label: str, *, extend: str = "neither", ticks=None
) -> None:
    """Fill `ax` with the colour bar of `mappable`, lying or standing as its shape suggests."""
    box = ax.get_position()
    width, height = figure.get_size_inches()
    lying = box.width * width > box.height * height
    bar = figure.colorbar(
        mappable,
        cax=ax,
        orientation="horizontal" if lying else "vertical",
        extend=extend,
        ticks=ticks,
    )
    bar.set_label(label)
    bar.outline.set_linewidth(0.5)
    if ticks is None:
        bar.locator = MaxNLocator(3 if lying and box.width * width < NARROW_BAR else 5)
        bar.update_ticks()
    bar.ax.tick_params(length=2, width=0.5)
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")


def series_handle(colour: str, marker: str, line: str) -> Line2D:
    """Make the legend entry of a line with markers."""
    return Line2D([], [], color=colour, marker=marker, linestyle=line)


def ordinal(number: float) -> str:
    """Write a number as a place: 87 as "87th", 93 as "93rd"."""
    last = int(number) % 10 if number % 100 // 10 != 1 and number == int(number) else 0
    return f"{number:g}" + {1: "st", 2: "nd", 3: "rd"}.get(last, "th")


def list_names(names: Sequence[str]) -> str:
    """Join names for a sentence: "a, b and c"; a space is written out."""
    shown = [visible_symbol(name) for name in names]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def save_figure(
    figure: Figure, facts: str, pdf: str | Path, png: str | Path, text: str | Path
) -> None:
    """Save a figure as vector PDF with selectable text and as PNG of 200 dpi, its facts as text.

    The same figure gives the same bytes: neither file holds a date or a version.
    """
    with matplotlib.rc_context(STYLE):
        nameless = dict.fromkeys(("CreationDate", "ModDate", "Producer", "Creator"))
        figure.savefig(pdf, metadata=nameless)
        figure.savefig(png, dpi=PNG_DPI, metadata={"Software": None})
    Path(text).write_text(facts + "\n", encoding="utf-8")
