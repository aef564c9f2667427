"""MINE (Belghazi et al., arXiv:1801.04062): Donsker-Varadhan with a moving average in the gradient's denominator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from common.estimators.neural import Climb, NeuralEstimator
from common.losses.contrastive import donsker_varadhan_matrix, joint_scores, marginal_scores
from common.losses.variational import mine


@dataclass(frozen=True)
class MINE(NeuralEstimator):
    """max over T of E_P[T] - log E_Q[e^T], its gradient divided by a moving average of E_Q[e^T] of the given ``rate``.

    Bias: low (a lower bound in the population). Cost: ``steps`` batches through the critic.
    """

    bias: ClassVar[str] = "low; a lower bound in the population"

    rate: float = 0.01

    def with_parts(self, parts: nn.ModuleDict) -> Climb:
        """Return the objective with its own moving average, new for each fit."""
        del parts
        average: list[Tensor | None] = [None]

        def objective(scores: Tensor, _: Tensor) -> Tensor:
            value, average[0] = mine(joint_scores(scores), marginal_scores(scores), average[0], self.rate)
            return value

        return Climb(objective, lambda scores, _: donsker_varadhan_matrix(scores))
