"""Drawn objects in ten classes, 32x32 RGB, in place of CIFAR-10 and STL-10; a shared class has a shared outline."""

import numpy as np
from PIL import Image, ImageDraw

from common.data.caching import Sink
from common.data.decoded import store_labels
from common.data.framing import Framing
from common.data.splits import split_stratified

PER_CLASS = 300
SHARES = {"train": 0.8, "test": 0.2}
_SIDE = 64  # drawn twice as large, then halved: soft edges

# Outlines on [-1, 1]^2, y downwards: ("p", points) a polygon, ("e", x, y, rx, ry) an ellipse
OUTLINES: dict[str, tuple[tuple, ...]] = {
    "airplane": (
        ("p", (-0.9, 0.0), (0.7, -0.12), (0.9, 0.0), (0.7, 0.12)),
        ("p", (0.1, 0), (-0.4, -0.8), (-0.1, -0.8), (0.4, 0), (-0.1, 0.8), (-0.4, 0.8)),
    ),
    "car": (
        ("p", (-0.9, 0.3), (-0.9, 0), (-0.5, -0.1), (-0.3, -0.45), (0.4, -0.45), (0.6, -0.1), (0.9, 0), (0.9, 0.3)),
        ("e", -0.5, 0.35, 0.2, 0.2),
        ("e", 0.5, 0.35, 0.2, 0.2),
    ),
    "bird": (
        ("p", (-0.95, -0.5), (-0.4, -0.3), (0, 0.1), (0.4, -0.3), (0.95, -0.5), (0.4, 0.1), (0, 0.35), (-0.4, 0.1)),
    ),
    "cat": (
        ("e", 0, 0.15, 0.6, 0.55),
        ("p", (-0.6, 0), (-0.6, -0.8), (-0.1, -0.35)),
        ("p", (0.6, 0), (0.6, -0.8), (0.1, -0.35)),
    ),
    "deer": (
        ("e", 0, 0.45, 0.35, 0.45),
        ("p", (-0.1, 0.1), (-0.6, -0.9), (-0.45, -0.9), (-0.3, -0.5), (-0.1, -0.8), (-0.15, -0.3), (0.05, 0.1)),
        ("p", (0.1, 0.1), (0.6, -0.9), (0.45, -0.9), (0.3, -0.5), (0.1, -0.8), (0.15, -0.3), (-0.05, 0.1)),
    ),
    "dog": (("e", 0, 0, 0.5, 0.6), ("e", -0.6, 0.1, 0.18, 0.5), ("e", 0.6, 0.1, 0.18, 0.5), ("e", 0, 0.5, 0.25, 0.3)),
    "frog": (("e", 0, 0.3, 0.9, 0.45), ("e", -0.45, -0.25, 0.22, 0.22), ("e", 0.45, -0.25, 0.22, 0.22)),
    "monkey": (("e", 0, 0, 0.55, 0.6), ("e", -0.75, 0, 0.25, 0.25), ("e", 0.75, 0, 0.25, 0.25)),
    "horse": (
        ("p", (-0.8, -0.1), (0.4, -0.1), (0.65, -0.8), (0.95, -0.6), (0.75, -0.4), (0.6, 0.3), (-0.8, 0.3)),
        ("p", (-0.8, 0.2), (-0.6, 0.2), (-0.65, 0.9), (-0.8, 0.9)),
        ("p", (0.35, 0.2), (0.58, 0.2), (0.55, 0.9), (0.4, 0.9)),
    ),
    "ship": (
        ("p", (-0.9, 0.2), (0.9, 0.2), (0.6, 0.7), (-0.6, 0.7)),
        ("p", (-0.05, 0.15), (-0.05, -0.9), (0.65, 0.1)),
    ),
    "truck": (
        ("p", (-0.95, -0.6), (0.3, -0.6), (0.3, 0.3), (-0.95, 0.3)),
        ("p", (0.35, -0.2), (0.75, -0.2), (0.95, 0.1), (0.95, 0.3), (0.35, 0.3)),
        ("e", -0.6, 0.4, 0.2, 0.2),
        ("e", 0.6, 0.4, 0.2, 0.2),
    ),
}
_SAME = {"automobile": "car"}


def draw(sink: Sink, framing: Framing, classes: tuple[str, ...], seed: int) -> None:
    """Store images (10 x 300, 3, 32, 32) and their class; the seed sets the look, so that two sets differ in it."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(classes)), PER_CLASS)
    pictures = [draw_object(classes[label], generator) for label in labels]
    images = np.stack([np.asarray(picture).transpose(2, 0, 1) for picture in pictures])
    sink.put("images", framing.apply_all(images))
    store_labels(sink, labels, split_stratified(labels, SHARES, seed=0))


def draw_object(name: str, generator: np.random.Generator) -> Image.Image:
    """Return one 32x32 picture of an object: random place, size, tilt and colours over a soft background."""
    backdrop = generator.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    picture = Image.fromarray(backdrop).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    tilt, size = generator.uniform(-0.3, 0.3), generator.uniform(18, 27)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    centre = _SIDE / 2 + generator.uniform(-4, 4, 2)
    # far in brightness from the middle of the backdrop, so that every object can be seen
    middle = backdrop[1, 1].mean()
    colour = generator.integers(0, 70, 3) + (185 if middle < 128 else 0)
    for kind, *parts in OUTLINES[_SAME.get(name, name)]:
        if kind == "e":
            x, y, across, down = parts
            angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
            points = np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)
        else:
            points = np.asarray(parts, dtype=float)
        corners = points @ turn * size + centre
        pen.polygon([tuple(corner) for corner in corners.tolist()], fill=tuple(colour.tolist()))
    return picture.resize((_SIDE // 2, _SIDE // 2), Image.Resampling.BOX)
