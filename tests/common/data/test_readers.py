"""Every reader on the real set where it is at hand, with the counts that the papers' sheets give for it."""

import numpy as np
import pytest

from common.data import Framing
from common.data.readers import celeba


def shares(values, count):
    return np.bincount(values, minlength=count) / len(values)


def test_mnist(real):
    found = real("mnist")
    train, test = (found.labels["digit"][found.splits[split]] for split in ("train", "test"))
    assert (len(train), len(test)) == (60_000, 10_000)
    assert np.bincount(train)[:3].tolist() == [5923, 6742, 5958]
    # shares of the test set: five or more, odd, with a circle
    assert np.mean(test >= 5) == pytest.approx(0.4861, abs=5e-5)
    assert np.mean(test % 2) == pytest.approx(0.5074, abs=5e-5)
    assert np.isin(test, (0, 6, 8, 9)).mean() == pytest.approx(0.3921, abs=5e-5)
    assert found.images[0].sum() == 27_525  # the first training image, a five
    assert found.labels["digit"][0] == 5


def test_cifar10(real):
    found = real("cifar10")
    assert found.images.shape == (60_000, 3, 32, 32)
    for split, each in (("train", 5000), ("test", 1000)):
        assert np.bincount(found.labels["class"][found.splits[split]]).tolist() == [each] * 10
    # the mean colour of the training pictures is well known: (125.3, 123.0, 113.9)
    mean = np.mean([found.images[k : k + 5000].mean((0, 2, 3)) for k in range(0, 50_000, 5000)], axis=0)
    assert mean == pytest.approx((125.3, 123.0, 113.9), abs=0.06)


def test_adult(real):
    found = real("adult")
    frame, train = found.frame, found.splits["train"]
    assert len(frame) == 48_842
    assert (len(train), len(found.splits["test"])) == (32_561, 16_281)
    whole = ~(frame == "?").any(axis=1)
    parts = {split: frame[whole & frame.index.isin(rows)] for split, rows in found.splits.items()}
    assert {split: len(part) for split, part in parts.items()} == {"train": 30_162, "test": 15_060}
    assert (parts["train"]["sex"] == "Male").mean() == pytest.approx(0.6757, abs=5e-5)
    assert (parts["test"]["sex"] == "Male").mean() == pytest.approx(0.6738, abs=5e-5)
    assert (parts["train"]["income"] == ">50K").mean() == pytest.approx(0.2489, abs=5e-5)
    assert (parts["test"]["income"] == ">50K").mean() == pytest.approx(0.2457, abs=5e-5)


def test_us_census_county(real):
    found = real("us-census-county")
    assert found.origin.subset
    assert found.frame.shape == (3220, 37)
    whole = found.frame.dropna()
    assert len(whole) == 3218
    assert whole["ChildPoverty"].corr(whole["Poverty"]) == pytest.approx(0.934, abs=5e-4)
    sensitive = whole["Men"] / (whole["Men"] + whole["Women"])
    assert sensitive.corr(whole["Poverty"]) == pytest.approx(-0.097, abs=5e-4)
    assert real("us-census-county-2017").frame.shape == (3220, 37)


def test_communities(real):
    found = real("communities")
    assert found.frame.shape == (1994, 128)
    assert found.frame["ViolentCrimesPerPop"].between(0, 1).all()
    assert sorted(found.frame["fold"].unique()) == list(range(1, 11))
    assert found.frame["LemasSwornFT"].isna().sum() == 1675
    assert len(found.splits["train"]) + len(found.splits["test"]) == 1994


def test_celeba_10k(real):
    found = real("celeba-10k", framing=Framing(size=32))
    assert found.origin.subset
    assert found.images.shape == (10_000, 3, 32, 32)
    assert len(found.labels) == 40
    assert len(np.unique(found.groups)) == 5429
    people = [set(found.groups[rows].tolist()) for rows in found.splits.values()]
    assert sum(map(len, people)) == 5429
    assert {split: len(rows) for split, rows in found.splits.items()} == {
        "train": pytest.approx(8000, abs=35),
        "valid": pytest.approx(1000, abs=35),
        "test": pytest.approx(1000, abs=35),
    }
    male, makeup = found.labels["Male"], found.labels["Heavy_Makeup"]
    smallest = min(np.bincount(2 * male + makeup, minlength=4))
    assert smallest == 12  # men with heavy make-up
    smiling = found.labels["Smiling"]
    assert min(np.bincount(2 * smiling + male, minlength=4)) == 1657


def test_fairface_7500(real):
    found = real("fairface-7500", framing=Framing(size=32))
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 6000, "val": 1500}
    train = found.splits["train"]
    assert shares(found.labels["gender"][train], 2)[0] == pytest.approx(0.53, abs=0.02)
    assert shares(found.labels["race"][train], 7).max() == pytest.approx(0.19, abs=0.02)
    assert shares(found.labels["age"][train], 9).argmax() == 3
    assert found.labels["age"][0] == 6  # the first row: 50-59, Male, East Asian
    assert (found.labels["gender"][0], found.labels["race"][0]) == (0, 3)


def test_mnist_m_8000(real):
    found, mnist = real("mnist-m-8000"), real("mnist")
    assert found.images.shape == (8000, 3, 32, 32)
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 6000, "test": 2000}
    # it begins like MNIST, from which it is made
    assert np.array_equal(found.labels["digit"][:100], mnist.labels["digit"][:100])


def test_stl10_train32(real):
    found = real("stl10-train32")
    assert found.images.shape == (5000, 3, 32, 32)
    assert np.bincount(found.labels["class"]).tolist() == [500] * 10
    for split, each in (("train", 400), ("test", 100)):
        assert np.bincount(found.labels["class"][found.splits[split]]).tolist() == [each] * 10


def test_the_official_celeba_partition_is_kept_where_it_has_three_parts():
    partition = np.array([0, 0, 1, 2, 0, 2])
    splits = celeba.split_faces(partition, np.arange(6))
    assert {split: rows.tolist() for split, rows in splits.items()} == {
        "train": [0, 1, 4],
        "valid": [2],
        "test": [3, 5],
    }
