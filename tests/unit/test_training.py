"""Training: batches, transfer, what stays fixed, and going on after an interruption."""

import contextlib
import copy
import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from snaps import training
from snaps.features import SILENCE, open_features, write_features
from snaps.networks import ConvStack, Layer
from snaps.training import (
    CtcTask,
    LengthBatches,
    TrainingSettings,
    build_network,
    collate,
    digest,
    discard_checkpoints,
    encode_targets,
    train_network,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty"),
]

UNITS = ["<blank>", "a", "b", "c"]
LAYERS = [
    {"filters": 8, "kernel": 6, "stride": 2},
    {"filters": 8, "kernel": 3, "stride": 1},
    {"filters": 4, "kernel": 1, "stride": 1},
]
ARCHITECTURE = {"layers": LAYERS, "transferred": 0}
SETTINGS = TrainingSettings(
    epochs=4,
    batch_size=2,
    learning_rate=0.02,
    gradient_clip=1.0,
    trained="all",
    transferred=0,
    seed=0,
    threads=1,
)
TRAIN, TEST = np.arange(7), np.array([7, 8])


def tiny_network(seed=0):
    return build_network(ARCHITECTURE, UNITS, 1.0, "norm_conv", seed)


def state(network):
    return {key: value.clone() for key, value in network.state_dict().items()}


