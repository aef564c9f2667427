"""Spares a job what torch would load and a job on a CPU never uses: the compiler."""

from __future__ import annotations

import inspect

import torch
from torch.optim import SGD, Adam, Optimizer


def spare_the_compiler() -> None:
    """Let torch's optimisers work without loading ``torch._dynamo``: 800 modules, a third of a quick job's time.

    They load it for nothing but to tell a compiler to look away: ``_use_grad_for_differentiable`` breaks its graph
    around each step, ``_disable_dynamo`` hides bookkeeping from it. Where nothing is compiled, the step in ``no_grad``
    and the bookkeeping as written are the same arithmetic. For jobs on a CPU: on CUDA ``torch.compile`` is used.
    """
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        setattr(Optimizer, name, inspect.unwrap(getattr(Optimizer, name)))
    for kind in (Adam, SGD):
        kind.step = torch.no_grad()(inspect.unwrap(kind.step))
