"""How fast maps are extracted, aligned and summed, against the reference and Captum.

All engines run in one process on one machine, at the paper's full width, on the same frames, and
are followed by the same alignment and sums. Ratios are what counts; milliseconds belong to the
machine. Peak memory is measured in processes of their own.

    python benchmarks/extraction.py results/bench/extraction.tsv
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
import yaml
from captum.attr import LayerActivation, LayerGradientXActivation
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from snaps.introspection.alignment import AlignmentSettings, alignment_steps  # noqa: E402
from snaps.introspection.conv_stack import ConvStackExtractor  # noqa: E402
from snaps.introspection.dumps import DumpWriter  # noqa: E402
from snaps.introspection.extraction import best_device  # noqa: E402
from snaps.introspection.group_sums import GroupSums  # noqa: E402
from snaps.introspection.layout import LayerLayout, frame_layout  # noqa: E402
from snaps.introspection.maps import Maps  # noqa: E402
from snaps.introspection.reference import ReferenceExtractor  # noqa: E402
from snaps.networks import ConvStack  # noqa: E402
from snaps.phones import read_phones, units  # noqa: E402
from snaps.training import build_network  # noqa: E402

MODELS = ("W2L", "W2P_shallow")
COLUMNS = ["engine", "model", "stage", "ms_per_frame", "ratio_to_reference", "ratio_to_captum",
           "share_of_ceiling", "peak_mb_1k", "peak_mb_10k"]  # fmt: skip
STAGES = ["forward", "edges", "backward", "network", "alignment", "sums", "total", "dump"]
# Frames worked on at once, the default of the study.
BATCH = yaml.safe_load((ROOT / "config/config.yaml").read_text())["introspection"]["batch"]
ROUNDS = 5
# Of a frame's largest saliency; share of the frames that may differ by more.
TOLERANCE, RARE = 1e-4, 0.05
SILENCE_TO_SPEECH = (-20.0, 4.0)


def make_network(model: str) -> ConvStack:
    """A network of Table 1 at full width with random weights and statistics, in inference mode."""
    architecture = yaml.safe_load((ROOT / "config/models.yaml").read_text())["models"][model]
    symbols = units(architecture["output"], read_phones(ROOT / "config/phones.tsv"))
    network = build_network(architecture, symbols, 1.0, "norm_conv", 0)
    generator = torch.Generator().manual_seed(0)
    for block in network.blocks:
        size = block.norm.num_features
        block.norm.running_mean.copy_(torch.rand(size, generator=generator))
        block.norm.running_var.copy_(0.5 + torch.rand(size, generator=generator))
    return network.eval().requires_grad_(False)


def make_signal(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A signal (steps, mels) of noise at the level of speech, and first steps of its frames."""
    generator = torch.Generator().manual_seed(1)
    steps = 206 + 2 * (frames - 1)
    low, high = SILENCE_TO_SPEECH
    signal = low + (high - low) * torch.rand(steps, 128, generator=generator)
    return signal, torch.arange(0, 2 * frames, 2)


@dataclass(frozen=True)
class Workload:
    """A batch of frames of one network, and what they are summed by.

    Attributes
    ----------
    signal, starts : see :func:`make_signal`
    columns, symbols : number of the group of each frame and names of the groups, by grouping
    """

    network: ConvStack
    signal: torch.Tensor
    starts: torch.Tensor
    columns: dict[str, np.ndarray]
    symbols: dict[str, list[str]]


def make_workload(model: str, device: torch.device) -> Workload:
    """A batch of the size that the study works on at once."""
    network = make_network(model).to(device)
    signal, starts = (x.to(device) for x in make_signal(BATCH))
    symbols = {"predicted": network.units, "annotated": [str(k) for k in range(61)]}
    return Workload(network, signal, starts, columns_of(BATCH, network), symbols)


