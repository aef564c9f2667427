"""InfoShape's figures on records made by hand: what is drawn is what was measured, beside what is printed."""

import pytest
from matplotlib import pyplot as plt

from replications.infoshape import challenges
from replications.infoshape.figures import FIGURES
from tests.handmade import made


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def note(fig):
    return " ".join(fig.get_supxlabel().split())


def failure(variant, seed, series, lowest, lost=0.0, iterations=400):
    metrics = {"late_mean": 1.0, "late_sd": 0.1, "spike": 9.0, "lost": lost, "last_finite": float(iterations)}
    params = {"iterations": iterations, "network": variant, "batch": 100, "lr": 1e-3}
    metrics |= {"lowest": lowest, "highest": 2.0}
    return made("failures", variant, seed, metrics=metrics, series={"values": series}, params=params)


class TestFailures:
    def test_a_spike_between_kept_estimates_is_in_the_picture(self):
        kept = [1.0, 1.1] * 50  # of 400 estimates one in four; the fall to -8 lies between two of them
        fig = challenges.failures([failure("conv", 0, kept, -8.0), failure("dense", 0, kept, -8.0)], "t")
        for axes in fig.axes:
            assert axes.get_ylim()[0] < -8
            assert {-8.0, 2.0} <= {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"}
        assert "light: one estimate in 4, dark: moving average (0.6) of these, dotted: lowest and highest" in note(fig)

    @pytest.mark.parametrize("collapsed", [0, 1])
    def test_a_run_that_collapses_late_is_not_shown_as_one_that_converged(self, collapsed):
        runs = [failure("conv", seed, [1.0, 1.1] * 50, 0.5, iterations=100) for seed in (0, 1)]
        for run in runs:
            falls = run.seed == collapsed
            run.metrics.update(late_sd=1.6 if falls else 0.3, late_lowest=-17.0 if falls else 0.2)
        fig = challenges.failures([*runs, failure("dense", 0, [1.0, 1.1] * 50, 0.5, iterations=100)], "t")
        assert f"late sd 30% of the mean\nconv nets, seed {1 - collapsed}," in fig.axes[1].get_title(loc="left")

    def test_a_whole_run_needs_no_dots(self):
        whole = [1.0, 1.1] * 50
        runs = [failure(v, 0, whole, 1.0, iterations=100) for v in ("conv", "dense")]
        fig = challenges.failures(runs, "t")
        assert "light: every estimate" in note(fig)
        assert not [line for axes in fig.axes for line in axes.lines if line.get_linestyle() == ":"]


def test_the_staircase_names_the_curves_that_its_axes_cut():
    p = {"estimators": ["dv", "nwj"], "information": [2, 4], "shown_every": 5, "batch": 64, "alpha": 0.01}
    series = {f"{name}_{kind}": [1.0, 2.0] for name in p["estimators"] for kind in ("values", "means")}
    series["nwj_values"] = [1.0, -3.0]
    fig = challenges.staircase([made("staircase", "thesis", 0, series=series, params=p)], "t")
    assert "axes cut at -1 and 6; curves that leave them: NWJ" in note(fig)


class TestPrinted:
    def test_of_a_chart_it_is_dashed_and_in_the_title(self):
        runs = [made("raw", "thesis", k, metrics={"mi_xx_chart": 7}, series={"mi_xx_curve": [0, 7]}) for k in (0, 1)]
        fig = FIGURES["fig3_5a"](runs, "t")
        assert fig.axes[0].get_title(loc="left").endswith("printed 7.59 (dashed)")
        assert [line.get_ydata()[0] for line in fig.axes[0].lines if line.get_linestyle() == "--"] == [7.59]
        assert "light: single seeds, dark: mean of their moving averages (0.6), band: mean ± sd over seeds" in note(fig)

    def test_of_three_epochs_each_has_its_own(self):
        series = {f"leakage_{epoch}_curve": [0, 3] for epoch in (0, 5, 9)}
        fig = FIGURES["fig4_6"]([made("encoder_a", "thesis", series=series)], "t")
        titles = [axes.get_title(loc="left") for axes in fig.axes]
        assert [title.split("printed ")[1] for title in titles] == [f"{v} (dashed)" for v in ("3.61", "3.67", "3.52")]

    def test_the_last_epoch_of_d_is_drawn_though_the_thesis_prints_none(self):
        series = {f"leakage_{epoch}_curve": [0, 3] for epoch in (0, 5, 9, 24)}
        fig = FIGURES["fig4_9"]([made("encoder_d", "thesis", series=series, metrics={"leakage_24": 2.5})], "t")
        *printed, last = [axes.get_title(loc="left") for axes in fig.axes]
        assert [title.split("printed ")[1] for title in printed] == [f"{v} (dashed)" for v in ("3.94", "3.69", "3.32")]
        assert last.startswith("(ours) encoder epoch 24: 2.5")
        assert "printed" not in last

    def test_of_a_roc_it_keeps_its_digits_and_no_band_passes_one(self):
        tpr = {"raw": [1.0, 1.0], "untrained": [0.5, 1.0]}
        runs = [
            made(
                series={"roc_fpr": [0, 1]} | {f"roc_tpr_{k}": [v[0] - 0.4 * seed, 1] for k, v in tpr.items()}, seed=seed
            )
            for seed in (0, 1)
        ]
        fig = FIGURES["fig4_2"](runs, "t")
        assert [axes.get_title(loc="left").split("printed ")[1] for axes in fig.axes] == ["1.00", "0.72"]
        drawn = [path.vertices[:, 1] for axes in fig.axes for band in axes.collections for path in band.get_paths()]
        assert max(map(max, drawn)) == 1
        assert "band: mean ± sd over seeds within 0 to 1" in note(fig)
