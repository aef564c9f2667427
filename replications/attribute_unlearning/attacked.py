"""Which records are of the attacks on one network, and what they say that network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

from common.results import Record
from common.results.select import values

SETS = {"fairface": "FairFace", "celeba": "CelebA", "cifar10": "CIFAR-10"}
DEPTHS = (18, 34, 50)


def deep(variant: str, depth: int) -> str:
    """Return the variant that holds a depth: 34 and 50 are one cell."""
    return variant if depth == 18 else f"{variant}_deep"


def attacks(records: Sequence[Record], data: str, method: str, depth: int) -> list[Record]:
    """Return the attacks on one network; those on deep networks of faces are an experiment of their own."""
    names = f"{data}_attack", f"{data}_deep_attack"
    return [r for r in records if r.experiment in names and r.variant == deep(method, depth)]


def trained_on(runs: Sequence[Record], depth: int) -> str:
    """Return on how many images, of which size and how long the attacked networks were trained; all seeds are alike.

    Nothing where no run ended well, or none of them says.
    """
    found = [values(runs, f"trained_{what}_r{depth}") for what in ("images", "side", "epochs")]
    if not all(len(of_one) for of_one in found):
        return ""
    images, side, epochs = (int(of_one[0]) for of_one in found)
    return f"{images:,} images of {side}x{side}, {epochs} epoch{'s' * (epochs > 1)}"
