"""What is measured: three shapes, each by the plain loop and by the engine, one measurement to a process.

``python -m benchmarks.training.cases <case> <plain|ours>`` prints one JSON line: seconds per step of the processor's
time (the least of some, so that what else the machine does stays out) and the peak of resident memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from common.data.biased_mnist import PALETTE
from common.training.batches import Batch, Batches
from common.training.seeding import generator

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=1e-4)
ADAM = partial(torch.optim.Adam, lr=1e-3)
BATCH = {"biased_mnist": 100, "resnet18": 64, "perceptron": 100, "perceptron_norm": 100}
SEEDS = 10
WIDTHS = {"perceptron": (20, 100, 100, 2), "perceptron_norm": (64, 128, 128, 10)}  # the latter with BatchNorm
ROWS = 10_000


def _table(case: str) -> tuple[torch.Tensor, torch.Tensor]:
    features, classes = WIDTHS[case][0], WIDTHS[case][-1]
    return torch.randn(ROWS, features), torch.randint(0, classes, (ROWS,))


def _pictures(rows: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 pictures, mostly nought as digits are, and labels; what they show does not matter here."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (rows, *shape), dtype=np.uint8)
    return images * (random.random(images.shape) < 0.2), random.integers(0, 10, rows)


def plain(case: str) -> Iterator[None]:
    """Return the plain loop of a case, one step at a time."""
    from benchmarks.training import plain as loops

    torch.manual_seed(0)
    if case == "biased_mnist":
        digits, labels = _pictures(5000, (28, 28))
        net, data = loops.convolutional_network(), loops.ColouredDigits(digits, labels, labels)
    elif case == "resnet18":
        net, data = loops.resnet(), loops.Pictures(*_pictures(5000, (3, 32, 32)))
    else:
        net = loops.perceptron(WIDTHS[case], norm=case.endswith("norm"))
        data = torch.utils.data.TensorDataset(*_table(case))
    optimiser = ADAM if case in WIDTHS else SGD
    return loops.steps(net, data, BATCH[case], optimiser(net.parameters()))


def ours(case: str) -> Iterator[None]:
    """Return the engine's loop of a case, one step at a time: the trainer runs until it is asked to pause."""
    make: dict[str, Callable[[], Iterator[None]]] = {
        "biased_mnist": _biased_mnist,
        "resnet18": _resnet,
        "perceptron": partial(_perceptron, "perceptron"),
        "perceptron_norm": partial(_perceptron, "perceptron_norm"),
    }
    return make[case]()


def _biased_mnist() -> Iterator[None]:
    from common.models.initial import linear
    from common.models.plain_conv import plain_conv_encoder
    from common.training.arrange import prepare_for_convolutions

    digits, labels = _pictures(5000, (28, 28))
    net = nn.Sequential(plain_conv_encoder(generator(0), last="tanh"), linear(128, 10, generator(1)))
    data = {"x": torch.from_numpy(digits)[:, None], "y": torch.from_numpy(labels)}
    palette = torch.tensor(PALETTE, dtype=torch.uint8)

    def colour(batch: Batch, noise: object) -> Batch:
        del noise
        ground = palette[batch["y"]][:, :, None, None]
        x = torch.where(batch["x"] > 0, 255, ground)
        return {**batch, "x": x.float().mul_(1 / 127.5).sub_(1)}

    source = Batches(data, 100, generator("order"), transform=colour)
    return _train(net, source, prepare_for_convolutions("cpu", kernel=7))


def _resnet() -> Iterator[None]:
    from common.models.initial import linear
    from common.models.resnet import resnet_encoder
    from common.training.arrange import arrange, prepare_for_convolutions
    from common.training.augment import crop, flip, images, normalise

    machine = prepare_for_convolutions("cpu", kernel=3)
    net = arrange(nn.Sequential(resnet_encoder(generator(0), 18), linear(512, 10, generator(1))), machine)
    x, y = (torch.from_numpy(v) for v in _pictures(5000, (3, 32, 32)))
    change = images("x", crop(4), flip(), normalise((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)))
    source = Batches({"x": x, "y": y}, 64, generator("order"), transform=change, noise=generator("noise"))
    return _train(net, source, machine)


def _perceptron(case: str) -> Iterator[None]:
    from common.models.stacked import StackedMLP
    from common.models.stacked_norm import stacked_network
    from common.training.arrange import prepare_for_convolutions

    norm, inits = case.endswith("norm"), [generator(s, "init") for s in range(SEEDS)]
    net = stacked_network(WIDTHS[case], inits, norm="batch") if norm else StackedMLP(WIDTHS[case], inits)
    x, y = _table(case)
    source = Batches({"x": x, "y": y}, 100, [generator(s, "order") for s in range(SEEDS)])
    machine = prepare_for_convolutions("cpu", kernel=1)  # as which a matrix product counts
    return _train(net, source, machine, SEEDS)


def _train(net: nn.Module, source: Batches, machine: object, members: int = 1) -> Iterator[None]:
    """Return the trainer's run as an iterator over its steps."""
    from common.losses.classes import stacked_cross_entropy
    from common.training.parts import Part
    from common.training.routing import Route
    from common.training.trainer import Trainer

    def step(batch: Batch) -> list[Route]:
        out = net(batch["x"]).float()
        loss = stacked_cross_entropy if members > 1 else cross_entropy
        return [Route(loss(out, batch["y"]), ("all",), "task")]

    optimiser = partial(ADAM if members > 1 else SGD, fused=True)
    trainer = Trainer(net, [Part("all", net, optimiser)], step, source, epochs=10**6, machine=machine, members=members)
    return trainer.stepwise()


def measure(case: str, who: str, blocks: int, steps: int) -> dict[str, float]:
    """Return the least processor seconds per step over ``blocks`` of ``steps`` after a first one, and peak MiB."""
    loop = plain(case) if who == "plain" else ours(case)
    least = float("inf")
    for block in range(blocks + 1):
        begun = time.process_time()
        for _ in range(steps):
            next(loop)
        if block:
            least = min(least, (time.process_time() - begun) / steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": least, "peak_mb": peak}


if __name__ == "__main__":
    torch.set_num_threads(1)
    small = sys.argv[1].startswith("perceptron")
    print(json.dumps(measure(sys.argv[1], sys.argv[2], 8 if small else 4, 50 if small else 1)))
