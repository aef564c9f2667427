"""MNIST: 60,000 + 10,000 handwritten digits, 28x28 grey (LeCun et al., 1998)."""

import numpy as np

from common.data.caching import Sink
from common.data.decoded import consecutive_splits, store_labels
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.framing import Framing
from common.data.idx import read_idx

CLASSES = {"digit": tuple("0123456789")}


def decode(found: Located, sink: Sink, framing: Framing) -> None:
    """Store images (n, 1, 28, 28), the digit of each, and the official split.

    Raises DataError where images and labels do not belong together.
    """
    images, labels, sizes = [], [], {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        pixels = read_idx(found.files[f"{prefix}-images-idx3-ubyte.gz"])
        digits = read_idx(found.files[f"{prefix}-labels-idx1-ubyte.gz"])
        if pixels.ndim != 3 or digits.shape != pixels.shape[:1] or digits.max() > 9:
            raise DataError(f"{found.name}: the {split} images and labels do not belong together")
        sizes[split] = len(pixels)
        images.append(pixels[:, None])
        labels.append(digits)
    sink.put("images", framing.apply_all(np.concatenate(images)))
    store_labels(sink, np.concatenate(labels), consecutive_splits(sizes))
