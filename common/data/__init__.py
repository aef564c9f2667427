"""Data sets: registry, fetching, loaders, generators, stand-ins, splits. ``load(name)`` is the one entry point.

The names below are imported when they are first asked for: a job that draws Gaussians neither pays for the loaders nor
depends on their code.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.data.catalogue import Policy, load, names
    from common.data.errors import DataError
    from common.data.framing import Framing
    from common.data.sets import ImageSet, TableSet

__all__ = ["DataError", "Framing", "ImageSet", "Policy", "TableSet", "load", "names"]


def __getattr__(name: str) -> Any:
    """Import the public names on demand."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from common.data import catalogue

    return getattr(catalogue, name)
