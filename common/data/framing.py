"""Brings images to a size while they are decoded, so that a cache of a large set holds no pixel too many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Framing:
    """How an image is framed: optionally its largest centred square, then optionally size x size pixels.

    Resizing is Pillow's bilinear filter, antialiased when it shrinks; without a size pixels stay as they are.
    """

    size: int | None = None
    square: bool = False

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(f"an image has at least one pixel a side; got size {self.size}")

    @property
    def tag(self) -> str:
        """Return a short name of this framing for the cache."""
        return f"{'square' if self.square else 'whole'}-{self.size or 'native'}"

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return the framed image as (c, h, w)."""
        if self.square:
            width, height = image.size
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            image = image.crop((left, top, left + side, top + side))
        if self.size is not None and image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(image, dtype=np.uint8)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def apply_all(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return decoded images (n, c, h, w) framed one by one; themselves where nothing changes."""
        height, width = images.shape[2:]
        if (
            (not self.square or height == width)
            and self.size in (None, height)
            and (self.size is None or height == width)
        ):
            return images
        return np.stack([self.apply(_picture(image)) for image in images])


def _picture(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
