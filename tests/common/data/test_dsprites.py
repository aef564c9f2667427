"""dSprites by its recipe: the grid of factors, and facts about pixels that the recipe fixes."""

import numpy as np
import pytest

from common.data import dsprites as d


def picture(shape=0, scale=5, orientation=0, x=16, y=16):
    return d.draw([0, shape, scale, orientation, x, y])[0]


def test_grid_is_the_published_one():
    assert d.COUNT == 737_280
    assert d.factors_of([0])[0].tolist() == [0, 0, 0, 0, 0, 0]
    assert d.factors_of([1])[0].tolist() == [0, 0, 0, 0, 0, 1]  # the last factor varies fastest
    assert d.factors_of([32])[0].tolist() == [0, 0, 0, 0, 1, 0]
    assert d.factors_of([d.COUNT - 1])[0].tolist() == [0, 2, 5, 39, 31, 31]
    assert d.SCALES.tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert (d.ORIENTATIONS[0], d.ORIENTATIONS[-1]) == (0.0, pytest.approx(2 * np.pi))


def test_every_factor_value_occurs_equally_often():
    factors = d.factors_of(np.arange(d.COUNT))
    for k, size in enumerate(d.SIZES):
        assert np.bincount(factors[:, k]).tolist() == [d.COUNT // size] * size
    assert len(np.unique(factors, axis=0)) == d.COUNT
    assert (factors[:, 2] >= 3).sum() == 368_640  # the images with the three largest scales


def test_images_are_binary_and_whole():
    images = d.draw(d.factors_of(np.arange(0, d.COUNT, 997)))
    assert images.shape[1:] == (64, 64)
    assert set(np.unique(images)) == {0, 1}
    border = np.concatenate([images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()])
    assert not border.any()  # no sprite touches the edge, so none is cut


def test_share_of_white_pixels_is_that_of_the_released_file():
    # every position shows the same mask, so that the masks alone give the share over all 737,280 images
    share = d.masks().sum() / (d.masks().shape[0] * 6 * 40 * 64 * 64)
    assert share == pytest.approx(0.0424944, rel=2e-3)


def test_area_goes_with_the_square_of_the_scale_whatever_the_shape():
    areas = d.masks().sum((3, 4)).mean(2)
    assert np.allclose(areas, areas[:, -1:] * d.SCALES**2, rtol=0.02)
    assert np.allclose(areas[:, -1], areas[0, -1], rtol=0.02)


def test_a_step_of_position_is_one_pixel():
    home = picture(shape=2, x=10, y=10)
    assert np.array_equal(picture(shape=2, x=11, y=10), np.roll(home, 1, axis=1))
    assert np.array_equal(picture(shape=2, x=10, y=13), np.roll(home, 3, axis=0))


def test_square_upright_is_a_square_about_its_centre():
    image = picture(shape=0)
    rows, columns = np.nonzero(image)
    assert image.sum() == 17 * 17
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 40, 24, 40)


def test_ellipse_is_twice_as_wide_as_high():
    rows, columns = np.nonzero(picture(shape=1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (13, 27)


def test_heart_is_mirror_symmetric_with_its_tip_below():
    image = picture(shape=2)[:, 16:49]
    assert np.array_equal(image, image[:, ::-1])
    assert image[np.nonzero(image)[0].max()].sum() == 1
    assert image[np.nonzero(image)[0].min(), 16] == 0  # two lobes with a dent between them


def test_first_and_last_orientation_coincide_and_opposite_ones_mirror():
    for shape in range(3):
        assert np.array_equal(picture(shape, orientation=0), picture(shape, orientation=39))
        mirrored = np.roll(picture(shape, orientation=34)[:, ::-1], 1, axis=1)  # about pixel 32, the centre here
        assert np.array_equal(picture(shape, orientation=5), mirrored)


@pytest.mark.parametrize("rows", [5, slice(100, 130), np.array([7, 700_000, 3])])
def test_drawn_and_packed_images_behave_alike(rows):
    drawn = d.DrawnImages()
    subset = np.arange(200)
    packed = d.PackedImages(d.pack(drawn[subset][:, 0]))
    assert drawn.shape == (737_280, 1, 64, 64)
    assert drawn[rows].shape[-3:] == (1, 64, 64)
    if not isinstance(rows, np.ndarray):
        assert np.array_equal(drawn[rows], packed[rows])
    assert packed[np.array([3, 1])].tolist() == drawn[np.array([3, 1])].tolist()


@pytest.mark.parametrize("factors", [[0, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, -1], [0, 0, 0]])
def test_factors_off_the_grid_are_refused(factors):
    with pytest.raises(ValueError, match="indices below"):
        d.draw(factors)
