"""Estimators of mutual information and dependence: ``create(name, **parameters).estimate(x, y)``; ``names()``."""

from typing import Any

__all__ = ["create", "names"]


def __getattr__(name: str) -> Any:
    """Import the registry when it is asked for: code that takes one module of this package depends on that alone."""
    if name in __all__:
        from common.estimators import registry

        return getattr(registry, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