def same(first, second, keys=None):
    return all(torch.equal(first[key], second[key]) for key in keys or first)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Nine utterances of two or three symbols, each a loud band of its own, and their targets."""
    path = tmp_path_factory.mktemp("features") / "logmel.h5"
    rng = np.random.default_rng(0)
    targets = [rng.integers(1, 4, 2 + k % 2) for k in range(9)]

    def utterances():
        for number, target in enumerate(targets):
            spectrogram = rng.normal(-12, 1, (12 * len(target) + number, 128)).astype(np.float32)
            for place, symbol in enumerate(target):
                spectrogram[12 * place + 4 : 12 * place + 9, 30 * symbol : 30 * symbol + 20] += 8
            yield f"u{number}", spectrogram, np.zeros(len(spectrogram), int)

    write_features(path, utterances(), ("h#",))
    with open_features(path) as features:
        yield SimpleNamespace(features=features, targets=targets)


@pytest.fixture
def train(data, tmp_path):
    def run(network, settings=SETTINGS, test=TEST, **changes):
        history = train_network(
            network,
            data.features,
            TRAIN,
            test,
            data.targets,
            replace(settings, **changes),
            tmp_path / "checkpoints",
        )
        # Results that could not be saved are there again without training.
        assert list((tmp_path / "checkpoints").rglob("last.ckpt"))
        discard_checkpoints(tmp_path / "checkpoints")
        return history

    return run


def test_batches_are_padded_with_silence():
    items = [
        (np.full((5, 2), 1, np.float32), np.array([3, 1])),
        (np.full((8, 2), 2, np.float32), np.array([2])),
        (np.full((1, 2), 4, np.float32), np.array([1, 2, 3])),
    ]
    spectrograms, lengths, targets, target_lengths = collate(items)
    assert spectrograms.shape == (3, 8, 2)
    assert spectrograms.dtype == torch.float32
    assert spectrograms[:, :, 0].tolist() == [
        [1] * 5 + [SILENCE] * 3,
        [2] * 8,
        [4] + [SILENCE] * 7,
    ]
    assert pytest.approx(np.log(1e-11), abs=1e-5) == SILENCE
    assert lengths.tolist() == [2, 4, 0]
    assert targets.tolist() == [3, 1, 2, 1, 2, 3]
    assert target_lengths.tolist() == [2, 1, 3]


@pytest.mark.parametrize(("utterances", "size"), [(10, 4), (8, 4), (3, 16), (1, 1), (37, 5)])
def test_batches_of_an_epoch_hold_each_utterance_once(utterances, size):
    lengths = np.random.default_rng(0).integers(100, 900, utterances)
    sampler = LengthBatches(lengths, size, seed=3)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler) == np.ceil(utterances / size)
        assert sorted(k for batch in batches for k in batch) == list(range(utterances))
        assert max(map(len, batches)) <= size


def test_batches_depend_on_seed_and_epoch_alone():
    lengths = np.random.default_rng(0).integers(100, 900, 40)

    def batches(seed, epoch):
        sampler = LengthBatches(lengths, 4, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    expected = batches(0, 5)
    np.random.default_rng(1).random(100)
    torch.manual_seed(7)
    assert batches(0, 5) == expected
    others = [batches(0, 4), batches(0, 6), batches(1, 5)]
    assert all(other != expected for other in others)


def test_utterances_of_a_batch_are_of_similar_length():
    lengths = np.random.default_rng(0).integers(100, 900, 200)
    spread = [np.ptp(lengths[batch]) for batch in LengthBatches(lengths, 8, 0)]
    assert np.mean(spread) < 0.5 * np.ptp(lengths)


def test_each_epoch_draws_its_own_batches(train, monkeypatch):
    epochs, draw = [], LengthBatches.__iter__

    def recorded(self):
        epochs.append(self.epoch)
        yield from draw(self)

    monkeypatch.setattr(LengthBatches, "__iter__", recorded)
    train(tiny_network())
    assert epochs == [0, 1, 2, 3]


def uniform_task():
    """A network of three units, one output for each step, all equally probable."""
    network = ConvStack(2, [Layer(3, 1)], ["<blank>", "a", "b"])
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    return CtcTask(network, SETTINGS)


def test_loss_by_hand():
    # With equal probabilities a target's is its number of paths times 3^-T.
    # T = 2, a: aa, a-, -a. T = 3, ab: aab abb -ab a-b ab-. Each by the length of its target.
    batch = (
        torch.zeros(2, 4, 2),
        torch.tensor([2, 3]),
        torch.tensor([1, 1, 2]),
        torch.tensor([1, 2]),
    )
    expected = np.mean([2 * np.log(3) - np.log(3), (3 * np.log(3) - np.log(5)) / 2])
    assert uniform_task().loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_a_target_that_does_not_fit_counts_zero():
    batch = (torch.zeros(1, 2, 2), torch.tensor([1]), torch.tensor([1, 2]), torch.tensor([2]))
    assert uniform_task().loss(batch).item() == 0


def test_a_network_learns(train):
    history = train(tiny_network(), epochs=25)
    losses = [row["train_loss"] for row in history]
    assert losses[-1] < 0.2 * losses[0]
    assert history[-1]["test_loss"] < 0.5 * history[0]["test_loss"]


def test_history_has_a_row_for_each_epoch(train, tmp_path):
    history = train(tiny_network(), epochs=3)
    assert [list(row) for row in history] == [
        ["epoch", "learning_rate", "train_loss", "test_loss"]
    ] * 3
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert not (tmp_path / "checkpoints").exists()


def test_losses_of_the_history_are_those_of_the_network(train, data):
    network = tiny_network()
    items = [(data.features.log_mel(k), data.targets[k]) for k in range(9)]
    with torch.no_grad():
        first = CtcTask(copy.deepcopy(network).train(), SETTINGS).loss(collate(items[:7]))
    history = train(network, epochs=1, batch_size=8)
    assert not network.training
    with torch.no_grad():
        last = CtcTask(network, SETTINGS).loss(collate(items[7:]))
    assert history[0]["train_loss"] == pytest.approx(first.item(), rel=1e-4)
    assert history[0]["test_loss"] == pytest.approx(last.item(), rel=1e-4)


def test_without_a_test_part_there_is_no_test_loss(train):
    history = train(tiny_network(), test=np.array([], int), epochs=1)
    assert np.isnan(history[0]["test_loss"])
    assert np.isfinite(history[0]["train_loss"])


@pytest.mark.parametrize("evaluated_before", [False, True])
def test_everything_is_trained_where_nothing_is_transferred(train, evaluated_before):
    network = tiny_network()
    if evaluated_before:
        network.eval()
    before = state(network)
    train(network)
    after = state(network)
    assert all(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("evaluated_before", [False, True])
def test_transferred_layers_and_their_statistics_stay_as_they_are(train, evaluated_before):
    network = tiny_network()
    if evaluated_before:
        network.eval()
    before = state(network)
    train(network, trained="new", transferred=2)
    after = state(network)
    fixed = [key for key in before if key.startswith(("layer_01", "layer_02"))]
    assert same(before, after, fixed)
    assert all(not torch.equal(before[k], after[k]) for k in set(before) - set(fixed))


def test_finetuning_changes_convolutions_and_no_normalisation(train):
    network = tiny_network()
    before = state(network)
    train(network, trained="convolutions", transferred=3)
    after = state(network)
    norms = [key for key in before if ".norm." in key]
    assert same(before, after, norms)
    assert all(not torch.equal(before[k], after[k]) for k in set(before) - set(norms))


def test_transferred_normalisation_is_in_inference_mode_while_others_learn():
    task = CtcTask(tiny_network(), replace(SETTINGS, trained="new", transferred=2)).train()
    assert [block.norm.training for block in task.network.blocks] == [False, False, True]
    task.eval()
    assert not any(block.norm.training for block in task.network.blocks)
    task.train()
    assert [block.norm.training for block in task.network.blocks] == [False, False, True]


def test_the_rate_is_highest_after_a_tenth_of_the_training(train):
    rates = [row["learning_rate"] for row in train(tiny_network(), epochs=20)]
    # Of 80 steps the eighth, in epoch 2, is the peak; the first is a 25th of it. After epoch 1 four
    # of seven steps up half a cosine are done.
    assert np.argmax(rates) == 1
    assert rates[1] == pytest.approx(SETTINGS.learning_rate, rel=0.02)
    up = (1 - np.cos(np.pi * 4 / 7)) / 2
    assert rates[0] == pytest.approx(SETTINGS.learning_rate * (up + (1 - up) / 25), rel=1e-6)
    assert rates[-1] < 1e-3 * SETTINGS.learning_rate


def test_gradients_are_clipped(train):
    moved = []
    for largest in (1e-10, 1.0):
        network = tiny_network()
        before = network.blocks[0].conv.weight.detach().clone()
        train(network, epochs=1, gradient_clip=largest)
        moved.append((network.blocks[0].conv.weight - before).abs().max().item())
    # Adam cannot make up for gradients far below its epsilon of 1e-8.
    assert moved[0] < 0.1 * moved[1]


def test_the_same_seed_gives_the_same_bits(train):
    runs = []
    for seed in (0, 0, 1):
        network = tiny_network(seed)
        history = train(network, seed=seed)
        runs.append((state(network), history))
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert not same(runs[0][0], runs[2][0])


class Interrupted(Exception):
    """Power cut."""


@contextlib.contextmanager
def interrupted(when):
    """Stop a run in its third epoch, of four batches each, or when all is done but the cleaning."""
    batches, step, keep = [], CtcTask.training_step, training.History.on_train_epoch_end
    last = {"at its first batch": 8, "within it": 10}.get(when)

    def stop_at_batch(task, batch, number):
        batches.append(number)
        if len(batches) == last + 1:
            raise Interrupted
        return step(task, batch, number)

    def stop_at_end(history, trainer, task):
        if trainer.current_epoch == 2:
            raise Interrupted
        keep(history, trainer, task)

    def stop_at_cleaning(*_, **__):
        raise Interrupted

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        if last is not None:
            patch.setattr(CtcTask, "training_step", stop_at_batch)
        elif when == "before its end is kept":
            patch.setattr(training.History, "on_train_epoch_end", stop_at_end)
        else:
            patch.setattr(training.shutil, "rmtree", stop_at_cleaning)
        yield


@pytest.mark.parametrize(
    ("when", "remaining"),
    [
        ("at its first batch", [2, 3, 4]),
        ("within it", [2, 3, 4]),
        ("before its end is kept", [2, 3, 4]),
        ("when it is complete", []),
    ],
)
@pytest.mark.parametrize("trained", ["all", "new"])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    train, tmp_path, monkeypatch, caplog, when, remaining, trained
):
    settings = replace(SETTINGS, trained=trained, transferred=1, epochs=5)
    whole = tiny_network()
    expected = train(whole, settings)

    with interrupted(when):
        train(tiny_network(), settings)
    assert len(list((tmp_path / "checkpoints").rglob("last.ckpt"))) == 1

    epochs, draw = [], LengthBatches.__iter__

    def recorded(self):
        epochs.append(self.epoch)
        yield from draw(self)

    monkeypatch.setattr(LengthBatches, "__iter__", recorded)
    resumed = tiny_network()
    with caplog.at_level(logging.INFO, "snaps.training"):
        history = train(resumed, settings)
    assert "going on from" in caplog.text
    assert epochs == remaining
    assert history == expected
    assert same(state(resumed), state(whole))
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("change", ["settings", "weights", "data"])
def test_the_state_of_another_run_is_not_taken_up(train, tmp_path, change):
    settings = replace(SETTINGS, learning_rate=0.01) if change == "settings" else SETTINGS
    seed = 1 if change == "weights" else 0
    test = TEST[:1] if change == "data" else TEST
    expected = tiny_network(seed)
    history = train(expected, settings, test)

    with interrupted("within it"):
        train(tiny_network())
    assert list((tmp_path / "checkpoints").rglob("last.ckpt"))
    network = tiny_network(seed)
    assert train(network, settings, test) == history
    assert same(state(network), state(expected))
    assert not (tmp_path / "checkpoints").exists()


def test_digest_names_settings_weights_and_data():
    data = [np.arange(3), np.array([1, 2])]
    network = tiny_network()
    name = digest(network, SETTINGS, data)
    assert digest(tiny_network(), replace(SETTINGS), [a.copy() for a in data]) == name
    others = {
        digest(network, replace(SETTINGS, epochs=5), data),
        digest(tiny_network(1), SETTINGS, data),
        digest(network, SETTINGS, [np.arange(3), np.array([1, 3])]),
    }
    assert len(others | {name}) == 4


def test_networks_begin_with_weights_of_their_seed():
    torch.manual_seed(99)
    first = state(tiny_network(0))
    torch.rand(5)
    assert same(first, state(tiny_network(0)))
    assert not torch.equal(
        first["layer_01.conv.weight"], state(tiny_network(1))["layer_01.conv.weight"]
    )


def test_first_weights_keep_the_variance_of_what_passes_through(architectures):
    network = build_network(
        architectures["W2P"], list("abc") * 20 + ["d", "e"], 1 / 8, "norm_conv", 0
    )
    # Mel bands or filters below, times the kernel.
    fan_in = [128 * 48] + [32 * 7] * 8 + [32 * 32, 256, 256]
    for block, inputs in zip(network.blocks, fan_in, strict=True):
        weights = block.conv.weight.detach().numpy()
        assert weights.var() == pytest.approx(2 / inputs, rel=0.05)
        assert abs(weights.mean()) < 4 * weights.std() / np.sqrt(weights.size)
        assert not block.conv.bias.detach().numpy().any()


def test_a_child_takes_layers_and_widths_of_its_parent(make_network, architectures):
    parent = make_network("W2P_shallow", filters=5)
    child = build_network(
        architectures["W2L_TL_frozen"], [str(k) for k in range(29)], 1 / 64, "norm_conv", 0, parent
    )
    # Five of the parent's, then 256 / 64 and 2048 / 64 of its own.
    assert [layer.filters for layer in child.layers] == [5] * 5 + [4] * 4 + [32, 32, 29]
    assert [layer.kernel for layer in child.layers] == [48] + [7] * 8 + [32, 1, 1]
    for number, block in enumerate(child.blocks):
        mine = block.state_dict()
        if number < 5:
            assert same(mine, parent.blocks[number].state_dict())
            assert block.conv.weight is not parent.blocks[number].conv.weight
        else:
            assert torch.all(block.norm.running_mean == 0)
    grandchild = build_network(
        architectures["W2L_TL_finetuned"], child.units, 1.0, "norm_conv", 5, child
    )
    assert grandchild.layers == child.layers
    assert same(grandchild.state_dict(), child.state_dict())


def test_without_a_parent_nothing_is_transferred(architectures):
    network = build_network(
        architectures["W2L_TL_frozen"], [str(k) for k in range(29)], 1 / 128, "conv_norm", 0
    )
    assert [layer.filters for layer in network.layers] == [2] * 9 + [16, 16, 29]
    assert network.order == "conv_norm"


def test_targets_follow_the_order_of_the_utterances():
    references = {"u1": ["b", "a"], "u0": ["c"], "unused": ["a"]}
    targets = encode_targets(references, ["u0", "u1"], UNITS)
    assert [target.tolist() for target in targets] == [[3], [2, 1]]
    assert targets[0].dtype == np.int64
