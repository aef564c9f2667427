"""Information about a label from a classifier's held-out cross-entropy: I(x; y) >= H(y) - CE.

Source: Barber & Agakov, *The IM algorithm* (2003); Xu et al. (arXiv:2002.10689) for the reading as usable information.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from common.estimators.base import Estimator
from common.estimators.optimiser import FlatAdam, cosine_rate, make_generator
from common.estimators.transforms import codes, entropy_of_codes, standardise
from common.models.stacked import StackedMLP


@dataclass(frozen=True)
class Classifier(Estimator):
    """I >= H(Y) - E[-ln q(y | x)], q a network trained on part of the rows, the expectation over the others.

    H(Y) is the plug-in entropy of all labels, so the value never exceeds it. Half of the held-out rows choose the
    snapshot that scores the other half, and the reverse. A q that lost to the label frequencies counts as they do:
    the value is not below 0 but for sampling. Raises ValueError where fewer than two rows are held out. Bias: low, by
    E[KL(p(y|x) || q)]. Cost: ``steps`` passes of ``batch`` rows through a network of ``hidden`` units.
    """

    bias: ClassVar[str] = "low: a lower bound in expectation, at most H(Y)"
    labels: ClassVar[Literal["none", "y", "both"]] = "y"

    hidden: tuple[int, ...] = (100, 100)
    batch: int = 256
    steps: int = 600
    lr: float = 5e-3
    check: int = 50
    held_out: float = 0.3
    seed: int = 0
    device: str = "cpu"

    def _estimate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, dict[str, Any]]:
        held = int(self.held_out * len(x))
        if held < 2:
            raise ValueError(
                f"classifier needs 2 rows to hold out, a half to judge the other; of {len(x)} it has {held}"
            )
        labels = codes(y)
        generator = make_generator(self.seed)
        order = torch.randperm(len(x), generator=generator).to(self.device)
        inputs = torch.as_tensor(standardise(x), dtype=torch.float32, device=self.device)[order]
        targets = torch.as_tensor(labels, device=self.device)[order]
        losses = self._held_out_losses(inputs, targets, len(x) - held, generator)
        half = held // 2
        table = torch.stack([losses[:, :half].mean(1), losses[:, half:].mean(1)])
        loss = (table[0, table[1].argmin()] * half + table[1, table[0].argmin()] * (held - half)).item() / held
        entropy = entropy_of_codes(labels)
        curve = (entropy - losses.mean(1)).tolist()
        converged = bool(losses.mean(1).argmin() < len(losses) - 1 or curve[-1] - curve[-2] < 0.005)
        return entropy - loss, {"curve": curve, "entropy": entropy, "converged": converged}

    def _held_out_losses(
        self, x: torch.Tensor, labels: torch.Tensor, train: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Return -ln q of each held-out row at each snapshot, (snapshots, rows); the first is the label frequencies."""
        classes = int(labels.max()) + 1
        network = StackedMLP([x.shape[1], *self.hidden, classes], [generator], "relu").to(x.device)
        frequencies = (torch.bincount(labels[:train], minlength=classes) + 0.5) / (train + 0.5 * classes)
        with torch.no_grad():  # start from the label frequencies
            network.layers[-1].weight.mul_(0.1)
            network.layers[-1].bias.copy_(frequencies.log())
        losses = [-frequencies.log()[labels[train:]]]
        optimiser = FlatAdam(network, self.lr)
        check = min(self.check, self.steps)
        for step in range(self.steps):
            rows = torch.randint(train, (min(self.batch, train),), generator=generator).to(x.device)
            optimiser.lr = cosine_rate(step, self.steps, self.lr)
            optimiser.zero_grad()
            cross_entropy(network(x[None, rows])[0], labels[rows]).backward()
            optimiser.step()
            if (step + 1) % check == 0:
                with torch.no_grad():
                    losses.append(cross_entropy(network(x[None, train:])[0], labels[train:], reduction="none"))
        return torch.stack(losses)
