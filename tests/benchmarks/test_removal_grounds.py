"""Rows of the shared grounds: three sets that share none, colours that follow the digit for the encoder alone."""

import numpy as np
import pytest
import torch

from benchmarks.removal import grounds
from common.data.sets import ImageSet
from common.results import Origin
from common.workflow.config import ConfigError

P = {"train_rows": 600, "known_rows": 300, "test_rows": 200, "rho": 0.9}


@pytest.fixture(scope="module")
def digits():
    """1,000 + 300 pictures, each with its own row number in its first pixels, ten digits in equal shares."""
    n = 1300
    images = np.zeros((n, 1, 4, 4), np.uint8)
    images[:, 0, 0, 0] = 255
    splits = {"train": np.arange(1000), "test": np.arange(1000, n)}
    origin = Origin(name="mnist", kind="stand-in", sha256="0" * 64)
    return ImageSet(origin, "", images, {"digit": np.arange(n) % 10}, {"digit": tuple("0123456789")}, splits)


def test_parts_share_no_row():
    rows = grounds.split(np.arange(1000), np.arange(1000, 1300), P, "x", 0)
    assert [len(rows[name]) for name in ("train", "known", "test")] == [600, 300, 200]
    assert len(np.unique(np.concatenate(list(rows.values())))) == 1100
    assert rows["test"].min() >= 1000 > rows["train"].max()
    other = grounds.split(np.arange(1000), np.arange(1000, 1300), P, "x", 1)
    assert not np.array_equal(rows["train"], other["train"]), "a seed draws its own rows"


def test_too_few_rows_are_one_line():
    with pytest.raises(ConfigError, match=r"train_rows 600 \+ known_rows 300, test_rows 200: the set has 800 rows"):
        grounds.split(np.arange(800), np.arange(300), P, "x", 0)


def test_colour_follows_the_digit_for_the_encoder_alone(digits):
    ground = grounds._biased_mnist(digits, P, 0)
    own = {name: float((part["y"] == part["s"]).double().mean()) for name, part in ground.parts.items()}
    assert own["train"] == pytest.approx(0.9, abs=0.01)
    for name, rows in (("known", 300), ("test", 200)):
        assert own[name] == pytest.approx(0.1, abs=5 * (0.09 / rows) ** 0.5)
    x = ground.parts["known"]["x"]
    assert x.shape == (300, 3, 4, 4)
    assert x.dtype == torch.uint8
    assert float(ground.unit({"x": x})["x"].max()) == 1.0


@pytest.mark.parametrize(("train_rows", "subset"), [(600, True), (700, False)])
def test_rows_that_are_left_out_make_a_subset(digits, train_rows, subset):
    ground = grounds._biased_mnist(digits, P | {"train_rows": train_rows, "test_rows": 300}, 0)
    assert ground.origin.subset is subset


def test_nobody_who_is_judged_was_learnt_on():
    """Valid and test rows of the faces together are judged on; their people are none of the training rows'."""
    n = 1300
    splits = {"train": np.arange(1000), "valid": np.arange(1000, 1150), "test": np.arange(1150, n)}
    labels = {grounds.SMILING: np.arange(n) % 2, grounds.MALE: np.arange(n) // 2 % 2}
    images = np.broadcast_to(np.arange(n, dtype=np.int64)[:, None, None, None] // 256, (n, 3, 2, 2)).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(n) % 256
    origin = Origin(name="celeba-10k", kind="stand-in", sha256="0" * 64)
    faces = ImageSet(origin, "", images, labels, {}, splits)
    ground = grounds._celeba(faces, {**P, "test_rows": 300}, 0)
    for name, part in ground.parts.items():
        row = part["x"][:, 1, 0, 0].long() * 256 + part["x"][:, 0, 0, 0].long()
        assert bool((row >= 1000).all() if name == "test" else (row < 1000).all())
        assert torch.equal(part["y"], row % 2)
        assert torch.equal(part["s"], row // 2 % 2)
