"""The method in pictures: one frame aligned, one group's SNAP composed (figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from snaps.features import SECONDS_PER_STEP
from snaps.figures.maps import draw_frame, label_frequency, label_time, symmetric_limit
from snaps.figures.silhouette import layer_number
from snaps.figures.style import (
    DIVERGING,
    FOOTER,
    INTENSITY,
    NO_DATA,
    QUIET,
    SHARE,
    WIDTH,
    add_axes,
    add_colour_bar,
    add_text,
    new_figure,
    panel_letter,
    styled,
    unit_label,
)
from snaps.frames import FRAME_CENTRE, FRAME_HOP, FRAME_STEPS
from snaps.profiles import Profiles

INPUT_TITLE = "input layer"
MARK = "#E69F00"


@dataclass(frozen=True)
class ExampleFrame:
    """Maps of one frame of the input.

    Attributes
    ----------
    utterance, start : where the frame is, in steps of 8 ms
    predicted : the winning output unit
    activation : (206, mels) ln power; aligned : the same, centred at the alignment step
    saliency : (206, mels) derivative of the winning logit by ln power
    importance : (206, mels) what the frame is aligned by, see :func:`importance_title`
    step : alignment step, the time of the largest importance
    """

    utterance: str
    start: int
    predicted: str
    activation: np.ndarray
    aligned: np.ndarray
    saliency: np.ndarray
    importance: np.ndarray
    step: int


@dataclass(frozen=True)
class LayerProfile:
    """Profile, mask and SNAP of one group in one layer.

    Attributes
    ----------
    title : the layer in words
    activation, mask, snap : (T, features); the mask in [0, 1]
    time : (T,) steps relative to the alignment step
    seconds_per_step : length of a step
    """

    title: str
    activation: np.ndarray
    mask: np.ndarray
    snap: np.ndarray
    time: np.ndarray
    seconds_per_step: float


def layer_profile(profiles: Profiles, group: str, layer: str) -> LayerProfile:
    """Take one group's maps in one layer out of the profiles."""
    index = profiles.groups.index(group)
    number = layer_number(layer)
    return LayerProfile(
        title=f"layer {number}" if number else INPUT_TITLE,
        activation=profiles.activation(layer)[index],
        mask=profiles.mask(layer)[index],
        snap=profiles.snap(layer)[index],
        time=profiles.time(layer),
        seconds_per_step=SECONDS_PER_STEP * (FRAME_HOP if number else 1),
    )


def group_of(profiles: Profiles, wanted: str) -> str | None:
    """Give the wanted group, or the most frequent one where it has no frames, or None."""
    if wanted in profiles.groups or not profiles.groups:
        return wanted if wanted in profiles.groups else None
    return profiles.groups[int(np.argmax(profiles.count))]


def importance_title(pool: str, importance: str) -> str:
    """What the importance is made of, in words, for a setting of the alignment.

    pool : signed, absolute or none; importance : shifted, product or saliency
    """
    weight = {
        "signed": "|pooled saliency|",
        "absolute": "pooled |saliency|",
        "none": "|saliency|",
    }[pool]
    factor = {
        "shifted": "\n\u00d7 power above the floor",
        "product": "\n\u00d7 ln power",
        "saliency": "",
    }
    return f"Importance: {weight}{factor[importance]}"


def padding_bounds(step: int) -> tuple[float, float]:
    """Give the times in s that centring at `step` fills with zeros; both equal for none."""
    first, last = -FRAME_CENTRE - 0.5, FRAME_STEPS - FRAME_CENTRE - 0.5
    shift = FRAME_CENTRE - step
    bounds = (first, first + shift) if shift > 0 else (last + shift, last)
    return bounds[0] * SECONDS_PER_STEP, bounds[1] * SECONDS_PER_STEP


def _draw_layer(ax: Axes, values: np.ndarray, layer: LayerProfile, **options):
    """Draw a (T, features) map: the input over the whole frame, hidden layers where not zero."""
    step = layer.seconds_per_step
    image = ax.imshow(
        values.T,
        origin="lower",
        aspect="auto",
        extent=(
            (layer.time[0] - 0.5) * step,
            (layer.time[-1] + 0.5) * step,
            -0.5,
            values.shape[1] - 0.5,
        ),
        **options,
    )
    if layer.title == INPUT_TITLE:
        edges = np.array([-FRAME_CENTRE - 0.5, FRAME_STEPS - FRAME_CENTRE - 0.5])
        ax.set_xlim(*(edges * SECONDS_PER_STEP))
        label_time(ax)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.axvline(0.0, color="black", linewidth=0.35, dashes=(1, 3))
    return image


