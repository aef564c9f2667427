"""Fitted estimators on data of which nothing can be learnt: rows held out are neither fitted to nor chosen by."""

import math

import numpy as np
import pytest
import torch

from common.estimators import auto, create
from common.estimators.classifier import Classifier
from common.estimators.copula import EllipticalCopula
from common.estimators.correction import CorrectionFit
from common.estimators.fitted import cross_selected


def noise(n, d_x, d_y):
    g = np.random.default_rng(0)
    return g.normal(size=(n, d_x)), g.normal(size=(n, d_y))


@pytest.mark.parametrize(
    ("name", "limit", "settings"),
    [
        # networks that learn any rows by heart: fitted to the rows that value them they claim a nat and more
        ("donsker_varadhan", 0.3, {"hidden": (128,), "steps": 250, "batch": 120, "lr": 1e-2, "check": 50}),
        ("club", 0.3, {"hidden": (128,), "steps": 250, "batch": 120, "lr": 1e-2, "check": 50}),
        ("renyi", 0.5, {"hidden": (128,), "steps": 250, "batch": 120, "lr": 1e-2, "check": 50}),
        ("sliced", 0.5, {"slices": 60}),
    ],
)
def test_noise_is_learnt_by_heart_and_not_reported(name, limit, settings):
    x, y = noise(240, 20, 1)
    assert create(name, **settings).estimate(x, y) < limit


def test_a_classifier_that_knows_its_rows_by_heart_reads_nothing():
    x, labels = noise(200, 20, 1)[0], np.arange(200) % 2
    assert Classifier(hidden=(128,), steps=150, batch=64, lr=1e-2).estimate(x, labels) < 0.05


def test_a_correction_of_nothing_gains_nothing():
    x, y = (torch.as_tensor(v, dtype=torch.float32) for v in noise(160, 10, 10))
    ratio = EllipticalCopula(np.eye(20), math.inf, 10, 0.0).ratio()
    found = CorrectionFit(hidden=(128,), batch=64, steps=300, lr=1e-2, patience=9).run((x, y), (x, y), ratio, 0)
    assert found.gain < 0.1


def test_the_copula_beside_a_network_is_fitted_to_the_rows_that_it_trains_on(monkeypatch):
    rows, true = [], auto.fit_copula
    monkeypatch.setattr(auto, "fit_copula", lambda x, y, *more: rows.append((len(x), len(y))) or true(x, y, *more))
    auto.Auto(steps=1)._correct(*noise(400, 2, 2), math.inf)
    assert rows == [(300, 300)]


def test_each_half_is_valued_where_the_other_one_scores_best():
    scores = np.array([[3.0, 1.0], [2.0, 5.0], [0.0, 4.0]])
    assert cross_selected(scores, scores) == 0.5 * (scores[1, 0] + scores[0, 1])
    values = 10 + np.arange(6).reshape(3, 2)
    assert cross_selected(scores, values) == 0.5 * (values[1, 0] + values[0, 1])


def test_a_classifiers_loss_is_that_of_each_half_at_the_snapshot_that_the_other_chose(monkeypatch):
    losses = torch.tensor([[1.0, 1.0, 4.0, 4.0], [3.0, 3.0, 2.0, 2.0]])
    monkeypatch.setattr(Classifier, "_held_out_losses", lambda *_: losses)
    x, labels = noise(10, 2, 1)[0], np.arange(10) % 2
    found = Classifier(held_out=0.4).estimate(x, labels)
    assert found == pytest.approx(math.log(2) - (3 + 3 + 4 + 4) / 4)


def test_a_classifier_that_holds_out_one_row_is_refused():
    """That row would choose the snapshot that scores itself, and a label of chance be known by it."""
    x, labels = noise(6, 2, 1)[0], np.arange(6) % 2
    with pytest.raises(ValueError, match="needs 2 rows to hold out, a half to judge the other; of 6 it has 1"):
        Classifier().estimate(x, labels)
    assert math.isfinite(Classifier(held_out=0.34, steps=5).estimate(x, labels))


def test_the_frequencies_a_classifier_starts_from_are_those_of_its_training_rows():
    labels = torch.tensor([0] * 6 + [1] * 4)
    losses = Classifier(steps=1)._held_out_losses(torch.zeros(10, 1), labels, 6, torch.Generator().manual_seed(0))
    assert losses[0].tolist() == pytest.approx([-math.log(0.5 / 7)] * 4)
