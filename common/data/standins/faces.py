"""Drawn faces whose attributes can be seen, in place of CelebA, FairFace and CMU-PIE.

A person is a head shape, a skin tone and a hair colour; the attributes of a picture are drawn on top. Their rates given
Male are of the order of those in CelebA, so that the private attribute leaks as it does there; Attractive alone is no
feature of its own but a chance that depends on the others.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.data.caching import Sink
from common.data.decoded import consecutive_splits, store_labels
from common.data.framing import Framing
from common.data.readers import fairface
from common.data.splits import split_by_group
from common.data.standins.portrait import Portrait, paint

ATTRIBUTES = (
    *("Attractive", "Big_Lips", "Big_Nose", "Blond_Hair", "Eyeglasses", "Heavy_Makeup", "High_Cheekbones"),
    *("Male", "Mustache", "Smiling", "Wavy_Hair", "Young"),
)
CELEB_CLASSES = dict.fromkeys(ATTRIBUTES, ("no", "yes"))
FAIR_CLASSES = fairface.CLASSES
POSED_CLASSES = {"expression": ("neutral", "smile")}
_PEOPLE, _PICTURES_EACH = 400, 5
_POSED_PEOPLE, _POSED_EACH = 68, 24
_FAIR = {"train": 1600, "val": 400}
_RATES = {  # P(attribute | not Male), P(attribute | Male)
    "Big_Lips": (0.30, 0.15),
    "Big_Nose": (0.10, 0.42),
    "Blond_Hair": (0.24, 0.03),
    "Eyeglasses": (0.03, 0.12),
    "Heavy_Makeup": (0.64, 0.01),
    "Mustache": (0.0, 0.10),
    "Smiling": (0.54, 0.40),
    "Wavy_Hair": (0.45, 0.14),
    "Young": (0.88, 0.64),
}


def draw_celebs(sink: Sink, framing: Framing) -> None:
    """Store images (2000, 3, 109, 89), twelve attributes, the person of each, and a split by person."""
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(_PEOPLE), _PICTURES_EACH)
    table = _attributes(people, generator)
    looks = generator.random((_PEOPLE, 4))

    def portrait(row: int) -> Portrait:
        traits = {name: bool(table[name][row]) for name in ATTRIBUTES}
        return Portrait(89, 109, *looks[people[row]], traits=traits)

    _store(sink, framing, len(people), portrait, generator)
    shares = {"train": 0.8, "valid": 0.1, "test": 0.1}
    labels = np.stack([table[name] for name in ATTRIBUTES], axis=1)
    store_labels(sink, labels, split_by_group(people, shares, seed=0), people)


def draw_fair(sink: Sink, framing: Framing) -> None:
    """Store images (2000, 3, 80, 80) with an age (lines, grey hair), a gender and a group (a tint of the face)."""
    generator = np.random.default_rng(1)
    count = sum(_FAIR.values())
    sizes = [len(names) for names in FAIR_CLASSES.values()]
    labels = np.stack([generator.integers(0, size, count) for size in sizes], axis=1)
    looks = generator.random((count, 4))

    def portrait(row: int) -> Portrait:
        age, gender, group = labels[row]
        head, _, hair, eyes = looks[row]
        traits = {"Male": gender == 0, "Smiling": bool(head > 0.5), "Wavy_Hair": bool(hair > 0.6)}
        return Portrait(80, 80, head, group / sizes[2], hair, eyes, traits, age=age / sizes[0], tinted=True)

    _store(sink, framing, count, portrait, generator)
    store_labels(sink, labels, consecutive_splits(_FAIR))


def draw_posed(sink: Sink, framing: Framing) -> None:
    """Store images (1632, 3, 64, 64) of 68 people, neutral or smiling, under changing light and place."""
    generator = np.random.default_rng(2)
    people = np.repeat(np.arange(_POSED_PEOPLE), _POSED_EACH)
    smiles = generator.integers(0, 2, len(people))
    looks = generator.random((_POSED_PEOPLE, 4))

    def portrait(row: int) -> Portrait:
        traits = {"Male": bool(people[row] % 2), "Smiling": bool(smiles[row])}
        return Portrait(64, 64, *looks[people[row]], traits=traits)

    _store(sink, framing, len(people), portrait, generator)
    shares = {"train": 0.64, "valid": 0.16, "test": 0.2}
    store_labels(sink, smiles, split_by_group(people, shares, seed=0), people)


def _attributes(people: NDArray, generator: np.random.Generator) -> Mapping[str, NDArray[np.int64]]:
    """Draw the twelve attributes of every picture; Male and Young belong to the person."""
    male = (generator.random(_PEOPLE) < 0.42)[people]
    table = {"Male": male}
    for name, (without, with_male) in _RATES.items():
        draw = generator.random(_PEOPLE)[people] if name == "Young" else generator.random(len(people))
        table[name] = draw < np.where(male, with_male, without)
    table["High_Cheekbones"] = generator.random(len(people)) < np.where(table["Smiling"], 0.75, 0.2)
    odds = 0.25 + 0.3 * table["Young"] + 0.25 * table["Heavy_Makeup"] - 0.2 * table["Big_Nose"]
    table["Attractive"] = generator.random(len(people)) < odds
    return {name: values.astype(np.int64) for name, values in table.items()}


def _store(
    sink: Sink,
    framing: Framing,
    count: int,
    portrait: Callable[[int], Portrait],
    generator: np.random.Generator,
) -> None:
    """Paint and store one picture a row; place, light and noise change from picture to picture."""
    images: NDArray | None = None
    for row in range(count):
        painted = paint(portrait(row), generator.uniform(-1, 1, 3))
        noisy = np.asarray(painted, np.float32) + generator.normal(0, 4, (painted.height, painted.width, 3))
        pixels = framing.apply(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))
        if images is None:
            images = sink.create("images", (count, *pixels.shape), np.uint8)
        images[row] = pixels
