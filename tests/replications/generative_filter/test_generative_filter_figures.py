"""The generative filter's figures and tables on records made by hand.

Spread both ways, mechanisms named, printed values beside; no run that diverged; a table's heads say what was computed.
"""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from replications.generative_filter.figures import FIGURES
from replications.generative_filter.tables import TABLES
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
    fig = drawn("filter")
    crosses = [line.get_xydata()[0].tolist() for line in fig.axes[0].lines if line.get_marker() == "x"]
    assert crosses == [[0.0, 0.95], [4.0, 0.65]]
    told = " ".join(fig.get_supxlabel().split())
    assert "crosses: printed (raw private 0.95, filter private 0.65), arrow: " in told
    assert "arrow: printed as a lower bound (filter utility 0.87)" in told
    (arrow,) = [line for line in fig.axes[0].lines if line.get_marker() == "_"]
    assert arrow.get_xydata().tolist() == [[4.0, 0.87]]


def lost(experiment, variant, seed, **fields):
    """Return what a run that diverged leaves: no metric, and what pictures it had."""
    return made(experiment, variant, seed, status="diverged", message="b=3: loss is nan at step 9", **fields)


def test_a_run_that_diverged_is_in_no_curve_and_is_told():
    alone, beside = (FIGURES["fig7b"]([run("filter", 0), *more], "t") for more in ([], [lost("attack2", "filter", 1)]))
    for one, other in zip(alone.axes[0].lines, beside.axes[0].lines, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    assert "1 record(s) diverged" in " ".join(beside.get_supxlabel().split())


def test_a_picture_is_of_the_lowest_seed_that_ended_well():
    grid = {f"pictures_{name}": [0.5] * 20 * 784 for name in ("raw", "decoded", "released")}
    runs = [
        lost("attack1", "filter", 0, series=grid),
        *(made("attack1", "filter", seed, series=grid, params={"shown_budget": 1.5}) for seed in (2, 1)),
    ]
    assert "seed 1, b = 1.5" in " ".join(FIGURES["fig1"](runs, "t").get_supxlabel().split())


@pytest.mark.parametrize(
    ("artefact", "cell"),
    [
        ("fig1", "attack1/filter"),
        ("fig3ab", "attack1/filter"),
        ("fig7b", "attack2/filter"),
        ("fig4", "geometry/paper"),
        ("fig5", "faces_filter/paper"),
    ],
)
def test_without_a_run_that_ended_well_there_is_a_key_error(artefact, cell):
    """The command line tells it in one line."""
    with pytest.raises(KeyError, match="ended well"):
        FIGURES[artefact]([lost(*cell.split("/"), 0, series={"pictures_raw": [0.0], "digits": [1.0]})], "t")


def test_the_theory_s_rows_name_what_they_were_computed_at():
    p = {"squared_distance": 2.0, "noise_variance": 0.25, "codes": 4, "sensitivity": 3.0, "epsilon": 0.1, "delta": 0.01}
    names = TABLES["theory"]([made("closed_forms", "paper", 0, params=p)])["quantity"]
    for said in ("d² = 2", "σ² = 0.25", "L = 3, ε = 0.1, δ = 0.01", "d = 4"):
        assert sum(said in name for name in names) == 1, said
