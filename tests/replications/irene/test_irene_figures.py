"""IRENE's figures on records made by hand: what an axis leaves out is said, and rho can be told."""

import pytest
from matplotlib import pyplot as plt

from replications.irene.figures import FIGURES
from tests.handmade import made

ACCURACIES = {"baseline": (95, 90), "rubi": (95, 60), "learnedmixin": (40, 30)}
PARAMS = {"train_images": 1000, "side": 14, "epochs": 2, "batch": 100}


def records():
    return [
        made(
            "biased_mnist",
            variant,
            seed,
            metrics={f"{head}_{rho}": g + seed for head in "gh" for rho, g in zip((0.1, 0.5), pair, strict=True)},
            params=PARAMS,
        )
        for variant, pair in ACCURACIES.items()
        for seed in (0, 1)
    ]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def note(fig):
    return " ".join(fig.get_supxlabel().split())


def test_the_zoomed_axis_says_whom_it_leaves_out():
    said = note(FIGURES["fig4b"](records(), "t"))
    assert "wholly below the axis: LearnedMixIn (at most 40 %); in part below the axis: RUBi" in said
    assert "band: mean ± sd over seeds" in said
    assert "below the axis" not in note(FIGURES["fig4a"](records(), "t"))


def lost(experiment):
    metrics = {"g_0.1": 1.0, "h_0.1": 1.0}
    told = {"status": "diverged", "message": "rho 0.5: the loss is nan"}
    return made(experiment, "baseline", 0, metrics=metrics, params=PARAMS, **told)


@pytest.mark.parametrize("name", ["fig4a", "fig4b", "fig4c", "fig4d", "leakage"])
@pytest.mark.filterwarnings("ignore:No artists with labels")
def test_where_no_run_ended_well_a_figure_says_so(name):
    runs = [lost("biased_mnist"), lost("biased_mnist_attack")]
    assert "2 record(s) diverged" in note(FIGURES[name](runs, "t"))


@pytest.mark.parametrize(("name", "axis", "value"), [("fig4a", 1, 95.0), ("fig4c", 1, 20.0), ("fig4d", 0, 95.0)])
def test_a_run_that_diverged_is_not_drawn(name, axis, value):
    good = made("biased_mnist", "baseline", 1, metrics={"g_0.1": 95.0, "h_0.1": 20.0}, params=PARAMS)
    first = FIGURES[name]([lost("biased_mnist"), good], "t").axes[0].get_lines()[0]
    assert first.get_data()[axis].tolist() == [value]


def test_rho_is_the_size_of_a_marker_and_no_number_lies_on_another():
    fig = FIGURES["fig4d"](records(), "t")
    labels = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    assert labels[-2:] == ["ρ = 0.1", "ρ = 0.5"]
    sizes = {bars[0].get_markersize() for bars in fig.axes[0].containers}
    assert len(sizes) == 2
    assert [text.get_text() for text in fig.axes[0].texts] == ["random guess"]
