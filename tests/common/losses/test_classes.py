"""The stacked cross-entropy against torch's own, member by member, and against a value worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from common.losses.classes import stacked_cross_entropy


def test_known_value() -> None:
    # p(label) = 1/4 in the first row and 3/4 in the second
    logits = torch.tensor([[[math.log(3.0), 0.0], [math.log(3.0), 0.0]]])
    found = stacked_cross_entropy(logits, torch.tensor([[1, 0]]))
    assert found.item() == pytest.approx((math.log(4) + math.log(4 / 3)) / 2)


def test_values_and_gradients_are_those_of_each_member_alone() -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 7, 5, dtype=torch.float64, requires_grad=True)
    labels, weights = torch.randint(5, (3, 7)), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    found = stacked_cross_entropy(logits, labels)
    (slopes,) = torch.autograd.grad((found * weights).sum(), logits)
    alone = torch.stack([cross_entropy(row, label) for row, label in zip(logits, labels, strict=True)])
    (expected,) = torch.autograd.grad((alone * weights).sum(), logits)
    torch.testing.assert_close(found, alone)
    torch.testing.assert_close(slopes, expected)


def test_bf16_logits_give_fp32_losses_and_huge_ones_stay_finite() -> None:
    logits = torch.tensor([[[1e4, 0.0]]], dtype=torch.bfloat16)
    found = stacked_cross_entropy(logits, torch.tensor([[0]]))
    assert found.dtype == torch.float32
    assert found.item() == 0


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one label per row"):
        stacked_cross_entropy(torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.int64))
