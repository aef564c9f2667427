"""The cross-entropy bound ln 2 - BCE of a fresh classifier: a known I(Z;L), and what a bijection of the code does."""

import math

import numpy as np
import pytest
import torch

from common.evaluation.probes import ProbeSettings
from common.training.seeding import generator
from replications.infoshape.probing import probe
from replications.infoshape.sample import Sample

SETTINGS = ProbeSettings((100,), batch=1000, epochs=100, lr=0.4)
SHIFT, SCALE, ROWS = 0.3, 0.5, 8000  # of u in each of three coordinates; rows per class, of which half are held out


def code():
    """Return z = tanh(u), bounded as the encoder's codes are, with u ~ N(±SHIFT, SCALE^2) by the label."""
    noise = torch.randn(1, 2 * ROWS, 3, generator=generator("test", "bounds"))
    labels = (torch.arange(2 * ROWS) >= ROWS).float()[None, :, None]
    return Sample(torch.tanh(SHIFT * (2 * labels - 1) + SCALE * noise), labels)


def truth():
    """Return I(Z;L) in nats: L and all three coordinates meet in one score s ~ N(±m, 1), summed over a fine grid."""
    m = SHIFT * math.sqrt(3) / SCALE
    s = np.linspace(-12, 12, 200_001)
    density = np.exp(-((s - m) ** 2) / 2) / math.sqrt(2 * math.pi)
    return math.log(2) - float(np.sum(density * np.log1p(np.exp(-2 * m * s))) * (s[1] - s[0]))


def ce_bound(sample):
    (verdict,) = probe(sample, 0.5, SETTINGS, [generator("test", "init")], [generator("test", "order")])
    return math.log(2) - verdict.cross_entropy


def test_it_finds_a_known_information_and_atanh_hardly_moves_it():
    z = code()
    bound, unbounded = ce_bound(z), ce_bound(Sample(torch.atanh(z.x), z.labels))
    assert bound == pytest.approx(truth(), abs=0.02), "8,000 held-out rows: standard error about 0.006"
    assert abs(unbounded - bound) < 0.02, "information does not change under a bijection"
