"""I_alpha (Poole et al., arXiv:1905.06922, section 2.4): between TUBA's low bias and InfoNCE's low variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from common.estimators.neural import Climb
from common.estimators.tuba import TUBA
from common.losses.contrastive import interpolated


@dataclass(frozen=True)
class Interpolated(TUBA):
    """The bound whose denominator mixes InfoNCE's batch mean (weight ``alpha``) with a learned baseline.

    Bias: low, at most about log(K / alpha) for K rows compared; ``alpha`` = 1 is close to InfoNCE, small alpha to TUBA
    with its variance. Cost: ``steps`` batches through critic and baseline.
    """

    bias: ClassVar[str] = "low; at most log of the rows compared over alpha"

    alpha: float = 0.1

    def with_parts(self, parts: nn.ModuleDict) -> Climb:
        """Return the bound with the fit's own baseline."""

        def bound(scores: Tensor, x: Tensor) -> Tensor:
            return interpolated(scores, parts["baseline"](x).squeeze(-1), self.alpha)

        return Climb(bound, bound)
