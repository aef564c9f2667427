"""The generative filter's curves on records made by hand: spread both ways, mechanisms named, printed values beside."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from replications.generative_filter.figures import FIGURES
from tests.handmade import made


def run(variant, seed):
    """Return a run of two budgets whose distortion and accuracies differ between seeds."""
    metrics = {f"{metric}_b0": 0.95 for metric in ("private", "utility")} | {"d_unit_b0": 0.0}
    metrics |= {"d_unit_b5": 5.0 - 2 * seed, "private_b5": 0.7 + 0.1 * seed, "utility_b5": 0.9 + 0.1 * seed}
    return made("attack2", variant, seed, metrics=metrics)


def drawn(*variants, artefact="fig7b"):
    return FIGURES[artefact]([run(variant, seed) for variant in variants for seed in (0, 1)], "t")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_title_of_the_panel_names_the_mechanism():
    titles = [drawn("filter", mechanism).axes[0].get_title(loc="left") for mechanism in ("gaussian", "gaussian_spent")]
    assert titles == ["filter; Gaussian, σ learned", "filter; Gaussian, D = b"]


def test_a_mechanism_without_a_budget_shows_the_spread_of_its_distortion():
    fig = drawn("filter", "gaussian")
    bars = fig.axes[0].containers[0]
    assert (bars.has_xerr, bars.has_yerr) == (True, True)
    across = bars[2][0].get_segments()[1][:, 0]
    np.testing.assert_allclose(across, 4 + np.std([5, 3], ddof=1) * np.array([-1, 1]))
    assert "bars: ± sd both ways, x: mean D over seeds" in " ".join(fig.get_supxlabel().split())


def test_accuracies_have_no_band_above_one():
    (top,) = {
        max(path.vertices[:, 1].max() for band in drawn("filter").axes[0].collections for path in band.get_paths())
    }
    assert top == 1


def test_printed_values_are_crosses_where_they_were_read():
    crosses = [line.get_xydata()[0].tolist() for line in drawn("filter").axes[0].lines if line.get_marker() == "x"]
    assert crosses == [[0.0, 0.95], [4.0, 0.65], [4.0, 0.87]]
