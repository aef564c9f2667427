"""MNIST-M: MNIST digits blended over photographs, 32x32 RGB (Ganin & Lempitsky, 2015, arXiv 1409.7495).

The subset of 8,000 comes as strips of lossless pictures, the whole set as the released archive of PNG files.
"""

import numpy as np
from numpy.typing import NDArray

from common.data.archives import read_tar_members
from common.data.caching import Sink
from common.data.decoded import consecutive_splits, read_strips, store_labels, store_pictures
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.framing import Framing

CLASSES = {"digit": tuple("0123456789")}
_SPLITS = ("train", "test")
_ARCHIVE = "mnist_m.tar.gz"


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store images (n, 3, 32, 32), the digit of each, and the released split.

    Raises DataError where images and label lists do not belong together.
    """
    if found.layout == "archive":
        lists = [f"mnist_m/mnist_m_{split}_labels.txt" for split in _SPLITS]
        texts = read_tar_members(found.files[_ARCHIVE], lists)
        rows = {split: _parse(texts[name].decode(), name) for split, name in zip(_SPLITS, lists, strict=True)}
        paths = [f"mnist_m/mnist_m_{split}/{name}" for split in _SPLITS for name in rows[split][0]]
        pictures = read_tar_members(found.files[_ARCHIVE], paths)
        store_pictures(sink, framing, len(paths), ((path, pictures[path]) for path in paths))
    else:
        texts = {split: found.files[f"mnist_m_{split}_labels.txt"].read_text() for split in _SPLITS}
        rows = {split: _parse(text, f"mnist_m_{split}_labels.txt") for split, text in texts.items()}
        images = [read_strips(found.files[f"mnist_m_{split}.webp.zip"]) for split in _SPLITS]
        if [len(part) for part in images] != [len(rows[split][0]) for split in _SPLITS]:
            raise DataError(f"{found.name}: the images and the label lists do not have the same length")
        sink.put("images", framing.apply_all(np.concatenate(images)))
    sizes = {split: len(rows[split][1]) for split in _SPLITS}
    store_labels(sink, np.concatenate([rows[split][1] for split in _SPLITS]), consecutive_splits(sizes))


def _parse(text: str, where: str) -> tuple[list[str], NDArray[np.int64]]:
    """Return the file names and digits of a label list, one ``name digit`` a line."""
    words = text.split()
    if len(words) % 2 or not words:
        raise DataError(f"{where}: not a list of file names and digits; fetch it again")
    return words[::2], np.asarray(words[1::2], dtype=np.int64)
