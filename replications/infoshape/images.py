"""InfoShape's two looks at MNIST codes: a random convolutional encoder, and correlation as the leakage loss.

Figure 3-1 (Table 3.1's encoder, untrained) and Figure 3-2 (section 3.2).
``python -m replications.infoshape.images results/quick/infoshape/correlation/thesis/config.json``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from common.data import load
from common.models.stacked import StackedMLP
from common.results import Origin
from common.training.seeding import generator
from common.workflow.job import Job, Outcome
from common.workflow.job import main as run_job
from replications.infoshape.settings import check

ROOT = Path(__file__).resolve().parents[2]


def convolutional_encoder(random: torch.Generator) -> nn.Sequential:
    """Return Table 3.1: 28x28 -> 9x9x3, kernel and stride 3, ReLU, initialised as torch would, from ``random``."""
    layer = nn.Conv2d(1, 3, kernel_size=3, stride=3)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-1 / 3, 1 / 3, generator=random)  # 1 / sqrt(fan-in of 9)
    return nn.Sequential(layer, nn.ReLU())


def correlation(x: Tensor, z: Tensor) -> Tensor:
    """Return Pearson's correlation of the pixels of ``x`` and ``z (members, pixels)``, per member."""
    x, z = x - x.mean(-1, keepdim=True), z - z.mean(-1, keepdim=True)
    return (x * z).sum(-1) / (x.norm(dim=-1) * z.norm(dim=-1))


OTHERS = 200  # test images that an encoder trained on one image is shown


def digits_of(job: Job) -> tuple[Tensor, Tensor, Origin]:
    """Return the first training image (28, 28) and test images (n, 784), both in [-1, 1], and their origin.

    The notebook normalises images so; those of the test split are ours.
    """
    digits = load(job.config.dataset, **job.sources)
    rows = [int(digits.splits["train"][0]), *map(int, digits.splits["test"][:OTHERS])]
    images = torch.from_numpy(digits.images[rows].copy()).float()[:, 0] / 127.5 - 1
    return images[0], images[1:].flatten(1), digits.origin


def channels(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Encode one digit with each seed's untrained convolutional encoder (Figure 3-1)."""
    image, _, origin = digits_of(job)
    pooled = avg_pool2d(image[None, None, :27, :27], 3).reshape(1, -1)  # floor((28 - 3) / 3) + 1 = 9 of 28 rows
    outcomes = {}
    for seed in seeds:
        with torch.no_grad():
            z = convolutional_encoder(generator("infoshape", "channels", seed))(image[None, None])[0]
        flat = z.reshape(3, -1)
        alive = flat.std(-1) > 0  # a ReLU can be shut over the whole image
        similar = torch.where(alive, correlation(pooled.expand(3, -1), flat).abs(), torch.zeros(3))
        series = {f"channel_{c}": rounded(flat[c]) for c in range(3)} | {"image": rounded(image)}
        outcomes[seed] = Outcome(
            {"spatial_correlation": float(similar.max()), "open_channels": float(alive.sum())}, series
        )
    return outcomes, origin, "fp32"


def correlate(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Train a dense tanh encoder on -correlation(X, Z), one Adam step per epoch (Figure 3-2)."""
    p = job.config.params
    image, others, origin = digits_of(job)
    x = image.reshape(1, 1, -1).expand(len(seeds), 1, -1)
    net = StackedMLP([784, 784], [generator("infoshape", "correlation", s) for s in seeds], final="tanh")
    adam = torch.optim.Adam(net.parameters(), lr=p["lr"])
    metrics: list[dict[str, float]] = [{} for _ in seeds]
    series: list[dict[str, list[float | None]]] = [{"image": rounded(image), "correlation": []} for _ in seeds]
    for epoch in range(p["epochs"]):
        z = net(x)
        found = correlation(x[:, 0], z[:, 0])
        for k, value in enumerate(found.tolist()):
            metrics[k][f"correlation_{epoch}"] = value
            series[k]["correlation"].append(value)
            if epoch in p["shown_epochs"]:
                series[k][f"code_{epoch}"] = rounded(z[k, 0])
                metrics[k] |= {f"{name}_{epoch}": value for name, value in on_others(net, image, others)[k].items()}
        adam.zero_grad(set_to_none=True)
        (-found.sum()).backward()
        adam.step()
    outcomes = {seed: Outcome(metrics[k], series[k]) for k, seed in enumerate(seeds)}
    return outcomes, origin, "fp32"


@torch.no_grad()
def on_others(net: StackedMLP, image: Tensor, others: Tensor) -> list[dict[str, float]]:
    """Return what encoders trained on one image make of ``others (n, 784)``: is it the identity, or that image?

    Per member mean correlations over the images: of a code with its own image (``others``) and with the trained one
    (``trained``); and of the images themselves with the trained one (``alike``), which an identity would show there.
    """
    members = net.layers[0].weight.shape[0]
    x = others.expand(members, *others.shape)
    z, trained = net(x), image.flatten().expand_as(x)
    found = {"others": correlation(x, z), "trained": correlation(trained, z), "alike": correlation(x, trained)}
    return [{name: float(values[k].mean()) for name, values in found.items()} for k in range(members)]


def rounded(values: Tensor) -> list[float | None]:
    """Return values as a flat list with three digits."""
    return [round(v, 3) for v in values.detach().flatten().tolist()]


def run(job: Job, seeds: list[int]) -> tuple[dict[int, Outcome], Origin, str]:
    """Run the experiment that the job names."""
    check(job.config.cell.experiment, job.config.params)
    return channels(job, seeds) if job.config.cell.experiment == "channels" else correlate(job, seeds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return run_job(argv, run, ROOT, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
