"""What a loader returns: images or a table, with labels, splits and the origin that a record carries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from common.results.schema import Origin

if TYPE_CHECKING:
    import pandas as pd  # 0.4 s, which a job on images need not pay


class ImageArray(Protocol):
    """What images offer: the shape (n, c, h, w), and uint8 rows by index, slice or index array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (n, c, h, w)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: int | slice | NDArray) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class ImageSet:
    """Images (n, c, h, w) uint8 with named integer labels (n,), class names, groups and splits.

    ``groups`` (n,) names what must not be shared between splits (a person), where there is such a thing. Arrays are
    memory-mapped and read-only; ``splits`` maps a split to its row numbers.
    """

    origin: Origin
    message: str
    images: ImageArray
    labels: Mapping[str, NDArray[np.int64]]
    classes: Mapping[str, tuple[str, ...]]
    splits: Mapping[str, NDArray[np.int64]]
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def part(self, split: str) -> "ImageSet":
        """Return the rows of one split as a set of its own, images in memory."""
        rows = _rows(self.splits, split)
        return replace(
            self,
            images=self.images[rows],
            labels={name: values[rows] for name, values in self.labels.items()},
            splits={split: np.arange(len(rows))},
            groups=None if self.groups is None else self.groups[rows],
        )


@dataclass(frozen=True)
class TableSet:
    """A table with its real columns: the target's name, the sensitive columns' names, and splits by row number."""

    origin: Origin
    message: str
    frame: "pd.DataFrame"
    target: str
    sensitive: tuple[str, ...]
    splits: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.frame)

    def part(self, split: str) -> "TableSet":
        """Return the rows of one split as a table of its own, numbered from 0."""
        rows = _rows(self.splits, split)
        frame = self.frame.iloc[rows].reset_index(drop=True)
        return replace(self, frame=frame, splits={split: np.arange(len(rows))})


def _rows(splits: Mapping[str, NDArray[np.int64]], split: str) -> NDArray[np.int64]:
    if split not in splits:
        raise KeyError(f"no split {split!r}; this set has {', '.join(splits)}")
    return splits[split]


def label_columns(matrix: NDArray, names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Return the columns of a label matrix (n, k) by name, as int64."""
    return {name: matrix[:, k].astype(np.int64) for k, name in enumerate(names)}
