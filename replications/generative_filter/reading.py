"""A fresh attacker on released codes: fitted to draws of the training rows, judged on draws of the test rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from replications.generative_filter import attack
from replications.generative_filter.release import Released


def read(
    net: nn.Module,
    released: Mapping[str, Released],
    truth: Mapping[str, Tensor],
    classes: int,
    p: Mapping[str, Any],
    how: Mapping[str, Any],
    draws: Callable[[str], list[torch.Generator]],
) -> attack.Reading:
    """Fit ``net``, a stack of fresh classifiers, to ``truth["train"] (n,)`` and judge it by ``truth["test"]``.

    ``truth`` may have rows of its own per seed, (seeds, n). ``how`` holds its steps, batch, rate and, where some are,
    the share of rows held back; ``p["repeats"]`` draws of the test rows are judged. ``draws(what)`` gives a generator
    per seed for the ``noise`` and the ``rows`` it learns from and for the ``unseen`` draws.
    """
    train, test = released["train"], released["test"]
    noise, orders, unseen = (draws(what) for what in ("noise", "rows", "unseen"))
    labels = {split: v.expand(released[split].members, -1) for split, v in truth.items()}
    settings = attack.Settings(how["steps"], how["batch"], how["lr"], how.get("held_back", 0.0))
    # members of a seed share rows and noise: the mechanism draws once a seed
    attack.fit(net, lambda rows: train.draw(rows[:: train.each], noise), labels["train"], settings, orders)
    return attack.judge(net, [test.whole(unseen) for _ in range(p["repeats"])], labels["test"], classes)
