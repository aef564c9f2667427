"""SupCon against closed forms, a plain double loop, numerical gradients and its invariances."""

import math

import pytest
import torch
from torch.nn.functional import normalize, one_hot

from common.losses.supcon import supcon

T = 0.07


def rows(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(n, d, generator=generator, dtype=torch.float64), dim=1)


def double_loop(z, labels, t):
    """The definition, term by term, on (N, d) rows."""
    total = 0.0
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        below = sum(math.exp(float(z[i] @ z[a]) / t) for a in others)
        positives = [p for p in others if labels[p] == labels[i]]
        if positives:
            terms = [math.log(math.exp(float(z[i] @ z[p]) / t) / below) for p in positives]
            total -= sum(terms) / len(positives)
    return total / len(z)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 3.0])
def test_equals_the_double_loop(temperature):
    z, labels = rows(13, 5), torch.tensor([0, 1, 2, 0, 1, 2, 2, 2, 0, 1, 4, 0, 1])  # class 4 stands alone
    assert float(supcon(z, labels, temperature)) == pytest.approx(double_loop(z, labels, temperature), rel=1e-12)


def test_views_are_further_rows_of_their_class():
    views, labels = rows(12, 6).reshape(4, 3, 6), torch.tensor([3, 0, 3, 1])
    flat = [label for label in labels.tolist() for _ in range(3)]
    assert float(supcon(views, labels, T)) == pytest.approx(double_loop(views.reshape(12, 6), flat, T), rel=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 6])
def test_rows_that_are_all_the_same_give_the_log_of_the_others(classes):
    labels = torch.arange(12) % classes
    z = rows(1, 5).expand(12, 5)
    assert float(supcon(z, labels, T)) == pytest.approx(math.log(11), rel=1e-12)


def test_one_class_of_orthogonal_rows_gives_the_log_of_the_others():
    z = torch.eye(7, dtype=torch.float64)
    assert float(supcon(z, torch.zeros(7, dtype=torch.long), T)) == pytest.approx(math.log(6), rel=1e-12)


@pytest.mark.parametrize(("classes", "each", "temperature"), [(2, 4, 0.07), (3, 5, 1.0), (10, 2, 0.5)])
def test_orthogonal_classes_of_equal_rows(classes, each, temperature):
    labels = torch.arange(classes * each) % classes
    z = one_hot(labels, classes).double()
    known = math.log((each - 1) + (classes - 1) * each * math.exp(-1 / temperature))
    assert float(supcon(z, labels, temperature)) == pytest.approx(known, rel=1e-9, abs=1e-12)


def test_two_rows():
    z = rows(2, 4)
    assert float(supcon(z, torch.tensor([1, 1]), T)) == pytest.approx(0, abs=1e-12)
    assert float(supcon(z, torch.tensor([0, 1]), T)) == 0  # neither has a positive


def test_an_anchor_without_positives_counts_as_nought():
    z, labels = rows(5, 3), torch.tensor([0, 0, 0, 1, 2])
    alone = z.clone().requires_grad_()
    supcon(alone, labels, T).backward()
    assert torch.isfinite(alone.grad).all()
    # the lone rows still stand below the line of the others, so they are pushed away
    assert alone.grad[3].abs().sum() > 0
    all_alone = rows(4, 3).requires_grad_()
    supcon(all_alone, torch.arange(4), T).backward()
    assert float(all_alone.grad.abs().max()) == 0


@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 4)])
def test_gradient_is_the_numerical_one(shape):
    z = rows(6, 4).reshape(shape).requires_grad_()
    labels = torch.tensor([0, 1, 0, 1, 1, 2])[: shape[0]]
    assert torch.autograd.gradcheck(lambda v: supcon(v, labels, 0.5), [z])


def test_a_step_against_the_gradient_draws_classes_together_and_apart():
    z, labels = rows(20, 8), torch.arange(20) % 2
    same = (labels[:, None] == labels) & ~torch.eye(20, dtype=torch.bool)

    def gap(v):
        cosine = v @ v.T
        return float(cosine[same].mean() - cosine[labels[:, None] != labels].mean())

    moved = z.clone().requires_grad_()
    supcon(moved, labels, 0.5).backward()
    assert gap(normalize(z - 0.5 * moved.grad, dim=1)) > gap(z)


def test_order_rotation_and_names_of_classes_do_not_matter():
    z, labels = rows(15, 6), torch.arange(15) % 4
    value = float(supcon(z, labels, T))
    shuffled = torch.randperm(15, generator=torch.Generator().manual_seed(1))
    turned = z @ torch.linalg.qr(rows(6, 6, seed=2))[0]
    assert float(supcon(z[shuffled], labels[shuffled], T)) == pytest.approx(value, rel=1e-12)
    assert float(supcon(turned, labels, T)) == pytest.approx(value, rel=1e-10)
    assert float(supcon(z, 7 - labels, T)) == value


def test_bounds_of_unit_rows():
    for seed in range(20):
        z, labels = rows(16, 2, seed), torch.arange(16) % 3
        assert 0 <= float(supcon(z, labels, T)) <= math.log(15) + 2 / T


def test_half_precision_is_widened():
    z, labels = rows(32, 16), torch.arange(32) % 5
    exact = float(supcon(z.bfloat16().float(), labels, T))
    with torch.autocast("cpu", torch.bfloat16):
        under = supcon(z.bfloat16(), labels, T)
    assert under.dtype == torch.float32
    assert float(under) == exact


def test_large_scores_stay_finite():
    z = 50 * rows(10, 4).float()
    z.requires_grad_()
    loss = supcon(z, torch.arange(10) % 2, T)  # scores of tens of thousands
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(
    ("features", "labels", "temperature", "what"),
    [
        (torch.zeros(4), torch.zeros(4), T, "got .4,."),
        (torch.zeros(4, 2), torch.zeros(3), T, "4 rows"),
        (torch.zeros(4, 2, 2), torch.zeros(8), T, "4 rows"),
        (torch.zeros(1, 2), torch.zeros(1), T, "another row"),
        (torch.zeros(4, 2), torch.zeros(4), 0.0, "above 0"),
        (torch.zeros(4, 2), torch.zeros(4), math.nan, "above 0"),
    ],
)
def test_input_that_does_not_fit(features, labels, temperature, what):
    with pytest.raises(ValueError, match=what):
        supcon(features, labels, temperature)