def _draw_alignment(
    figure: Figure,
    example: ExampleFrame,
    mel_hz: np.ndarray,
    top: float,
    pool: str,
    importance: str,
) -> None:
    left, gap, height = 0.46, 0.14, 1.2
    width = (WIDTH - left - 0.08 - 3 * gap) / 4
    seconds = (example.step - FRAME_CENTRE) * SECONDS_PER_STEP
    saliency_limit = symmetric_limit(example.saliency)
    shade = {
        "cmap": INTENSITY,
        "vmin": float(example.activation.min()),
        "vmax": float(example.activation.max()),
    }
    signed = {"cmap": DIVERGING, "vmin": -saliency_limit, "vmax": saliency_limit}
    panels = (
        ("Spectrogram", example.activation, shade, "ln power", "neither"),
        ("Saliency", example.saliency, signed, "\u2202 logit / \u2202 ln power", "both"),
        (
            importance_title(pool, importance),
            example.importance,
            {
                "cmap": INTENSITY,
                "vmin": min(0.0, float(example.importance.min())),
                "vmax": float(example.importance.max()) or 1.0,
            },
            "\u2202 logit / \u2202 ln power" if importance == "saliency" else "logit",
            "neither",
        ),
        ("Aligned spectrogram", example.aligned, shade, "ln power", "neither"),
    )
    for index, (title, values, colours, unit, extend) in enumerate(panels):
        ax = add_axes(figure, left + index * (width + gap), top, width, height)
        image = draw_frame(ax, values, **colours)
        ax.set_title(title)
        label_time(ax)
        label_frequency(ax, mel_hz, labelled=index == 0)
        if index == 0:
            ax.set_ylabel("Frequency (kHz)")
        ax.set_xlabel("Time from centre (s)" if index < 3 else "Time from alignment (s)")
        if index in (1, 2):
            ax.axvline(seconds, color=MARK, linewidth=0.9)
        if index == 2:
            ax.annotate(
                "",
                xy=(0.0, 1.0),
                xytext=(seconds, 1.0),
                xycoords=("data", "axes fraction"),
                textcoords=("data", "axes fraction"),
                arrowprops={"arrowstyle": "->", "color": MARK, "linewidth": 0.9},
            )
        if index == 3:
            begin, end = padding_bounds(example.step)
            ax.add_patch(
                Rectangle(
                    (begin, -0.5),
                    end - begin,
                    values.shape[1],
                    facecolor=NO_DATA,
                    edgecolor=QUIET,
                    hatch="////",
                    linewidth=0,
                )
            )
            ax.axvline(0.0, color=MARK, linewidth=0.9)
        bar = add_axes(figure, left + index * (width + gap), top + height + 0.4, width, 0.07)
        add_colour_bar(figure, image, bar, unit, extend=extend)


def _draw_composition(figure: Figure, layer: LayerProfile, mel_hz: np.ndarray, top: float) -> None:
    spectral = layer.title == INPUT_TITLE
    left, gap, height = 0.46, 0.34, 1.2
    width = (WIDTH - left - 0.08 - 2 * gap) / 3
    unit = "ln power" if spectral else "activation"
    profile_limit, snap_limit = symmetric_limit(layer.activation), symmetric_limit(layer.snap)
    panels = (
        (
            f"Profile, {layer.title}",
            layer.activation,
            {"cmap": DIVERGING, "vmin": -profile_limit, "vmax": profile_limit},
            f"\u0394 {unit}",
            "both",
        ),
        (
            "Saliency mask",
            layer.mask,
            {"cmap": SHARE, "vmin": 0.0, "vmax": 1.0},
            "share of the largest",
            "neither",
        ),
        (
            f"SNAP, {layer.title}",
            layer.snap,
            {"cmap": DIVERGING, "vmin": -snap_limit, "vmax": snap_limit},
            f"\u0394 {unit} \u00d7 mask",
            "both",
        ),
    )
    for index, (title, values, colours, label, extend) in enumerate(panels):
        start = left + index * (width + gap)
        ax = add_axes(figure, start, top, width, height)
        image = _draw_layer(ax, values, layer, **colours)
        ax.set_title(title)
        if spectral:
            label_frequency(ax, mel_hz, labelled=index == 0)
        else:
            ax.set_yticks([0, values.shape[1] - 1], ["1", str(values.shape[1])])
            ax.tick_params(labelleft=index == 0)
        if index == 0:
            ax.set_ylabel("Frequency (kHz)" if spectral else "Feature map")
        ax.set_xlabel("Time from alignment (s)")
        if index:
            sign = "\u00d7" if index == 1 else "="
            add_text(
                figure, start - gap / 2, top + height / 2, sign, ha="center", va="center", size=13
            )
        bar = add_axes(figure, start, top + height + 0.4, width, 0.07)
        add_colour_bar(figure, image, bar, label, extend=extend)


@styled
def plot_method(
    example: ExampleFrame,
    layers: Sequence[LayerProfile],
    group: str | None,
    count: int,
    mel_hz: np.ndarray,
    model: str,
    corpus: str,
    pool: str = "signed",
    importance: str = "shifted",
) -> tuple[Figure, str]:
    """Draw how a frame is aligned and how a group's SNAP is composed (figure 1).

    Parameters
    ----------
    example : one frame
    layers : a group's maps in the input and then in hidden layers; empty where no group has frames
    group, count : the group of these maps and its frames
    mel_hz : (mels,) centre frequencies in Hz
    pool, importance : how the frame was aligned, see :func:`importance_title`
    """
    row = 2.0
    below = row + 0.84
    figure = new_figure(below + max(1, len(layers)) * (row + 0.22) - 0.16 + FOOTER, corpus)
    name = unit_label(example.predicted)
    panel_letter(figure, 0.04, 0.03, "A")
    add_text(
        figure,
        0.22,
        0.05,
        f"Alignment of one frame that {model} predicts as {name}",
        weight="bold",
    )
    _draw_alignment(figure, example, mel_hz, 0.46, pool, importance)
    panel_letter(figure, 0.04, row + 0.46, "B")
    if not layers:
        heading = f"SNAP: {model} predicts nothing but the blank, so there is no group"
    else:
        heading = f"SNAP of the {count:,} frames that {model} predicts as {unit_label(group)}"
    add_text(figure, 0.22, row + 0.48, heading, weight="bold")
    for index, layer in enumerate(layers):
        _draw_composition(figure, layer, mel_hz, below + index * (row + 0.22))
    shift = (FRAME_CENTRE - example.step) * SECONDS_PER_STEP
    return figure, (
        f"Model {model}; the frame starts at step {example.start} of utterance "
        f"{example.utterance}, is predicted as {name} and shifted by {shift * 1000:+.0f} ms. "
        f"Hatched: zeros that the shift brings in. {heading}."
    )