class Target(nn.Module):
    """A network's logits at the target step, with a layer that stands for the input."""

    def __init__(self, network: ConvStack):
        super().__init__()
        self.input, self.network = nn.Identity(), network

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Logits (frames, units) of log-mel frames (frames, steps, mels)."""
        logits = self.network(self.input(frames))
        return logits[:, logits.shape[1] // 2]


class CaptumExtractor:
    """The same maps by Captum, all layers in one call of each of its two methods.

    LayerGradientXActivation gives the plain gradient where `multiply_by_inputs` is off.
    """

    def __init__(self, network: ConvStack):
        self.layout = frame_layout(network)
        self.model = Target(network).eval()
        layers = [self.model.input, *network.blocks]
        self.activation = LayerActivation(self.model, layers)
        self.gradient = LayerGradientXActivation(self.model, layers, multiply_by_inputs=False)

    def __call__(self, signal: torch.Tensor, starts: torch.Tensor) -> Maps:
        """Maps of the frames of a signal, as the extractors of the study give them."""
        frames = signal[starts[:, None] + torch.arange(206, device=starts.device)]
        activations = self.activation.attribute(frames)
        logits = activations[-1][:, :, activations[-1].shape[2] // 2]
        logit, predicted = logits.max(dim=1)
        gradients = self.gradient.attribute(frames.requires_grad_(), target=predicted)
        maps = {}
        for kind, values in (("kept", activations), ("live", gradients)):
            by_time = [values[0], *(value.transpose(1, 2) for value in values[1:])]
            maps[kind] = {
                name: value[:, slice(*getattr(layer, kind))].detach().contiguous()
                for (name, layer), value in zip(self.layout.items(), by_time, strict=True)
            }
        return Maps(predicted, logit.detach(), maps["kept"], maps["live"])


class Stopwatch:
    """Shortest time of each stage of each engine over some rounds."""

    def __init__(self):
        self.seconds: dict[tuple[str, str], float] = {}

    def time(self, engine: str, stage: str, work: Callable[[], object]) -> object:
        """Time one run of a stage and return what it returns."""
        synchronize()
        started = time.perf_counter()
        result = work()
        synchronize()
        seconds = time.perf_counter() - started
        key = engine, stage
        self.seconds[key] = min(seconds, self.seconds.get(key, seconds))
        return result


def synchronize() -> None:
    """Wait for the accelerator where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def convolution_ceiling(device: torch.device) -> float:
    """Floating-point operations per second of the fastest of some large convolutions."""
    best = 0.0
    for channels, kernel, batch, steps in ((128, 5, 32, 400), (256, 7, 64, 128), (256, 7, 32, 256)):
        x = torch.randn(batch, channels, 1, steps, device=device)
        x = x.contiguous(memory_format=torch.channels_last)
        w = torch.randn(channels, channels, 1, kernel, device=device)
        w = w.contiguous(memory_format=torch.channels_last)
        watch = Stopwatch()
        for _ in range(ROUNDS + 5):
            watch.time("", "", partial(functional.conv2d, x, w))
        work = 2 * batch * channels * channels * kernel * (steps - kernel + 1)
        best = max(best, work / watch.seconds["", ""])
    return best


