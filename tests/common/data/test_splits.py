"""Splits: complete, disjoint, in the wanted shares, and no group on two sides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data.splits import split_at_random, split_by_group, split_stratified

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


def assert_partition(splits, n):
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(n))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 2**32 - 1))
def test_stratified_is_a_partition_with_the_shares_of_every_label(labels, seed):
    labels = np.asarray(labels)
    splits = split_stratified(labels, SHARES, seed)
    assert_partition(splits, len(labels))
    for label in np.unique(labels):
        total = (labels == label).sum()
        for name, rows in splits.items():
            assert abs((labels[rows] == label).sum() - SHARES[name] * total) <= 1


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.integers(0, 2**32 - 1))
def test_by_group_is_a_partition_that_cuts_no_group(groups, seed):
    groups = np.asarray(groups)
    splits = split_by_group(groups, SHARES, seed)
    assert_partition(splits, len(groups))
    members = [set(groups[rows].tolist()) for rows in splits.values()]
    assert sum(map(len, members)) == len(set(groups.tolist()))
    largest = np.unique(groups, return_counts=True)[1].max()
    for name, rows in splits.items():
        assert abs(len(rows) - SHARES[name] * len(groups)) <= largest


def test_same_seed_same_split_and_other_seed_other_split():
    one = split_at_random(100, SHARES, seed=1)
    assert all(np.array_equal(one[k], split_at_random(100, SHARES, seed=1)[k]) for k in SHARES)
    assert not np.array_equal(one["test"], split_at_random(100, SHARES, seed=2)["test"])
    assert [len(one[k]) for k in SHARES] == [80, 10, 10]


def test_the_global_random_state_is_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    split_at_random(10, SHARES, seed=3)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}])
def test_wrong_shares_are_refused(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        split_at_random(10, shares, seed=0)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        split_by_group([], SHARES, seed=0)
