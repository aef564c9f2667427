"""TUBA (Barber & Agakov 2003; Poole et al., arXiv:1905.06922, section 2.2): NWJ with a learned baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from common.estimators.neural import Climb, NeuralEstimator
from common.losses.contrastive import joint_scores, marginal_scores
from common.losses.density_ratio import tuba
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class TUBA(NeuralEstimator):
    """max over T and a of 1 + E_P[T - ln a(x)] - E_Q[e^T / a(x)], the baseline a(x) a network of its own.

    Bias: low (a lower bound in expectation); variance as NWJ's. Cost: ``steps`` batches through critic and baseline.
    """

    bias: ClassVar[str] = "low; a lower bound in expectation"

    def extra_modules(self, d_x: int, generators: Sequence[torch.Generator]) -> dict[str, nn.Module]:
        """Return the network of ln a(x)."""
        return {"baseline": StackedMLP([d_x, *self.hidden, 1], generators)}

    def with_parts(self, parts: nn.ModuleDict) -> Climb:
        """Return the bound with the fit's own baseline."""

        def bound(scores: Tensor, x: Tensor) -> Tensor:
            log_a = parts["baseline"](x).squeeze(-1)
            across = marginal_scores(log_a[..., None].expand_as(scores))
            return tuba(joint_scores(scores), marginal_scores(scores), log_a, across)

        return Climb(bound, bound)