def operations(work: Callable[[], object]) -> int:
    """Floating-point operations of the convolutions and matrix products that some work runs."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def columns_of(frames: int, network: ConvStack) -> dict[str, np.ndarray]:
    """Predictions and annotations as in speech: a phone lasts about five outputs."""
    rng = np.random.default_rng(0)
    spoken = np.repeat(rng.integers(0, 61, frames), 5)[:frames]
    heard = rng.integers(1, len(network.units), frames)
    return {"annotated": spoken, "predicted": np.where(rng.random(frames) < 0.3, heard, 0)}


def network_stages(
    extractor: ConvStackExtractor, signal: torch.Tensor, starts: torch.Tensor
) -> dict[str, Callable[[], object]]:
    """The parts that a call of the fast extractor consists of."""
    maps = extractor(signal, starts)
    activation = list(maps.activation.values())
    with torch.inference_mode():
        rows = extractor._shared(signal)
    return {
        "forward": partial(extractor._shared, signal),
        "edges": partial(extractor._activations, rows, starts),
        "backward": partial(extractor._saliency, activation, maps.predicted),
    }


def bench_model(model: str, ceiling: float, device: torch.device) -> pd.DataFrame:
    """Rows of one model."""
    load = make_workload(model, device)
    network, signal, starts = load.network, load.signal, load.starts
    settings = AlignmentSettings()
    extractors = {
        "conv_stack": ConvStackExtractor(network),
        "reference": ReferenceExtractor(network),
        "captum": CaptumExtractor(network),
    }
    layout = frame_layout(network)
    check_agreement([extract(signal, starts) for extract in extractors.values()])
    sums = {engine: GroupSums(load.symbols, layout, device) for engine in extractors}
    fast = extractors["conv_stack"]
    parts = network_stages(fast, signal, starts)
    with torch.inference_mode():
        work = {stage: operations(part) for stage, part in parts.items()}
    work["network"] = sum(work.values())
    # Engines take turns, so that a change of the machine's speed meets them all; the first round
    # only warms up.
    for round_ in range(ROUNDS + 1):
        if round_ < 2:
            watch = Stopwatch()
        for engine, extract in extractors.items():
            maps = watch.time(engine, "network", partial(extract, signal, starts))
            align = partial(alignment_steps, maps, layout, settings)
            steps = watch.time(engine, "alignment", align)
            watch.time(engine, "sums", partial(sums[engine].add, maps, steps, load.columns))
            if engine == "conv_stack":
                watch.time(engine, "dump", partial(write_dump, maps, layout))
                with torch.inference_mode():
                    for stage, part in parts.items():
                        watch.time(engine, stage, part)
            del maps, steps, align
    rows = []
    for engine in extractors:
        mine = {stage: seconds for (who, stage), seconds in watch.seconds.items() if who == engine}
        mine["total"] = mine["network"] + mine["alignment"] + mine["sums"]
        for stage in (stage for stage in STAGES if stage in mine):
            row = {"engine": engine, "model": model, "stage": stage}
            row["ms_per_frame"] = mine[stage] / BATCH * 1e3
            if engine == "conv_stack" and work.get(stage):
                row["share_of_ceiling"] = work[stage] / mine[stage] / ceiling
            rows.append(row)
    table = pd.DataFrame(rows)
    for engine in ("reference", "captum"):
        other = table[table["engine"] == engine].set_index("stage")["ms_per_frame"]
        table[f"ratio_to_{engine}"] = table["stage"].map(other) / table["ms_per_frame"]
    return table


def check_agreement(maps: list[Maps]) -> None:
    """Raise RuntimeError where saliency of an engine differs from the first one's."""
    for name, values in maps[0].saliency.items():
        for other in maps[1:]:
            difference = (other.saliency[name] - values).abs().amax(dim=(1, 2))
            largest = values.abs().amax(dim=(1, 2))
            # A gate that rounding opens in one engine alone can change a single frame.
            if (difference > TOLERANCE * largest).float().mean() > RARE:
                raise RuntimeError(f"the engines' saliency in {name} differs: ratios mean nothing")


def write_dump(maps: Maps, layout: dict[str, LayerLayout]) -> None:
    """Write the maps of a batch to an HDF5 file in memory."""
    with h5py.File("dump.h5", "w", driver="core", backing_store=False) as file:
        DumpWriter(file, np.arange(BATCH), layout).append(maps)


def stream(model: str, frames: int) -> None:
    """Extract, align and sum frames; print the peak memory of this process in MB."""
    device = best_device()
    load = make_workload(model, device)
    extractor = ConvStackExtractor(load.network)
    sums, settings = GroupSums(load.symbols, extractor.layout, device), AlignmentSettings()
    for first in range(0, frames, BATCH):
        count = min(BATCH, frames - first)
        maps = extractor(load.signal[: 206 + 2 * (count - 1)], load.starts[:count])
        steps = alignment_steps(maps, extractor.layout, settings)
        sums.add(maps, steps, {name: values[:count] for name, values in load.columns.items()})
    # Linux: what getrusage says begins with the peak of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1024)


def streamed(model: str, frames: int) -> float:
    """Peak memory in MB of a process of its own that streams frames."""
    command = [sys.executable, __file__, "--stream", model, str(frames)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(path: Path) -> None:
    """Run everything, print the table and write it to `path`."""
    device = best_device()
    ceiling = convolution_ceiling(device)
    print(f"{device}, {torch.get_num_threads()} threads; ceiling {ceiling / 1e9:.0f} GFLOP/s")
    rows = []
    for model in MODELS:
        mine = bench_model(model, ceiling, device)
        whole = (mine["engine"] == "conv_stack") & (mine["stage"] == "total")
        for name, frames in (("peak_mb_1k", 1_000), ("peak_mb_10k", 10_000)):
            mine.loc[whole, name] = streamed(model, frames)
        rows.append(mine)
    table = pd.concat(rows).reindex(columns=COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False, float_format="%.4g")
    print(table.to_string(index=False, float_format=lambda x: f"{x:.3g}", na_rep=""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", type=Path, default=Path("results/bench/extraction.tsv"))
    parser.add_argument("--stream", nargs=2, metavar=("MODEL", "FRAMES"))
    options = parser.parse_args()
    if options.stream:
        stream(options.stream[0], int(options.stream[1]))
    else:
        run(options.table)
