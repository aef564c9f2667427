"""Stand-ins have the form of what they stand for, repeat to the bit, and show what their labels say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import common.data
from common.data import Framing
from common.data.readers import adult, celeba, communities, stl10
from common.data.standins import tables


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / "standins"  # shared with the tests of the catalogue
    root.mkdir(exist_ok=True)

    def load(name):
        return common.data.load(name, policy="standin", root=root)

    return load


@pytest.mark.parametrize(
    ("name", "shape", "splits"),
    [
        ("mnist", (1, 28, 28), {"train", "test"}),
        ("mnist-m-8000", (3, 32, 32), {"train", "test"}),
        ("cifar10", (3, 32, 32), {"train", "test"}),
        ("stl10-train32", (3, 32, 32), {"train", "test"}),
        ("celeba-10k", (3, 109, 89), {"train", "valid", "test"}),
        ("fairface-7500", (3, 80, 80), {"train", "val"}),
    ],
)
def test_form_is_that_of_the_real_set(standin, name, shape, splits):
    found = standin(name)
    assert found.images.shape[1:] == shape
    assert found.images.dtype == np.uint8
    assert set(found.splits) == splits
    for label, values in found.labels.items():
        assert values.min() == 0
        assert values.max() == len(found.classes[label]) - 1


def test_two_runs_draw_the_same_bits(tmp_path):
    roots = [tmp_path / "one", tmp_path / "two"]
    digests = [common.data.load("cifar10", policy="standin", root=root).origin.sha256 for root in roots]
    assert digests[0] == digests[1]


def test_background_of_the_digits_is_exactly_zero(standin):
    images = standin("mnist").images
    assert (images[:, :, :4] == 0).all()
    assert 0.6 < (images[:] == 0).mean() < 0.9  # real MNIST: 0.81


def test_faces_carry_attributes_of_celeba_and_are_split_by_person(standin):
    found = standin("celeba-10k")
    assert set(found.labels) <= set(celeba.ATTRIBUTES)
    people = [set(found.groups[rows].tolist()) for rows in found.splits.values()]
    assert sum(map(len, people)) == len(set(found.groups.tolist()))


def test_shared_classes_of_objects_look_alike_but_not_the_same(standin):
    one, other = standin("cifar10"), standin("stl10-train32")
    assert other.classes == stl10.CLASSES
    assert not np.array_equal(one.images[0], other.images[0])


@pytest.mark.parametrize(
    ("name", "label", "floor"),
    [
        ("mnist", "digit", 0.9),
        ("celeba-10k", "Male", 0.8),
        ("celeba-10k", "Smiling", 0.8),
        ("celeba-10k", "Eyeglasses", 0.9),
        ("fairface-7500", "race", 0.8),
    ],
)
def test_a_linear_probe_sees_what_is_drawn(standin, name, label, floor):
    found = standin(name)
    pixels = Framing(size=28).apply_all(found.images).reshape(len(found), -1)
    train = found.splits["train"]
    test = found.splits["test" if "test" in found.splits else "val"]
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=1000)).fit(
        pixels[train], found.labels[label][train]
    )
    assert probe.score(pixels[test], found.labels[label][test]) > floor


def test_tables_have_the_real_columns():
    assert tuple(tables.sample("adult", "adult")[0].columns) == adult.COLUMNS
    assert tuple(tables.sample("communities", "communities")[0].columns) == communities.COLUMNS


@pytest.mark.parametrize("name", ["adult", "us-census-county", "us-census-county-2017", "communities"])
def test_tables_agree_with_the_real_ones_where_they_are_at_hand(standin, real, name):
    ours, theirs = standin(name), real(name)
    assert list(ours.frame.columns) == list(theirs.frame.columns)
    assert (ours.target, ours.sensitive) == (theirs.target, theirs.sensitive)
    for column in ours.frame:
        numeric = pd.api.types.is_numeric_dtype
        assert numeric(ours.frame[column]) == numeric(theirs.frame[column]), column


def test_sampled_income_depends_on_sex_and_degree():
    frame, _ = tables.sample("adult", "adult")
    rich = frame["income"] == ">50K"
    by_sex = rich.groupby(frame["sex"]).mean()
    assert 0.15 < rich.mean() < 0.35
    assert by_sex["Male"] > by_sex["Female"] + 0.1
    assert np.corrcoef(rich, frame["education-num"])[0, 1] > 0.1


def test_sampled_census_is_consistent():
    frame, _ = tables.sample("us_census", "us-census-county")
    assert (frame["Men"] + frame["Women"] == frame["TotalPop"]).all()
    assert np.corrcoef(frame["Poverty"], frame["ChildPoverty"])[0, 1] > 0.8
    assert frame["Income"].min() > 0
