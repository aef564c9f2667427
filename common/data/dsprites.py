"""dSprites, drawn by its published recipe: one image for each combination of six factors (Matthey et al., 2017).

Factors, in the order of the grid (the last varies fastest): colour (white), shape (square, ellipse, heart), scale (6
values, 0.5 to 1), orientation (40 values, 0 to 2π, so that the first and the last coincide), and positions x and y
(32 values each). The recipe prints neither the size of a shape nor the step of a position. Here a step is one pixel,
the centre of the grid is the centre of the image, and all shapes have the same area, chosen so that a pixel is on with
the probability found in the released file, 0.0425.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

FACTORS = ("colour", "shape", "scale", "orientation", "pos_x", "pos_y")
SIZES = (1, 3, 6, 40, 32, 32)
SHAPES = ("square", "ellipse", "heart")
COUNT = math.prod(SIZES)
SIDE = 64
SCALES = np.linspace(0.5, 1.0, SIZES[2])
ORIENTATIONS = np.linspace(0.0, 2.0 * np.pi, SIZES[3])
ON_SHARE = 0.0424944  # share of white pixels in the released images
_REACH = 16  # a sprite stays within this many pixels of its centre
_AREA = ON_SHARE * SIDE * SIDE / float(np.mean(SCALES**2))  # square pixels at scale 1


def factors_of(rows: ArrayLike) -> NDArray[np.int64]:
    """Return the factor indices (n, 6) of images by their number in the grid."""
    return np.stack(np.unravel_index(np.asarray(rows, dtype=np.int64), SIZES), axis=-1)


def draw(factors: ArrayLike) -> NDArray[np.uint8]:
    """Return images (n, 64, 64) of 0 and 1 for factor indices (n, 6); raises ValueError for others than the grid's."""
    factors = np.atleast_2d(np.asarray(factors, dtype=np.int64))
    if factors.shape[1] != len(SIZES) or (factors < 0).any() or (factors >= SIZES).any():
        raise ValueError(f"factors are (n, 6) indices below {SIZES}")
    sprites = masks()[factors[:, 1], factors[:, 2], factors[:, 3]]
    images = np.zeros((len(factors), SIDE, SIDE), np.uint8)
    patch = np.arange(2 * _REACH + 1)  # the centre of position index k is pixel k + 16
    across, down = factors[:, 4, None] + patch, factors[:, 5, None] + patch
    images[np.arange(len(factors))[:, None, None], down[:, :, None], across[:, None, :]] = sprites
    return images


@cache
def masks() -> NDArray[np.uint8]:
    """Return every sprite about its centre: (shape, scale, orientation, 33, 33) of 0 and 1."""
    grid = np.arange(-_REACH, _REACH + 1, dtype=np.float64)
    down, across = np.meshgrid(grid, grid, indexing="ij")
    cosine, sine = np.cos(ORIENTATIONS)[:, None, None], np.sin(ORIENTATIONS)[:, None, None]
    # a pixel is on where its centre, turned back and shrunk back, lies in the shape
    x, y = cosine * across + sine * down, cosine * down - sine * across
    sprites = [[inside(x / scale, y / scale) for scale in SCALES] for inside in (_square, _ellipse, _heart)]
    drawn = np.asarray(sprites, dtype=np.uint8)
    drawn.setflags(write=False)
    return drawn


def _square(x: NDArray, y: NDArray) -> NDArray[np.bool_]:
    half = math.sqrt(_AREA) / 2
    return (np.abs(x) <= half) & (np.abs(y) <= half)


def _ellipse(x: NDArray, y: NDArray) -> NDArray[np.bool_]:
    """Tell the points of an ellipse twice as long as it is wide."""
    short = math.sqrt(_AREA / (2 * math.pi))
    return (x / (2 * short)) ** 2 + (y / short) ** 2 <= 1


def _heart(x: NDArray, y: NDArray) -> NDArray[np.bool_]:
    """Tell the points of the polygon along a heart curve, by the parity of edges to their right."""
    t = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    across = 16 * np.sin(t) ** 3
    down = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    next_across, next_down = np.roll(across, -1), np.roll(down, -1)
    cross = across * next_down - next_across * down
    area = cross.sum() / 2
    centre = ((down + next_down) * cross).sum() / (6 * area)  # of mass; across it is 0 by symmetry
    size = math.sqrt(_AREA / abs(area))
    inside = np.zeros(x.shape, dtype=bool)
    for x0, y0, x1, y1 in zip(across, down - centre, next_across, next_down - centre, strict=True):
        crosses = (size * y0 > y) != (size * y1 > y)
        if y0 != y1:
            inside ^= crosses & (x < size * x0 + (y - size * y0) * (x1 - x0) / (y1 - y0))
    return inside


class DrawnImages:
    """All 737,280 images as an array (n, 1, 64, 64) that draws the rows it is asked for."""

    shape = (COUNT, 1, SIDE, SIDE)

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, rows: int | slice | NDArray) -> NDArray[np.uint8]:
        chosen = np.arange(COUNT)[rows]
        images = draw(factors_of(np.atleast_1d(chosen)))[:, None]
        return images[0] if np.ndim(chosen) == 0 else images


class PackedImages:
    """Binary images kept eight pixels to a byte: (n, 512) behaves as (n, 1, 64, 64)."""

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        self._packed = packed
        self.shape = (len(packed), 1, SIDE, SIDE)

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, rows: int | slice | NDArray) -> NDArray[np.uint8]:
        bits = np.unpackbits(np.atleast_2d(self._packed[rows]), axis=1)
        images = bits.reshape(-1, 1, SIDE, SIDE)
        return images[0] if np.ndim(rows) == 0 and not isinstance(rows, slice) else images


def pack(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images (n, 64, 64) of 0 and 1 as (n, 512) bytes."""
    return np.packbits(images.reshape(len(images), -1), axis=1)
