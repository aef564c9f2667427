"""Framing: nothing moves without a wish, a square is centred, a size is reached."""

import numpy as np
import pytest
from PIL import Image

from common.data.framing import Framing

IMAGES = np.arange(2 * 3 * 4 * 6, dtype=np.uint8).reshape(2, 3, 4, 6)


def test_without_a_wish_pixels_stay():
    assert Framing().apply_all(IMAGES) is IMAGES
    picture = Image.fromarray(np.ascontiguousarray(IMAGES[0].transpose(1, 2, 0)))
    assert np.array_equal(Framing().apply(picture), IMAGES[0])


def test_square_is_the_centred_one():
    assert np.array_equal(Framing(square=True).apply_all(IMAGES), IMAGES[:, :, :, 1:5])


def test_size_without_square_squashes():
    flat = np.full((1, 3, 4, 6), 9, np.uint8)
    assert np.array_equal(Framing(size=8).apply_all(flat), np.full((1, 3, 8, 8), 9))


def test_grey_stays_grey():
    assert Framing(size=5).apply_all(np.zeros((2, 1, 28, 28), np.uint8)).shape == (2, 1, 5, 5)


def test_shrinking_is_antialiased():
    stripes = np.zeros((1, 1, 8, 8), np.uint8)
    stripes[..., ::2] = 200
    inner = Framing(size=4).apply_all(stripes)[0, 0, :, 1:-1]
    assert ((inner > 60) & (inner < 140)).all()


def test_every_framing_has_its_own_tag():
    every = [Framing(), Framing(32), Framing(32, square=True), Framing(square=True)]
    assert len({framing.tag for framing in every}) == 4


def test_no_pixels_are_refused():
    with pytest.raises(ValueError, match="at least one pixel"):
        Framing(size=0)
