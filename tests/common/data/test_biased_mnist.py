"""Biased-MNIST against its published table (IRENE sheet, sections 2a and 4)."""

import math

import pytest
import torch

from common.data.biased_mnist import PALETTE, assign_colours, colour_images

RHOS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
IDEAL = (0.0, 0.1537, 0.5108, 1.0326, 1.7578, 1.9942, 2.2246)
MEASURED = (0.0000, 0.1535, 0.5104, 1.0317, 1.7563, 1.9925, 2.2228)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def table(digits, colours):
    return torch.bincount(digits * 10 + colours, minlength=100).view(10, 10)


def information(counts):
    joint = counts.double() / counts.sum()
    product = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return float(torch.xlogy(joint, joint / product).sum())


@pytest.fixture(scope="module")
def balanced():
    return torch.arange(10).repeat(6000)[torch.randperm(60_000, generator=seeded(9))]


def test_palette_is_the_released_one():
    assert PALETTE[3] == (225, 225, 0)
    assert PALETTE[4] == (225, 0, 225)
    assert PALETTE[9] == (128, 128, 128)
    assert len(set(PALETTE)) == 10


@pytest.mark.parametrize(
    ("rho", "nats"), [(0.0, math.log(10 / 9)), *zip(RHOS, IDEAL, strict=True), (1.0, math.log(10))]
)
def test_table_of_counts_is_fixed_by_rho(balanced, rho, nats):
    counts = table(balanced, assign_colours(balanced, rho, seeded()))
    own = int(6000 * rho)
    block = math.ceil((6000 - own) / 9)
    assert counts.diagonal().tolist() == [own] * 10
    for digit in range(10):
        others = sorted(torch.cat([counts[digit, :digit], counts[digit, digit + 1 :]]).tolist(), reverse=True)
        assert others == sorted([min(block, max(0, 6000 - own - k * block)) for k in range(9)], reverse=True)
    assert information(counts) == pytest.approx(nats, abs=2.5e-4)


@pytest.mark.parametrize(("rho", "nats"), list(zip(RHOS, MEASURED, strict=True)))
def test_information_on_the_real_training_labels(real, rho, nats):
    mnist = real("mnist")
    digits = torch.from_numpy(mnist.labels["digit"][mnist.splits["train"]])
    counts = table(digits, assign_colours(digits, rho, seeded()))
    assert information(counts) == pytest.approx(nats, abs=1e-4)
    assert counts.diagonal().sum() / len(digits) == pytest.approx(rho, abs=1e-3)


def test_test_colouring_is_all_but_independent(real):
    mnist = real("mnist")
    digits = torch.from_numpy(mnist.labels["digit"][mnist.splits["test"]])
    counts = table(digits, assign_colours(digits, 0.1, seeded()))
    shares = counts.sum(0) / len(digits)
    assert information(counts) == pytest.approx(8e-5, abs=5e-5)
    assert 0.0985 < shares.min() <= shares.max() < 0.1010


def test_seed_decides_which_image_and_nothing_else(balanced):
    one, again = (assign_colours(balanced, 0.9, seeded(1)) for _ in range(2))
    other = assign_colours(balanced, 0.9, seeded(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(table(balanced, one).diagonal(), table(balanced, other).diagonal())


def test_few_images_and_an_absent_digit_are_no_trouble():
    digits = torch.tensor([3, 3, 3, 7])
    assert assign_colours(digits, 1.0, seeded()).tolist() == [3, 3, 3, 7]
    assert (assign_colours(digits, 0.0, seeded()) != digits).all()
    assert assign_colours(digits[:0], 0.5, seeded()).shape == (0,)


def test_colouring_makes_every_grey_white_and_every_zero_the_colour():
    images = torch.tensor([[[0, 1], [128, 255]], [[0, 0], [0, 2]]], dtype=torch.uint8)
    coloured = colour_images(images, torch.tensor([3, 9]))
    assert coloured.dtype == torch.uint8
    assert coloured.shape == (2, 3, 2, 2)
    assert coloured[0, :, 0, 0].tolist() == [225, 225, 0]
    assert coloured[0, :, 0, 1].tolist() == [255, 255, 255]
    assert coloured[1, :, 0, 0].tolist() == [128, 128, 128]
    assert coloured[1, :, 1, 1].tolist() == [255, 255, 255]
    assert torch.equal(coloured, colour_images(images.unsqueeze(1), torch.tensor([3, 9])))


@pytest.mark.parametrize(
    "call",
    [
        lambda: assign_colours(torch.tensor([1]), 1.1, seeded()),
        lambda: assign_colours(torch.tensor([10]), 0.5, seeded()),
        lambda: assign_colours(torch.tensor([[1]]), 0.5, seeded()),
        lambda: colour_images(torch.zeros(2, 4, 4, dtype=torch.uint8), torch.tensor([1])),
        lambda: colour_images(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([1, 2])),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match=r"rho|digits|grey image"):
        call()
