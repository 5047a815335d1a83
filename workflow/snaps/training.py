"""Training with the CTC loss through PyTorch Lightning (paper 4.2, METHOD section 2)."""

import contextlib
import hashlib
import json
import logging
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Sampler

from snaps.features import MELS, SILENCE, Features
from snaps.networks import ConvStack, Layer, scale_width
from snaps.recognition import encode

LOGGER = logging.getLogger("snaps.training")
# PyTorch's own are 0.999 and 0.3. With them and its smaller first weights W2L was on CTC's plateau,
# where it says the same letters for all speech, for 45 epochs of real speech, with these for 12.
BETAS = (0.9, 0.98)
WARM_UP = 0.1


@dataclass(frozen=True)
class TrainingSettings:
    """What a training run depends on besides the network and the data.

    `trained` is ``all``, ``new`` (layers above `transferred`) or ``convolutions``;
    `learning_rate` is the peak of the one-cycle schedule; `threads` belongs to the seed, since
    sums in another order give other bits.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    gradient_clip: float
    trained: str
    transferred: int
    seed: int
    threads: int


class Utterances(Dataset):
    """Spectrograms (steps, mels) and target sequences of the utterances of one part.

    Parameters
    ----------
    features : an open feature file
    indices : the utterances of this part
    targets : target of every utterance of the file, (length,) int64 without blanks
    """

    def __init__(self, features: Features, indices: np.ndarray, targets: Sequence[np.ndarray]):
        self.features, self.indices, self.targets = features, indices, targets

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> tuple[np.ndarray, np.ndarray]:
        index = int(self.indices[item])
        return self.features.log_mel(index), self.targets[index]


def collate(items: list[tuple[np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, ...]:
    """Pad utterances with silence, ln(1e-11), to one batch.

    Returns
    -------
    spectrograms (batch, steps, mels), output lengths (batch,) = steps // 2, targets joined to one
    row, target lengths (batch,)
    """
    longest = max(len(spectrogram) for spectrogram, _ in items)
    batch = np.full((len(items), longest, items[0][0].shape[1]), SILENCE, np.float32)
    for row, (spectrogram, _) in zip(batch, items, strict=True):
        row[: len(spectrogram)] = spectrogram
    lengths = torch.tensor([len(spectrogram) // 2 for spectrogram, _ in items])
    targets = torch.from_numpy(np.concatenate([target for _, target in items]))
    return torch.from_numpy(batch), lengths, targets, torch.tensor([len(t) for _, t in items])


class LengthBatches(Sampler):
    """Batches of utterances of similar length, drawn anew each epoch from seed and epoch alone."""

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int):
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    @property
    def sampler(self) -> "LengthBatches":
        """Lightning sets the epoch of a batch sampler's sampler, not of the batch sampler."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch: a resumed run sees the same batches."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        # A generator, since a resumed run asks for its first batch only after it has set the epoch.
        rng = np.random.default_rng([self.seed, self.epoch])
        order = np.argsort(self.lengths * rng.uniform(0.8, 1.25, len(self.lengths)))
        batches = np.array_split(order, len(self))
        for k in rng.permutation(len(batches)):
            yield batches[k].tolist()


