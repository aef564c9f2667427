"""Gradient routing: which loss trains which part of a model, stated and not implied.

A *route* is a loss and the names of the parts it trains. Each part receives the gradient of the sum of the losses
routed to it, and of nothing else, whatever the graph connects: a leakage term computed through a private head and
routed to the encoder alone leaves that head untouched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Route:
    """A loss, the names of the parts it trains, and the name it is tracked under.

    ``loss`` is a scalar, or ``(members,)`` for a stack of models. A route to no part is tracked and trains nothing.
    """

    loss: Tensor
    to: tuple[str, ...]
    name: str = "loss"


def send(routes: Sequence[Route], parts: Mapping[str, Sequence[Tensor]]) -> list[str]:
    """Add to each named part's ``.grad`` the gradient of the losses routed to it; return the parts that got one.

    Parts that receive the same losses share one backward pass, so a shared encoder is passed once however many
    losses train it. Raises ``KeyError`` for a part that is not there.
    """
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in dict.fromkeys(part for route in routes for part in route.to):
        if name not in parts:
            raise KeyError(f"a loss is routed to {name!r}; the parts are {', '.join(parts)}")
        groups.setdefault(tuple(i for i, route in enumerate(routes) if name in route.to), []).append(name)
    for done, (chosen, names) in enumerate(groups.items(), 1):
        total = sum(routes[i].loss.sum() for i in chosen)
        inputs = [p for name in names for p in parts[name] if p.requires_grad]
        if inputs:
            torch.autograd.backward(total, inputs=inputs, retain_graph=done < len(groups))
    return [name for names in groups.values() for name in names]


def reached(loss: Tensor, parts: Mapping[str, Sequence[Tensor]]) -> set[str]:
    """Return the names of the parts whose parameters ``loss`` has a non-zero gradient for: for tests."""
    found = set()
    for name, parameters in parts.items():
        wanted = [p for p in parameters if p.requires_grad]
        grads = torch.autograd.grad(loss.sum(), wanted, retain_graph=True, allow_unused=True) if wanted else ()
        if any(g is not None and bool((g != 0).any()) for g in grads):
            found.add(name)
    return found


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.scale * grad, None


def reverse_gradient(x: Tensor, scale: float = 1.0) -> Tensor:
    """Return ``x`` itself, with the gradient that comes back multiplied by ``-scale`` (Ganin et al., 1505.07818)."""
    return _Reverse.apply(x, scale)


def full_precision(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a loss run outside autocast on fp32 tensors: for logarithms, log-sum-exp, whitening and MI terms."""

    @functools.wraps(function)
    def exact(*args: Any, **kwargs: Any) -> Any:
        def widen(value: Any) -> Any:
            half = isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16)
            return value.float() if half else value

        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        device = tensors[0].device.type if tensors else "cpu"
        with torch.autocast(device, enabled=False):
            return function(*map(widen, args), **{k: widen(v) for k, v in kwargs.items()})

    return exact
