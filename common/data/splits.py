"""Splits from a seed: stratified by label, or by group so that no person is on both sides."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Splits = dict[str, NDArray[np.int64]]


def split_at_random(n: int, shares: Mapping[str, float], seed: int) -> Splits:
    """Split range(n) at random into the named shares, which add up to 1; each part is sorted."""
    return split_stratified(np.zeros(n, dtype=np.int64), shares, seed)


def split_stratified(labels: ArrayLike, shares: Mapping[str, float], seed: int) -> Splits:
    """Split rows so that every label (n,) is spread over the parts as the shares say, to within one row a part."""
    labels = np.asarray(labels)
    names = _checked(shares, len(labels))
    generator = np.random.default_rng(seed)
    parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in names}
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        for name, piece in zip(names, np.split(rows, _cuts(len(rows), shares)), strict=True):
            parts[name].append(piece)
    return {name: np.sort(np.concatenate(pieces)) for name, pieces in parts.items()}


def split_by_group(groups: ArrayLike, shares: Mapping[str, float], seed: int) -> Splits:
    """Split rows by their group (n,): groups are drawn in random order and each goes whole to one part.

    A part's share of rows is as near the wanted one as whole groups allow.
    """
    groups = np.asarray(groups)
    names = _checked(shares, len(groups))
    values, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(values))
    # a group belongs to the part in whose interval of the cumulated rows its middle falls
    ends = np.cumsum(counts[order])
    bounds = np.cumsum([shares[name] for name in names])[:-1] * len(groups)
    part_of = np.empty(len(values), dtype=np.int64)
    part_of[order] = np.searchsorted(bounds, ends - counts[order] / 2, side="right")
    return {name: np.flatnonzero(part_of[inverse] == k) for k, name in enumerate(names)}


def _cuts(n: int, shares: Mapping[str, float]) -> NDArray[np.int64]:
    return np.rint(np.cumsum(list(shares.values()))[:-1] * n).astype(np.int64)


def _checked(shares: Mapping[str, float], n: int) -> tuple[str, ...]:
    if n == 0:
        raise ValueError("nothing to split: there are no rows")
    if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1.0) > 1e-9:
        raise ValueError(f"shares are at least 0 and add up to 1; got {dict(shares)}")
    return tuple(shares)
