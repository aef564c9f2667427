"""A guard for slopes that are written out and hold no graph of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch


def first_slope_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``backward`` of an autograd function, which raises ``RuntimeError`` where a slope of the slope is wanted.

    PyTorch's ``once_differentiable`` does so only where the incoming slope wants one: under a plain loss it is a
    constant, and what lies behind the function would get a second slope that lacks this one's part.
    """

    @wraps(backward)
    def guarded(ctx: Any, *slopes: torch.Tensor) -> Any:
        if torch.is_grad_enabled():  # inside a backward pass: create_graph=True
            raise RuntimeError("a slope written out is not differentiable a second time: create_graph must be false")
        return backward(ctx, *slopes)

    return guarded
