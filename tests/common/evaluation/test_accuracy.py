import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from common.evaluation.accuracy import balanced_accuracy


def test_known_value_rare_classes_count_as_much():
    # recalls 1, 1/2 and 0; class 7 is guessed and does not occur
    assert balanced_accuracy([0, 1, 1, 2], [0, 1, 7, 0]) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scikit_learns(seed):
    draw = np.random.default_rng(seed)
    truth = draw.choice([3, 5, 9], 200, p=[0.8, 0.15, 0.05])
    guess = np.where(draw.random(200) < 0.6, truth, draw.choice([3, 5, 9], 200))
    assert balanced_accuracy(truth, guess) == pytest.approx(balanced_accuracy_score(truth, guess), abs=1e-12)


@pytest.mark.parametrize(("truth", "guess"), [([], []), ([1, 2], [1]), ([[1]], [[1]])])
def test_what_cannot_be_scored_is_refused(truth, guess):
    with pytest.raises(ValueError, match="as many guesses as labels"):
        balanced_accuracy(truth, guess)
