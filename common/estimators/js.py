"""Jensen-Shannon trained critic (Nowozin et al., f-GAN, arXiv:1606.00709; Hjelm et al., arXiv:1808.06670)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import donsker_varadhan_matrix, joint_scores, marginal_scores
from common.losses.density_ratio import jensen_shannon


@dataclass(frozen=True)
class JensenShannon(ScoreEstimator):
    """Donsker-Varadhan's value at the T that maximises E_P[-softplus(-T)] - E_Q[softplus(T)].

    Training keeps bounded gradients at any strength of dependence; the reported value is a lower bound in the
    population. Bias: low. Cost: ``steps`` batches through the critic.
    """

    bias: ClassVar[str] = "low; a lower bound in the population"

    def objective(self, scores: Tensor) -> Tensor:
        """Return the Jensen-Shannon objective (members,) over all product pairs of the batch."""
        return jensen_shannon(joint_scores(scores), marginal_scores(scores))

    def value(self, scores: Tensor) -> Tensor:
        """Return the Donsker-Varadhan value of the critic."""
        return donsker_varadhan_matrix(scores)
