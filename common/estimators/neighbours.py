"""Nearest neighbours in the maximum norm, and exact counts of points inside boxes.

The counts work on ranks: |x_j - x_i| < r holds in a column exactly where the rank of x_j lies in an interval found
by bisection, so a box test is two small-integer comparisons per column, which vectorise far better than a tree
search whose boxes hold hundreds of points.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from common.estimators.base import at_least

_TREE_ABOVE = 30_000  # rows: beyond this the quadratic count loses to the tree
_ROWS = 16  # rows per block: keeps the comparison buffers in cache


def kth_distance(points: np.ndarray, k: int, workers: int = 1) -> np.ndarray:
    """Return the max-norm distance (n,) of each point (n, d) to its k-th neighbour, itself not counted.

    Raises ValueError where k is no whole number from 1 on, or there are not more than k points.
    """
    at_least(1, k=k)
    if k >= len(points):
        raise ValueError(f"k = {k} neighbours need more than {k} rows, got {len(points)}")
    tree = cKDTree(points, leafsize=32)
    return tree.query(points, k=[k + 1], p=np.inf, workers=workers)[0][:, 0]


def count_within(points: np.ndarray, radius: np.ndarray, strict: bool = True, workers: int = 1) -> np.ndarray:
    """Return how many points (n, d) lie within ``radius`` (n,) of each, max norm, each point itself included.

    ``strict`` counts distances below the radius, else distances up to it. A radius is mostly the distance of one of
    the points, and x ± r is rounded: distances that equal the radius to rounding are taken as equal to it.
    """
    n, d = points.shape
    slack = 4 * np.finfo(float).eps * (np.abs(points).max() + radius)
    radius = radius - slack if strict else radius + slack
    low_side, high_side = ("right", "left") if strict else ("left", "right")
    order = np.sort(points, axis=0)
    low = np.empty((d, n), np.intp)
    high = np.empty((d, n), np.intp)
    for j in range(d):
        low[j] = np.searchsorted(order[:, j], points[:, j] - radius, low_side)
        high[j] = np.searchsorted(order[:, j], points[:, j] + radius, high_side)
    # r = 0 under a strict test leaves even the point itself out of its open box; it is counted all the same.
    if d == 1:
        return np.maximum(high[0] - low[0], 1)
    if n > _TREE_ABOVE:
        r = np.maximum(radius, 0)
        return cKDTree(points).query_ball_point(points, r, p=np.inf, workers=workers, return_length=True)
    return _count_by_ranks(points, low, high)


def _count_by_ranks(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Count, for each i, the j whose rank lies in [low, high) in every column (n, d >= 2)."""
    n, d = points.shape
    # Columns with narrow intervals first: the first one bounds the candidates, once rows are sorted by it.
    columns = np.argsort((high - low).mean(1))
    order = np.argsort(points[:, columns[0]], kind="stable")
    low, high = low[columns][:, order], high[columns][:, order]
    ranks = np.empty((d - 1, n), np.uint16)
    for j, column in enumerate(columns[1:]):
        ranks[j, np.argsort(points[order, column], kind="stable")] = np.arange(n, dtype=np.uint16)
    start, width = low.astype(np.uint16), (high - low).clip(0).astype(np.uint16)
    counts = np.empty(n, np.intp)
    offsets, inside, both = np.empty((_ROWS, n), np.uint16), np.empty((_ROWS, n), bool), np.empty((_ROWS, n), bool)
    position = np.arange(n, dtype=np.uint16)
    for first in range(0, n, _ROWS):
        rows = slice(first, min(first + _ROWS, n))
        left = min(low[0, rows].min(), n - 1)
        right = max(high[0, rows].max(), left + 1)
        m, w = rows.stop - first, right - left
        shifted, test, all_in = offsets[:m, :w], inside[:m, :w], both[:m, :w]
        # Unsigned wrap-around makes one comparison of "low <= rank < high".
        np.subtract(position[left:right], start[0, rows, None], out=shifted)
        np.less(shifted, width[0, rows, None], out=all_in)
        for j in range(d - 1):
            np.subtract(ranks[j, left:right], start[j + 1, rows, None], out=shifted)
            np.less(shifted, width[j + 1, rows, None], out=test)
            np.logical_and(all_in, test, out=all_in)
        counts[rows] = np.count_nonzero(all_in, axis=1)
    result = np.empty(n, np.intp)
    result[order] = counts
    return np.maximum(result, 1)
