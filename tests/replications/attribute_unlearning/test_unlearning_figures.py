"""Figures from records written by hand: runs that diverged are not drawn, and what is drawn is named."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from replications.attribute_unlearning.figures import METHODS, aum_bars
from replications.attribute_unlearning.pictures import gradcam_figure, reconstruction_figure
from tests.handmade import made

SIDE = 4


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lost(record):
    return record.model_copy(update={"status": "diverged", "message": "step 3: loss is nan"})


def attacked(data, variant, seed=0, **metrics):
    return made(f"{data}_attack", variant, seed, metrics=metrics)


class TestBars:
    @staticmethod
    def heights(fig):
        return [[round(float(bar.get_height()), 6) for bar in axes.patches] for axes in fig.axes]

    def test_mean_over_the_seeds_of_each_network(self):
        runs = [attacked("celeba", "unlearn", seed, aum_r18=value) for seed, value in ((0, 0.4), (1, 0.6))]
        runs.append(attacked("celeba", "before_deep", aum_r34=0.2, aum_r50=0.3))
        fig = aum_bars(runs, "t")
        assert self.heights(fig) == [[0.5, 0.2, 0.3]]
        assert fig.axes[0].get_title(loc="left") == "CelebA"

    def test_an_attack_that_diverged_has_no_bar(self):
        """It reads nothing, and so its AUM would be the best of all."""
        runs = [attacked("celeba", "unlearn", 0, aum_r18=0.4), lost(attacked("celeba", "unlearn", 1, aum_r18=0.95))]
        runs.append(lost(attacked("celeba", "before", 0, aum_r18=0.9)))
        assert self.heights(aum_bars(runs, "t")) == [[0.4]]

    def test_the_legend_names_what_any_panel_has(self):
        runs = [attacked("fairface", "before", aum_r18=0.7), attacked("cifar10", "area", aum_r18=0.6)]
        runs += [attacked("cifar10", "unlearn", aum_r18=0.5)]
        (legend,) = aum_bars(runs, "t").legends
        assert [text.get_text() for text in legend.get_texts()] == list(METHODS.values())


def pictures(**values):
    """Return series of two pictures each, all pixels of a value."""
    return {
        f"{name}_{k}": [float(value)] * (SIDE**2 * (1 if name == "cam" else 3))
        for name, value in values.items()
        for k in range(2)
    }


def shown(fig, row):
    return float(np.asarray(fig.axes[row].images[0].get_array()).max())


class TestGradcam:
    @staticmethod
    def run(seed, value):
        series = pictures(image=value, cam=0.0, removed=value)
        found = {"series": series, "metrics": {"attribute_accuracy": 0.9}, "params": {"attribute": "Male"}}
        return made("celeba", "area", seed, **found)

    def test_of_the_lowest_seed_that_ended_well(self):
        fig = gradcam_figure([lost(self.run(0, 255)), self.run(2, 51), self.run(1, 102)], "t")
        assert shown(fig, 0) == pytest.approx(0.4)

    def test_none_that_ended_well_is_said(self):
        with pytest.raises(KeyError, match="no run ended well"):
            gradcam_figure([lost(self.run(0, 255))], "t")


class TestReconstruction:
    @staticmethod
    def run(variant, seed, value):
        series = pictures(image=value, rebuilt=value)
        return made("reconstruction", variant, seed, series=series, metrics={"psnr": 20.0 + seed})

    def test_of_the_lowest_seed_that_ended_well_both_times(self):
        runs = [self.run("before", seed, 51 * seed) for seed in (0, 1, 2)]
        runs += [lost(self.run("unlearn", 0, 0)), self.run("unlearn", 1, 102), self.run("unlearn", 2, 153)]
        fig = reconstruction_figure(runs, "t")
        assert [shown(fig, row) for row in range(3)] == pytest.approx([0.2, 0.2, 0.4])
        assert [axes.get_ylabel() for axes in fig.axes] == ["input", "before\n21.0 dB", "after\n21.0 dB"]

    def test_no_such_seed_is_said(self):
        runs = [lost(self.run("before", 0, 0)), self.run("before", 1, 0), self.run("unlearn", 0, 0)]
        with pytest.raises(KeyError, match="no seed ended well both before and after unlearning"):
            reconstruction_figure(runs, "t")
