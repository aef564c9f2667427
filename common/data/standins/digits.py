"""Handwritten digits that ship with scikit-learn (1,797 of 8x8), enlarged in place of MNIST and, coloured, MNIST-M."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.data.caching import Sink
from common.data.decoded import store_labels
from common.data.framing import Framing
from common.data.splits import split_stratified

CLASSES = {"digit": tuple("0123456789")}
SHARES = {"train": 0.8, "test": 0.2}
_STROKE = 48  # fainter grey of the enlarged picture is its blur: MNIST's background is exactly 0


def draw_grey(sink: Sink, framing: Framing) -> None:
    """Store images (1797, 1, 28, 28) that, like MNIST, hold the digit in the 20x20 pixels of the middle."""
    pixels, digits = _enlarged(canvas=28)
    sink.put("images", framing.apply_all(pixels[:, None]))
    store_labels(sink, digits, split_stratified(digits, SHARES, seed=0))


def draw_coloured(sink: Sink, framing: Framing) -> None:
    """Store images (1797, 3, 32, 32): |background - digit| over a smooth random pattern, as MNIST-M is made."""
    pixels, digits = _enlarged(canvas=32)
    noise = np.random.default_rng(0).integers(0, 256, (len(pixels), 5, 5, 3), dtype=np.uint8)
    smooth = [Image.fromarray(n).resize((32, 32), Image.Resampling.BICUBIC) for n in noise]
    background = np.stack([np.asarray(picture) for picture in smooth]).astype(np.int16)
    blended = np.abs(background - pixels[..., None].astype(np.int16)).astype(np.uint8)
    sink.put("images", framing.apply_all(np.ascontiguousarray(blended.transpose(0, 3, 1, 2))))
    store_labels(sink, digits, split_stratified(digits, SHARES, seed=0))


def _enlarged(canvas: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pictures (n, canvas, canvas) and their digits."""
    from sklearn.datasets import load_digits  # slow to import, and needed for a stand-in alone

    bundle = load_digits()
    small = np.rint(bundle.images * (255 / 16)).astype(np.uint8)
    big = np.stack([np.asarray(Image.fromarray(s).resize((20, 20), Image.Resampling.BICUBIC)) for s in small])
    big = np.where(big < _STROKE, 0, big).astype(np.uint8)
    edge = (canvas - 20) // 2
    pixels = np.zeros((len(big), canvas, canvas), np.uint8)
    pixels[:, edge : edge + 20, edge : edge + 20] = big
    return pixels, bundle.target.astype(np.int64)
