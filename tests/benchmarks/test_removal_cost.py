"""The plan's estimate of the benchmark: counts by hand, and a finite cost of each job at each scale."""

import math

import pytest
import torch
from torch import nn

from benchmarks.removal import cost, readings
from benchmarks.removal.networks import encoder
from common.workflow.config import load_paper, resolve_params

SHAPES = {"adult": (102,), "biased_mnist": (3, 28, 28), "celeba": (3, 32, 32)}


@pytest.fixture(scope="module")
def paper(root):
    return load_paper(root, "removal", "benchmarks")


def known(paper, cell, scale="paper"):
    """Return what ``work`` is told of a job: its own parameters over those of the cell that it reads."""
    experiment, variant = cell.split("/")
    found = {}
    for needed in paper.experiments[experiment].needs_of(variant):
        found |= resolve_params(paper, *needed.split("/"), scale, {})
    return found | resolve_params(paper, experiment, variant, scale, {})


@pytest.mark.parametrize("ground", readings.GROUNDS)
def test_multiply_adds_of_the_encoder(ground):
    """Counted from the layers of the network itself as it reads one row."""
    counted = 0

    def count(layer, _, out):
        nonlocal counted
        counted += layer.weight[0].numel() * out[0].numel()

    net = encoder(SHAPES[ground], 16, torch.Generator().manual_seed(0))
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            layer.register_forward_hook(count)
    net(torch.zeros(1, *SHAPES[ground]))
    assert counted == cost._ENCODER[ground]
    assert math.prod(SHAPES[ground]) == cost.INPUTS[ground]


def test_an_encoder_for_each_strength(paper):
    one, four = (cost.work("adult", known(paper, f"adult/{method}")) for method in ("none", "irene"))
    assert one.steps == 20 * 100 * cost._STEPS["none"]
    assert one.flop == pytest.approx(6 * 20 * 20_000 * 7552 + 2 * 25_000 * 7552)
    assert four.flop == pytest.approx(4 * one.flop)
    assert not four.stacked


def test_an_attack_is_as_large_as_what_it_reads(paper):
    one, four = (cost.work("celeba_attack", known(paper, f"celeba_attack/{method}")) for method in ("none", "irene"))
    assert (four.steps, four.flop) == pytest.approx((4 * one.steps, 4 * one.flop))


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_every_job_has_a_cost(paper, scale):
    for name, experiment in paper.experiments.items():
        for variant in experiment.variants:
            found = cost.work(name, known(paper, f"{name}/{variant}", scale))
            assert math.isfinite(found.steps + found.flop)
            assert found.steps > 0
