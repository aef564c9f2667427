"""The encoder that InfoShape trains (Table 3.3) with its Adam, all seeds as one stack, and what a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from common.models.stacked import StackedMLP
from common.training.parts import Part
from common.training.seeding import generator
from replications.infoshape import method


class TrainedEncoder:
    """One encoder per seed, ``(members, n, 20)`` to ``(members, n, 3)``, and the optimiser of eq. (4.1).

    A seed's untrained encoder is the same in every experiment and variant: they differ in training alone.
    """

    def __init__(self, seeds: Sequence[int], lr: float, device: torch.device) -> None:
        self.net: StackedMLP = method.encoder([generator("infoshape", "encoder", s) for s in seeds]).to(device)
        self._part = Part("encoder", self.net, partial(torch.optim.Adam, lr=lr))
        self.adam = self._part.optimiser

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and moments."""
        weights = {f"net:{name}": value for name, value in self.net.state_dict().items()}
        return weights | {f"adam:{name}": value for name, value in self._part.tensors().items()}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up :meth:`tensors`; other names are let alone."""

        def named(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.net.load_state_dict(named("net:"))
        self._part.load_tensors(named("adam:"))