class CtcTask(lightning.LightningModule):
    """Trains the parts of a network that its transfer stage leaves free."""

    def __init__(self, network: ConvStack, settings: TrainingSettings):
        super().__init__()
        self.network, self.settings = network, settings
        self.history: list[dict[str, float]] = []
        fixed = {
            "all": [],
            "new": network.blocks[: settings.transferred],
            "convolutions": [block.norm for block in network.blocks],
        }[settings.trained]
        self._fixed_norms = [m for part in fixed for m in part.modules() if hasattr(m, "eps")]
        for part in fixed:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> "CtcTask":
        """Fixed batch normalisation keeps its statistics: it stays in inference mode."""
        super().train(mode)
        for norm in self._fixed_norms:
            norm.eval()
        return self

    def loss(self, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Mean CTC loss per target symbol."""
        spectrograms, lengths, targets, target_lengths = batch
        log_probabilities = self.network(spectrograms).log_softmax(2).transpose(0, 1)
        return functional.ctc_loss(
            log_probabilities, targets, lengths, target_lengths, blank=0, zero_infinity=True
        )

    def training_step(self, batch: tuple[torch.Tensor, ...], _: int) -> torch.Tensor:
        loss = self.loss(batch)
        self.log(
            "train_loss",
            loss,
            on_epoch=True,
            on_step=False,
            batch_size=len(batch[1]),
            prog_bar=True,
        )
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, ...], _: int) -> None:
        self.log("test_loss", self.loss(batch), batch_size=len(batch[1]), prog_bar=True)

    def configure_optimizers(self) -> dict:
        rate = self.settings.learning_rate
        free = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(free, lr=rate, betas=BETAS, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=steps, pct_start=WARM_UP
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self.history = checkpoint["history"]


class History(Callback):
    """Keeps a row for each epoch and says it in the log; must run before the checkpoint."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: CtcTask) -> None:
        metrics = trainer.callback_metrics
        row = {
            "epoch": trainer.current_epoch + 1,
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "train_loss": float(metrics["train_loss"]),
            "test_loss": float(metrics.get("test_loss", "nan")),
        }
        task.history.append(row)
        LOGGER.info(
            "epoch %d of %d: train loss %.3f, test loss %.3f",
            row["epoch"],
            trainer.max_epochs,
            row["train_loss"],
            row["test_loss"],
        )


def build_network(
    architecture: dict,
    units: Sequence[str],
    width: float,
    block_order: str,
    seed: int,
    parent: ConvStack | None = None,
) -> ConvStack:
    """A network with its first weights: random from `seed`, or its parent's where transferred.

    Random weights are normal with variance 2 / fan-in, biases 0 (He et al. 2015, Delving deep into
    rectifiers, equation 10).

    Parameters
    ----------
    architecture : ``layers`` (filters, kernel, stride of each) and ``transferred`` (number of
        lowest layers taken from the parent), as in config/models.yaml
    units : symbols of the outputs, the blank first
    width : factor on the filters of the layers that are not inherited
    """
    transferred = architecture["transferred"] if parent else 0
    inherited = [layer.filters for layer in parent.layers[:transferred]] if parent else []
    layers = scale_width([Layer(**layer) for layer in architecture["layers"]], width, inherited)
    torch.manual_seed(seed)
    network = ConvStack(MELS, layers, units, block_order)
    for block in network.blocks:
        nn.init.kaiming_normal_(block.conv.weight, nonlinearity="relu")
        nn.init.zeros_(block.conv.bias)
    for number in range(transferred):
        network.blocks[number].load_state_dict(parent.blocks[number].state_dict())
    return network


def encode_targets(
    references: dict[str, list[str]], names: Sequence[str], units: Sequence[str]
) -> list[np.ndarray]:
    """Target of each utterance in the order of `names`: (length,) int64 each, without blanks."""
    return [encode(references[name], units) for name in names]


def digest(network: ConvStack, settings: TrainingSettings, data: Sequence[np.ndarray]) -> str:
    """Name of the state of a run: changes with the settings, the first weights and the data."""
    text = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for value in network.state_dict().values():
        text.update(value.cpu().numpy().tobytes())
    for array in data:
        text.update(np.ascontiguousarray(array).tobytes())
    return text.hexdigest()[:16]


def train_network(
    network: ConvStack,
    features: Features,
    train: np.ndarray,
    test: np.ndarray,
    targets: Sequence[np.ndarray],
    settings: TrainingSettings,
    checkpoints: str | Path,
) -> list[dict[str, float]]:
    """Train a network in place; a run that was stopped goes on from its last whole epoch.

    Parameters
    ----------
    network : the network; weights that are taken from a parent are already in it
    features : an open feature file
    train, test : indices of the utterances to learn from and to watch the loss on
    targets : target of every utterance of the file, (length,) int64, blank is 0
    checkpoints : folder for the state of this run; see :func:`discard_checkpoints`

    Returns
    -------
    history : epoch, learning_rate, train_loss, test_loss of every epoch
    """
    torch.set_num_threads(settings.threads)
    lightning.seed_everything(settings.seed, verbose=False)
    data = [features.steps, train, test, *targets]
    folder = Path(checkpoints) / digest(network, settings, data)
    last = folder / "last.ckpt"
    for stale in Path(checkpoints).glob("*") if Path(checkpoints).exists() else ():
        if stale != folder:
            shutil.rmtree(stale)
    sampler = LengthBatches(features.steps[train], settings.batch_size, settings.seed)
    loader = DataLoader(
        Utterances(features, train, targets), batch_sampler=sampler, collate_fn=collate
    )
    watched = DataLoader(
        Utterances(features, test, targets), batch_size=settings.batch_size, collate_fn=collate
    )
    # Lightning keeps the modes it finds.
    task = CtcTask(network, settings).train()
    checkpoint = ModelCheckpoint(
        folder, last.stem, enable_version_counter=False, save_on_train_epoch_end=True
    )
    callbacks: list[Callback] = [History(), checkpoint]
    interactive = sys.stderr.isatty()
    if interactive:
        callbacks.append(TQDMProgressBar(leave=False))
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # One process reads a local file: workers would only add copies of it.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*number of training batches.*")
        # Fixed batch normalisation is meant to be.
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=settings.epochs,
            gradient_clip_val=settings.gradient_clip,
            deterministic="warn",
            callbacks=callbacks,
            plugins=[LightningEnvironment()],
            logger=False,
            enable_model_summary=False,
            enable_progress_bar=interactive,
            num_sanity_val_steps=0,
        )
        if last.exists():
            LOGGER.info("going on from %s", last)
        trainer.fit(
            task, loader, watched if len(test) else None, ckpt_path=last if last.exists() else None
        )
    network.eval().cpu()
    return task.history


def discard_checkpoints(checkpoints: str | Path) -> None:
    """Remove the state of a run whose results are saved; the last run takes the folder along."""
    shutil.rmtree(checkpoints, ignore_errors=True)
    with contextlib.suppress(OSError):
        Path(checkpoints).parent.rmdir()
