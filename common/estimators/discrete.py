"""Mutual information of discrete variables from counts.

Sources: the plug-in estimate; Miller, *Note on the bias of information estimates* (1955), for its correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from common.estimators.base import Estimator
from common.estimators.transforms import codes, entropy_of_codes


@dataclass(frozen=True)
class Discrete(Estimator):
    """I = H(X) + H(Y) - H(X, Y) from the table of counts; every distinct row is a symbol.

    ``correction="miller_madow"`` takes off the leading bias (K_xy - K_x - K_y + 1) / 2n, K counting occupied cells,
    so the value may fall slightly below 0. Bias: plug-in high; Miller-Madow nearly none until cells outnumber rows.
    Integer input only. Cost: O(n log n).
    """

    bias: ClassVar[str] = "high (plug-in); about 0 with miller_madow until cells outnumber rows"
    labels: ClassVar[Literal["none", "y", "both"]] = "both"

    correction: Literal["none", "miller_madow"] = "miller_madow"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        if self.correction not in {"none", "miller_madow"}:
            raise ValueError(f"correction must be 'none' or 'miller_madow', got {self.correction!r}")
        x_codes, y_codes, joint = codes(x), codes(y), codes(np.hstack([x, y]))
        value = entropy_of_codes(x_codes) + entropy_of_codes(y_codes) - entropy_of_codes(joint)
        if self.correction == "miller_madow":
            cells = (joint.max() + 1) - (x_codes.max() + 1) - (y_codes.max() + 1) + 1
            value -= cells / (2 * len(x))
        return value, {}
