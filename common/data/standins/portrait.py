"""Paints one schematic face with Pillow: every trait is a shape or a colour of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

_UNIT = 128  # the face is painted on a square of this side, then brought to the picture's size

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Portrait:
    """A person (four numbers in [0, 1]: head shape, skin, hair, eyes) and the traits of one picture."""

    width: int
    height: int
    head: float
    skin: float
    hair: float
    eyes: float
    traits: Mapping[str, bool]
    age: float | None = None
    tinted: bool = False

    def has(self, trait: str) -> bool:
        """Return whether the picture shows a trait."""
        return bool(self.traits.get(trait, False))

    @property
    def lines(self) -> int:
        """Return how many lines the forehead has: by age where it is given, else by Young."""
        if self.age is not None:
            return round(4 * self.age)
        return 0 if self.has("Young") else 3


def paint(portrait: Portrait, mood: np.ndarray) -> Image.Image:
    """Return the picture; mood (3 numbers in [-1, 1]) shifts the face across and down and sets the light."""
    light = 0.9 + 0.15 * float(mood[2])
    backdrop = _lit((90, 120 + int(60 * portrait.eyes), 150), light)
    picture = Image.new("RGB", (_UNIT, _UNIT), backdrop)
    pen = ImageDraw.Draw(picture)
    x, y = 64 + 3 * float(mood[0]), 66 + 3 * float(mood[1])
    wide = 27 + 5 * portrait.head + (4 if portrait.has("Male") else 0)
    skin, hair = _lit(_skin(portrait), light), _lit(_hair(portrait), light)
    _paint_hair(pen, portrait, x, y, wide, hair)
    pen.ellipse((x - wide, y - 38, x + wide, y + 40), fill=skin)
    pen.chord((x - wide - 1, y - 44, x + wide + 1, y + 6), 200, 340, fill=hair)
    for line in range(portrait.lines):
        pen.line((x - 14, y - 25 + 4 * line, x + 14, y - 25 + 4 * line), fill=_lit(skin, 0.75), width=1)
    _paint_eyes(pen, portrait, x, y, hair)
    _paint_middle(pen, portrait, x, y, skin)
    _paint_mouth(pen, portrait, x, y, hair)
    return picture.resize((portrait.width, portrait.height), Image.Resampling.BILINEAR)


def _paint_hair(pen: ImageDraw.ImageDraw, portrait: Portrait, x: float, y: float, wide: float, hair: Colour) -> None:
    end = y + (2 if portrait.has("Male") else 48)
    pen.rounded_rectangle((x - wide - 6, y - 46, x + wide + 6, end), radius=26, fill=hair)
    if portrait.has("Wavy_Hair"):
        for down in np.arange(y - 30, end, 12):
            for side in (-1, 1):
                centre = x + side * (wide + 7)
                pen.ellipse((centre - 7, down - 6, centre + 7, down + 6), fill=hair)


def _paint_eyes(pen: ImageDraw.ImageDraw, portrait: Portrait, x: float, y: float, hair: Colour) -> None:
    apart = 12 + 3 * portrait.eyes
    for side in (-1, 1):
        centre = x + side * apart
        if portrait.has("Heavy_Makeup"):
            pen.ellipse((centre - 9, y - 17, centre + 9, y - 3), fill=(120, 60, 150))
        pen.ellipse((centre - 6, y - 11, centre + 6, y - 3), fill=(245, 245, 245))
        pen.ellipse((centre - 3, y - 10, centre + 3, y - 4), fill=(40, 40, 70))
        brow = 4 if portrait.has("Male") else 2
        pen.line((centre - 8, y - 16, centre + 8, y - 17), fill=_lit(hair, 0.6), width=brow)
        if portrait.has("Eyeglasses"):
            pen.ellipse((centre - 11, y - 17, centre + 11, y + 3), outline=(15, 15, 15), width=3)
    if portrait.has("Eyeglasses"):
        pen.line((x - 3, y - 8, x + 3, y - 8), fill=(15, 15, 15), width=3)


def _paint_middle(pen: ImageDraw.ImageDraw, portrait: Portrait, x: float, y: float, skin: Colour) -> None:
    nose = 8 if portrait.has("Big_Nose") else 4
    pen.polygon([(x, y - 4), (x - nose, y + 11), (x + nose, y + 11)], fill=_lit(skin, 0.8))
    for side in (-1, 1):
        centre = x + side * 19
        if portrait.has("Heavy_Makeup"):
            pen.ellipse((centre - 6, y + 4, centre + 6, y + 12), fill=(215, 110, 110))
        if portrait.has("High_Cheekbones"):
            pen.line((centre - side * 5, y + 11, centre + side * 6, y + 3), fill=_lit(skin, 1.25), width=4)


def _paint_mouth(pen: ImageDraw.ImageDraw, portrait: Portrait, x: float, y: float, hair: Colour) -> None:
    if portrait.has("Mustache"):
        pen.ellipse((x - 13, y + 13, x + 13, y + 19), fill=_lit(hair, 0.7))
    thick = 6 if portrait.has("Big_Lips") else 3
    lips = (190, 30, 50) if portrait.has("Heavy_Makeup") else (150, 80, 80)
    if portrait.has("Smiling"):
        pen.chord((x - 16, y + 5, x + 16, y + 33), 5, 175, fill=(250, 250, 250), outline=lips, width=thick)
    else:
        pen.line((x - 11, y + 24, x + 11, y + 24), fill=lips, width=thick)


def _skin(portrait: Portrait) -> Colour:
    if portrait.tinted:  # groups get evenly spaced tints of no skin, told apart by colour alone
        angle = 2 * np.pi * portrait.skin
        return tuple(int(150 + 55 * np.cos(angle - shift)) for shift in (0.0, 2.1, 4.2))
    return (int(140 + 90 * portrait.skin), int(100 + 85 * portrait.skin), int(80 + 75 * portrait.skin))


def _hair(portrait: Portrait) -> Colour:
    if portrait.has("Blond_Hair"):
        return (225, 195, 95)
    dark = (int(30 + 60 * portrait.hair), int(25 + 35 * portrait.hair), 25)
    grey = portrait.age if portrait.age is not None else (0.0 if portrait.has("Young") else 0.5)
    return tuple(int((1 - grey) * tone + grey * 190) for tone in dark)


def _lit(colour: Colour, light: float) -> Colour:
    return tuple(int(min(255, max(0, light * tone))) for tone in colour)
