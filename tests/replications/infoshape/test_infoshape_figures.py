"""InfoShape's figures on records made by hand: what is drawn is what was measured, beside what is printed."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from replications.infoshape import beyond, challenges, tables
from replications.infoshape.figures import FIGURES, steps
from tests.handmade import made


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def note(fig):
    return " ".join(fig.get_supxlabel().split())


def title(axes):
    return axes.get_title(loc="left")


def words(axes):
    return [text.get_text() for text in axes.texts]


def drawn(axes, marker):
    """Return the heights of every point that is drawn with a marker, in order of drawing."""
    return [float(y) for line in axes.lines if line.get_marker() == marker for y in line.get_ydata()]


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

    def test_the_largest_jump_is_told_with_its_iteration_and_marked_there(self):
        runs = [failure(v, 0, [1.0, 1.1] * 50, 0.5, iterations=100) for v in ("conv", "dense")]
        for run in runs:
            run.metrics["spike_at"] = 41.0
        fig = challenges.failures(runs, "t")
        assert title(fig.axes[2]).startswith("(c) largest jump 9 nats, at iteration 41\n")
        marks = [[line.get_xdata()[0] for line in axes.lines if line.get_marker() == "v"] for axes in fig.axes]
        assert marks == [[], [], [41.0], []]
        assert "black triangle: the largest" in note(fig)

    def test_a_jump_that_is_no_spike_has_neither_mark_nor_iteration(self):
        runs = [failure(v, 0, [1.0, 1.1] * 50, 0.5, iterations=100) for v in ("conv", "dense")]
        for run in runs:
            run.metrics.update(spike_at=41.0, spike=0.4)
        fig = challenges.failures(runs, "t")
        assert title(fig.axes[2]).startswith("(c) not seen here: largest jump 0.4 nats\n")
        assert not drawn(fig.axes[2], "v")

    def test_a_record_that_does_not_know_where_it_jumped_has_no_mark(self):
        fig = challenges.failures([failure(v, 0, [1.0, 1.1] * 50, 0.5, iterations=100) for v in ("conv", "dense")], "t")
        assert title(fig.axes[2]).startswith("(c) largest jump 9 nats\n")
        assert "triangle" not in note(fig)

    def test_iterations_count_from_zero_as_the_metrics_do(self):
        gone = failure("dense", 0, [1.0] * 60 + [None] * 40, 0.5, lost=1.0, iterations=200)
        gone.metrics["last_finite"] = 120.0
        fig = challenges.failures([failure("conv", 0, [1.0, 1.1] * 50, 0.5), gone], "t")
        assert "not finite from iteration 120 on" in title(fig.axes[3])
        (lost,) = [line for line in fig.axes[3].lines if line.get_marker() == "v"]
        assert lost.get_xdata()[0] == 121, "of iterations 120 and 121 the latter is kept"

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


def estimate(experiment, name, seed=0, epochs=(), **params):
    """Return a record of ReMINE estimates, the parts of its configuration that a figure reads in its params."""
    names = [f"{name}_{epoch}" for epoch in epochs] or [name]
    p = {"chart_points": 7, "n_per_class": 30_000, "train_share": 1.0, "batch": 4000, "update_every": 1}
    p |= {"privacy_passes": 1500, "utility_passes": 1000}
    series = {f"{n}_curve": [0.0, 7.0] for n in names}
    return made(
        experiment, "thesis", seed, metrics={f"{n}_chart": 7.0 for n in names}, series=series, params=p | params
    )


class TestSteps:
    def test_each_batch_is_one_unless_the_configuration_says_otherwise(self):
        assert steps([estimate("raw", "mi_xx")]) == "critic steps: 22,500 against X, 15,000 against L"

    @pytest.mark.parametrize("key", ["gather", "update_every"])
    def test_what_is_left_at_the_end_of_a_pass_is_one_as_well(self, key):
        found = steps([estimate("raw", "mi_xx", **{key: 10})])
        assert found == "critic steps: 3,000 against X, 2,000 against L", "15 batches in tens: two steps"

    def test_of_rows_that_are_left_out_there_are_none(self):
        found = steps([estimate("raw", "mi_xx", n_per_class=30, train_share=0.55, batch=17, utility_passes=0)])
        assert found == "critic steps: 1,500 against X", "of 32 rows, 16 a class: one batch of 17"


class TestCharts:
    def test_the_title_says_of_how_many_points_it_is_the_mean(self):
        fig = FIGURES["fig3_5a"]([estimate("raw", "mi_xx")], "t")
        assert title(fig.axes[0]).startswith("last 7 points: 7 (n=1)")

    @pytest.mark.parametrize(
        ("params", "wanted"),
        [
            ({}, "I(X;Z) (nats)"),
            ({"penalised": True}, "I(X;Z) (nats)\nwith its penalty"),
        ],
    )
    def test_a_penalised_value_is_called_one(self, params, wanted):
        runs = [estimate("encoder_a", "leakage", epochs=(0, 5, 9), **params)]
        assert FIGURES["fig4_6"](runs, "t").axes[0].get_ylabel() == wanted
        assert FIGURES["fig3_6a"](runs, "t").axes[0].get_ylabel() == wanted

    @pytest.mark.parametrize(
        ("artefact", "run", "judge"),
        [
            ("fig3_5b", ("raw", "mi_xl"), ("classifier", "ce_bound_raw")),
            ("fig3_6b", ("encoder_a", "utility"), ("bounds", "ce_bound_0")),
        ],
    )
    def test_the_cross_entropy_bound_is_beside_it_where_it_was_judged(self, artefact, run, judge):
        runs = [estimate(*run, epochs=() if run[0] == "raw" else (0,))]
        assert "ours" not in title(FIGURES[artefact](runs, "t").axes[0])
        judged = made(judge[0], "thesis", metrics={judge[1]: 0.25})
        assert title(FIGURES[artefact]([*runs, judged], "t").axes[0]).endswith("\nours: cross-entropy bound 0.25 (n=1)")

    def test_the_name_of_a_limit_is_not_lost_in_the_curves(self):
        fig = FIGURES["fig3_5a"]([estimate("raw", "mi_xx")], "t")
        fig.canvas.draw()
        (name,) = fig.axes[0].texts
        assert name.get_text() == "8.79, printed\nas H(X)"
        assert name.get_window_extent().x0 > fig.axes[0].get_window_extent().x1, "one chart has room beside it"
        assert name.get_window_extent().x1 < fig.bbox.x1
        fig = FIGURES["fig4_6"]([estimate("encoder_a", "leakage", epochs=(0, 5, 9))], "t")
        assert {axes.texts[0].get_bbox_patch().get_facecolor()[:3] for axes in fig.axes} == {(1, 1, 1)}


@pytest.mark.parametrize(("asked", "column"), [(False, "estimate"), (True, "estimate, with its penalty")])
def test_the_summary_says_of_how_many_points_its_column_is_and_what_is_penalised(asked, column):
    run = estimate("raw", "mi_xx", penalised=asked)
    run.metrics["mi_xx_bound"] = 7.0
    found = tables.summary([run])
    assert column in found.columns
    assert "last 7 points" in found.columns
    assert found["last 7 points"][0].startswith("7.")


def test_each_utility_of_b_and_c_stands_beside_its_bound_with_its_weights():
    runs = []
    for letter, weight in (("b", 10.0), ("c", 100.0)):
        for seed in (0, 1):
            p = {"lambda_leakage": weight, "lambda_utility": 1.0, "penalised": False}
            shaped = {"utility_0": 0.1 + seed / 10, "utility_0_heldout": 0.5}
            runs.append(made(f"encoder_{letter}", "thesis", seed, metrics=shaped, params=p))
            judged = {"ce_bound_0": weight + seed, "auc_0": 0.75}
            runs.append(made(f"bounds_{letter}", "thesis", seed, metrics=judged, params={"states": [0]}))
    found = tables.pressed(runs)
    assert list(found["weights"]) == ["10 on I(X;Z), 1 on I(Z;L)", "100 on I(X;Z), 1 on I(Z;L)"]
    assert list(found["I(Z;L)"]) == ["0.150 ± 0.071"] * 2
    assert list(found["ce bound"]) == ["10.500 ± 0.707", "100.500 ± 0.707"]


class TestPrinted:
    def test_of_a_chart_it_is_dashed_and_in_the_title(self):
        fig = FIGURES["fig3_5a"]([estimate("raw", "mi_xx", seed) for seed in (0, 1)], "t")
        assert fig.axes[0].get_title(loc="left").endswith("printed 7.59 (dashed)")
        assert [line.get_ydata()[0] for line in fig.axes[0].lines if line.get_linestyle() == "--"] == [7.59]
        assert "light: single seeds, dark: mean of their moving averages (0.6), band: mean ± sd over seeds" in note(fig)

    def test_of_three_epochs_each_has_its_own(self):
        series = {f"leakage_{epoch}_curve": [0, 3] for epoch in (0, 5, 9)}
        fig = FIGURES["fig4_6"]([made("encoder_a", "thesis", series=series)], "t")
        titles = [axes.get_title(loc="left") for axes in fig.axes]
        assert [title.split("printed ")[1] for title in titles] == [f"{v} (dashed)" for v in ("3.61", "3.67", "3.52")]

    def test_an_epoch_that_no_record_shows_is_an_empty_panel_that_says_so(self):
        fig = FIGURES["fig4_7"]([made("encoder_b", "thesis", series={"leakage_0_curve": [0, 3]})], "t")
        said = [[text.get_text() for text in axes.texts if "curve" in text.get_text()] for axes in fig.axes]
        assert said == [[], ["no record has the curve\nleakage_5_curve"], ["no record has the curve\nleakage_9_curve"]]

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


class TestBeyond:
    def linear(self, own, fresh, bounds=((3.4, 3.41), (1.1, 1.3))):
        """Return a record per seed of a truth of 4 and 2 nats at two deviations of the noise."""
        runs = []
        for seed, (a, b) in enumerate(zip(own, fresh, strict=True)):
            metrics = {}
            for sigma, truth, (low, high) in zip(("0.1", "0.3"), (4.0, 2.0), bounds, strict=True):
                found = {"truth": truth, "remine": a * truth, "remine_heldout": b * truth, "lower": low, "upper": high}
                metrics |= {f"{name}_{sigma}": value for name, value in found.items()}
            p = {"sigmas": [0.1, 0.3], "n_per_class": 30_000, "batch": 4000, "passes": 1500}
            runs.append(made("channel_linear", "thesis", seed, metrics=metrics, params=p))
        return runs

    def test_shares_of_own_and_of_fresh_rows_are_both_drawn_and_those_above_the_truth_counted(self):
        fig = beyond.channel_linear(self.linear([0.9, 0.8], [1.5, 0.7]), "t")
        ratio = fig.axes[1]
        assert drawn(ratio, "s") == pytest.approx([0.9, 0.8] * 2)
        assert drawn(ratio, "^") == pytest.approx([1.5, 0.7] * 2)
        assert ratio.get_ylim()[0] == 0
        assert ratio.get_ylim()[1] > 1.5, "a share far above the truth is not cut"
        assert "on fresh rows above the truth: 1, 1 of 2 seeds" in title(ratio)

    def test_a_bracket_too_narrow_to_be_seen_is_told_in_nats(self):
        fig = beyond.channel_linear(self.linear([0.9, 0.8], [0.9, 0.7]), "t")
        assert "bounds of the known density at most 0.2 nats apart" in note(fig)
        assert fig.axes[0].get_ylim()[0] == 0
        assert {3.4, 3.41, 1.1, 1.3} <= set(drawn(fig.axes[0], "_")), "each end has its bar"

    def test_the_channels_share_an_axis_from_zero(self):
        p = {"sigmas": [0.03, 0.3], "relative": 0.3}
        high = {"0.03": 6.0, "0.3": 0.7, "relative": 3.5}
        runs = []
        for seed in (0, 1):
            found = {
                f"{b}_{s}_{c}": v + 0.2 * seed
                for b in ("lower", "upper")
                for s in beyond.STATES
                for c, v in high.items()
            }
            runs.append(made("channel", "thesis", seed, metrics=found, params=p))
        fig = beyond.channel(runs, "t")
        assert len({axes.get_ylim() for axes in fig.axes}) == 1
        assert fig.axes[0].get_ylim()[0] == 0
        told = [[label.get_text() for label in axes.get_xticklabels()] for axes in fig.axes]
        assert told[0][0] == "untrained\n6.10 ± 0.14"
        assert told[1][2] == "after D\n0.80 ± 0.14"

    def test_what_an_attacker_can_reach_is_drawn_where_it_holds(self):
        sides = [f"{side}_{kind}" for side in ("", "_with_label") for kind in ("linear", "network")]
        names = [f"explained_{state}{side}" for state in beyond.STATES for side in sides]
        fig = beyond.attacker([made("attacker", "thesis", metrics=dict.fromkeys(names, 0.1))], "t")
        limits = [
            [round(float(np.ravel(line.get_ydata())[0]), 4) for line in axes.lines if line.get_linestyle() == ":"]
            for axes in fig.axes
        ]
        assert limits == [[0.15], [0.15, 0.2985]]
        assert [len(words(axes)) for axes in fig.axes] == [1, 2]
        assert words(fig.axes[1])[1].startswith("0.30")
        for axes in fig.axes:
            assert axes.get_ylim()[1] > 0.2985, "both panels have one axis, with room for the limit"
