"""Regularised MINE (Choi & Lee, arXiv:2011.07932)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import donsker_varadhan_matrix, joint_scores, marginal_scores
from common.losses.variational import remine


@dataclass(frozen=True)
class ReMINE(ScoreEstimator):
    """max over T of E_P[T] - L - ``weight`` (L - ``target``)^2, L = log E_Q[e^T]; reported without the penalty.

    The penalty keeps the additive constant of the critic from drifting. Bias: low (a lower bound in the population).
    Cost: ``steps`` batches through the critic.
    """

    bias: ClassVar[str] = "low; a lower bound in the population"

    weight: float = 0.1
    target: float = 0.0

    def objective(self, scores: Tensor) -> Tensor:
        """Return Donsker-Varadhan less the penalty on the partition's drift."""
        return remine(joint_scores(scores), marginal_scores(scores), self.weight, self.target)

    def value(self, scores: Tensor) -> Tensor:
        """Return the Donsker-Varadhan value, the penalty left out."""
        return donsker_varadhan_matrix(scores)
