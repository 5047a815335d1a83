"""Networks and speech-like data that the tests of the library share."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from snaps.features import SILENCE, write_features
from snaps.networks import ConvStack, Layer, scale_width

MODELS = Path(__file__).parents[2] / "config" / "models.yaml"


def randomise_norms(network, seed):
    """Give batch normalisations weights and statistics that an untrained network lacks."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low, high, size):
        return low + (high - low) * torch.rand(size, generator=generator)

    for block in network.blocks:
        norm = block.norm
        size = norm.num_features
        with torch.no_grad():
            norm.weight.copy_(uniform(0.7, 1.5, size))
            norm.bias.copy_(uniform(-0.3, 0.5, size))
        norm.running_mean.copy_(uniform(-0.2, 0.2, size))
        norm.running_var.copy_(uniform(0.5, 2.0, size))
    # The input is ln power, far from zero.
    if network.order == "norm_conv":
        network.blocks[0].norm.running_mean.fill_(-10.0)
        network.blocks[0].norm.running_var.fill_(30.0)
    return network


@pytest.fixture(scope="session")
def architectures():
    """The models of Table 1, as config/models.yaml has them."""
    return yaml.safe_load(MODELS.read_text(encoding="utf-8"))["models"]


@pytest.fixture(scope="session")
def make_network(architectures):
    """A network of Table 1's kernels with few filters and random weights, in inference mode."""

    def make(model="W2P_shallow", filters=6, seed=0, order="norm_conv", units=None):
        layers = [Layer(**layer) for layer in architectures[model]["layers"]]
        width = filters / layers[0].filters
        units = units or ["<blank>", *(f"u{k}" for k in range(1, layers[-1].filters))]
        layers[-1] = Layer(len(units), layers[-1].kernel, layers[-1].stride)
        torch.manual_seed(seed)
        network = ConvStack(128, scale_width(layers, width), units, order)
        return randomise_norms(network, seed).eval()

    return make


@pytest.fixture(scope="session")
def make_spectrogram():
    """Something that varies over time and frequency as log-mel power does."""

    def make(steps, seed=0):
        rng = np.random.default_rng(seed)
        walk = rng.normal(size=(steps, 1)).cumsum(axis=0) * 0.3
        values = -9 + walk + rng.normal(size=(steps, 128)) * 2
        return np.maximum(values, SILENCE).astype(np.float32)

    return make


@pytest.fixture
def make_features(tmp_path, make_spectrogram):
    """A feature file of utterances of given numbers of steps; any step may change the phone."""

    def make(steps, phones=("aa", "b", "s", "h#")):
        path = tmp_path / "features.h5"
        rng = np.random.default_rng(1)

        def utterances():
            for number, count in enumerate(steps):
                labels = rng.integers(0, len(phones), count)
                yield f"u{number}", make_spectrogram(count, number), labels

        write_features(path, utterances(), phones)
        return path

    return make
