"""STL-10: labelled pictures in ten classes (Coates, Ng & Lee, 2011).

The whole set (5,000 + 8,000 labelled, 96x96) comes as the official binary files or the archive that holds them; the
subset is the train split at 32x32, cut at random, class by class, into train and test.
"""

import numpy as np
from numpy.typing import NDArray

from common.data.archives import read_tar_members
from common.data.caching import Sink
from common.data.decoded import consecutive_splits, read_strips, store_labels
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.framing import Framing
from common.data.splits import split_stratified

CLASSES = {"class": ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")}
_FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
_ARCHIVE = "stl10_binary.tar.gz"
SUBSET_SHARES = {"train": 0.8, "test": 0.2}


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store images (n, 3, 96, 96) or (n, 3, 32, 32), the class of each from 0, and a split.

    Raises DataError where images and labels do not belong together.
    """
    if found.layout == "strips":
        images = read_strips(found.files["train_32x32.webp.zip"])
        labels = _labels(found.files["train_y.bin"].read_bytes())
        splits = split_stratified(labels, SUBSET_SHARES, seed=0)
    else:
        blobs = _blobs(found)
        parts = {split: _pixels(blobs[f"{split}_X.bin"]) for split in ("train", "test")}
        images = np.concatenate(list(parts.values()))
        labels = np.concatenate([_labels(blobs[f"{split}_y.bin"]) for split in parts])
        splits = consecutive_splits({split: len(part) for split, part in parts.items()})
    if len(images) != len(labels):
        raise DataError(f"{found.name}: {len(images)} images and {len(labels)} labels do not belong together")
    sink.put("images", framing.apply_all(images))
    store_labels(sink, labels, splits)


def _blobs(found: Located) -> dict[str, bytes]:
    if found.layout == "files":
        return {name: found.files[name].read_bytes() for name in _FILES}
    members = read_tar_members(found.files[_ARCHIVE], [f"stl10_binary/{name}" for name in _FILES])
    return {name.rpartition("/")[2]: content for name, content in members.items()}


def _pixels(content: bytes) -> NDArray[np.uint8]:
    """Return images (n, 3, 96, 96); the file lists each colour plane column by column."""
    return np.frombuffer(content, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)


def _labels(content: bytes) -> NDArray[np.int64]:
    """Return classes from 0 of a file of bytes that counts from 1."""
    labels = np.frombuffer(content, np.uint8).astype(np.int64) - 1
    if labels.min() < 0 or labels.max() > 9:
        raise DataError("stl10: a label lies outside 1..10; fetch the label file again")
    return labels
