"""Neural total correlation of two blocks: a classifier of joint against permuted pairs.

Source: Kim & Mnih, FactorVAE (arXiv:1802.05983); used as an adversary by Chen et al. (arXiv:2302.10701).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from common.estimators.neural import ScoreEstimator
from common.losses.contrastive import joint_scores, marginal_scores
from common.losses.density_ratio import jensen_shannon, ratio_information


@dataclass(frozen=True)
class TotalCorrelation(ScoreEstimator):
    """E_P[logit of a classifier of joint against product pairs], the plug-in of TC(x, y) = I(x; y).

    Trained by cross-entropy: ln 2 - CE is a lower bound of the Jensen-Shannon divergence, at most ln 2, while the mean
    logit estimates information itself. Bias: either sign, no bound: exact at the optimal classifier. Cost: ``steps``
    batches through the critic.
    """

    bias: ClassVar[str] = "either sign; exact at the optimal classifier"

    def objective(self, scores: Tensor) -> Tensor:
        """Return minus the two-class cross-entropy, joint and product pairs weighing the same, times two."""
        return jensen_shannon(joint_scores(scores), marginal_scores(scores))

    def value(self, scores: Tensor) -> Tensor:
        """Return E_P[logit], the log ratio's mean."""
        return ratio_information(joint_scores(scores))
