"""Data that lie at hand: a look at the places of a set, which reads none of its files and fetches none."""

from collections.abc import Sequence
from pathlib import Path

from common.data.fetch import Finder
from common.data.registry import Registry, default_registry
from common.results.schema import Origin


def at_hand(name: str, root: Path, mirrors: Sequence[str | Path], registry: Registry | None = None) -> str:
    """Return which set lies on the disk for ``load(name)``: itself, else the first of its subsets that does.

    Empty where none does, or where the registry knows none of that name. Whether the files are the right ones is seen
    when they are read.
    """
    registry = registry or default_registry()
    if name not in registry.sets:
        return ""
    finder = Finder(registry, root, mirrors, online=False)
    return next((one for one in (name, *registry.subsets(name)) if finder.has(one)), "")


def has_arrived(
    origin: Origin, policy: str, root: Path, mirrors: Sequence[str | Path], registry: Registry | None = None
) -> bool:
    """Return whether a run saw the stand-in of a set that the same policy would find real now."""
    return policy == "auto" and origin.kind == "stand-in" and bool(at_hand(origin.name, root, mirrors, registry))
