"""Figures from records written by hand: runs that diverged are not drawn, and what is drawn is named."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from replications.attribute_unlearning.figures import METHODS, aum_bars, heat_maps
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

    def test_deep_networks_of_faces_are_found_in_their_own_experiment(self):
        runs = [attacked("celeba", "unlearn", aum_r18=0.4)]
        runs.append(attacked("celeba_deep", "unlearn_deep", aum_r34=0.2, aum_r50=0.3))
        assert self.heights(aum_bars(runs, "t")) == [[0.4, 0.2, 0.3]]

    def test_the_caption_says_on_what_each_network_was_trained(self):
        def told(depth, images):
            return {f"trained_{k}_r{depth}": v for k, v in {"images": images, "side": 32.0, "epochs": 8.0}.items()}

        deep = {"aum_r34": 0.2, "aum_r50": 0.3, **told(34, 3000.0), **told(50, 3000.0)}
        runs = [attacked("celeba", "area", aum_r18=0.4, **told(18, 7999.0)), attacked("cifar10", "area", aum_r18=0.5)]
        fig = aum_bars([*runs, attacked("celeba_deep", "area_deep", **deep)], "t")
        caption = " ".join(fig.get_supxlabel().split())
        wanted = "ResNet-18 7,999 images of 32x32, 8 epochs; ResNet-34, -50 3,000 images of 32x32, 8 epochs"
        assert f"CelebA: {wanted}" in caption
        assert "CIFAR-10:" not in caption, "its records do not say"

    def test_the_legend_names_what_any_panel_has(self):
        runs = [attacked("fairface", "before", aum_r18=0.7), attacked("cifar10", "area", aum_r18=0.6)]
        runs += [attacked("cifar10", "unlearn", aum_r18=0.5)]
        (legend,) = aum_bars(runs, "t").legends
        assert [text.get_text() for text in legend.get_texts()] == list(METHODS.values())


class TestHeatMaps:
    """Figure 6 on a grid of two by two; a pair without a number diverged."""

    @staticmethod
    def run(l1, *aum, seed=0):
        pairs = ("0.5_0.5", "0.5_2.0", "2.0_0.5", "2.0_2.0")
        found = {f"aum_{name}": value for name, value in zip(pairs, aum, strict=True) if value is not None}
        grid = {"grid2": [0.5, 2.0], "grid3": [0.5, 2.0]}
        p = TRAINED.params | {"task": "gender", "attribute": "race", "side": 16, "train_images": 6000}
        record = made("lambdas", f"l{l1:g}", seed, metrics=found, params={**p, "lambda1": l1, **grid})
        return lost(record) if None in aum else record

    def test_one_scale_of_colours_for_both_panels_and_a_bar_that_tells_it(self):
        fig = heat_maps([self.run(5.0, *[0.8] * 4), self.run(2.5, *[0.4] * 4)], "t")
        left, right, bar = fig.axes
        assert [axes.get_title(loc="left") for axes in (left, right)] == ["λ1 = 5", "λ1 = 2.5"]
        for axes in (left, right):
            assert axes.images[0].get_clim() == pytest.approx((0.39, 0.81))
        assert bar.get_ylim() == pytest.approx((0.39, 0.81))
        assert bar.get_ylabel() == "AUM"
        trained = "ResNet-18, 6,000 images of 16x16, 8 epochs, task gender, unlearnt attribute race"
        assert trained in " ".join(fig.get_supxlabel().split())
        assert not [*left.patches, *right.patches, *fig.legends]

    def test_a_pair_that_diverged_costs_no_other_its_number(self):
        """One seed: its whole map was lost once, and drawn as a panel of nothing."""
        fig = heat_maps([self.run(5.0, 0.6, 0.7, 0.8, None)], "t")
        axes = fig.axes[0]
        shown = np.ma.filled(axes.images[0].get_array(), np.nan)
        np.testing.assert_array_equal(shown, [[0.6, 0.7], [0.8, np.nan]])
        assert [text.get_text() for text in axes.texts] == ["0.600", "0.700", "0.800"]
        (mark,) = axes.patches
        assert (mark.get_x(), mark.get_y(), mark.get_hatch()) == (0.5, 0.5, "////")
        (legend,) = fig.legends
        assert [text.get_text() for text in legend.get_texts()] == ["a run diverged there"]
        told = " ".join(fig.get_supxlabel().split())
        assert "· 1 seed ·" in told
        assert "1 record(s) diverged or failed" in told

    def test_of_two_seeds_the_one_that_ended_well_is_shown_and_the_cell_is_marked(self):
        runs = [self.run(5.0, *[0.8] * 4), self.run(5.0, 0.6, 0.7, 0.8, None, seed=1)]
        axes = heat_maps(runs, "t").axes[0]
        np.testing.assert_allclose(axes.images[0].get_array(), [[0.7, 0.75], [0.8, 0.8]])
        assert [(mark.get_x(), mark.get_y()) for mark in axes.patches] == [(0.5, 0.5)]

    def test_no_pair_at_all_is_said(self):
        with pytest.raises(KeyError, match="no pair of lambdas ended well"):
            heat_maps([self.run(5.0, *[None] * 4), self.run(2.5, *[None] * 4)], "t")


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
        metrics = {"attribute_accuracy": 0.9, "map_side": 4.0, "removed": 0.28, "train_images": 7999.0}
        found = {"series": series, "metrics": metrics, "params": TRAINED.params | {"method": "area", "share": 0.3}}
        return made("celeba", "area", seed, **found)

    def test_of_the_lowest_seed_that_ended_well(self):
        fig = gradcam_figure([lost(self.run(0, 255)), self.run(2, 51), self.run(1, 102)], "t")
        assert shown(fig, 0) == pytest.approx(0.4)

    def test_the_caption_says_how_coarse_the_map_is_what_went_and_what_was_trained(self):
        told = " ".join(gradcam_figure([self.run(0, 255)], "t").get_supxlabel().split())
        assert "maps of 4x4 places; 28 % of the pixels removed, of 30 % at most" in told
        assert "ResNet-18, 7,999 images of 32x32, 8 epochs, task Smiling, attribute Male (gender)" in told

    def test_none_that_ended_well_is_said(self):
        with pytest.raises(KeyError, match="no run ended well"):
            gradcam_figure([lost(self.run(0, 255))], "t")


TRAINED = made(
    "celeba",
    "unlearn",
    params={
        "method": "unlearn",
        "depths": [18],
        "side": 32,
        "train_images": 8000,
        "epochs": 8,
        "task": "Smiling",
        "attribute": "Male",
    },
)


class TestReconstruction:
    @staticmethod
    def run(variant, seed, value):
        series = pictures(image=value, rebuilt=value)
        return made("reconstruction", variant, seed, series=series, metrics={"psnr": 20.0 + seed, "psnr_inside": 15.0})

    def test_of_the_lowest_seed_that_ended_well_both_times(self):
        runs = [self.run("before", seed, 51 * seed) for seed in (0, 1, 2)]
        runs += [lost(self.run("unlearn", 0, 0)), self.run("unlearn", 1, 102), self.run("unlearn", 2, 153), TRAINED]
        fig = reconstruction_figure(runs, "t")
        assert [shown(fig, row) for row in range(3)] == pytest.approx([0.2, 0.2, 0.4])
        assert [axes.get_ylabel() for axes in fig.axes] == [
            "input",
            "before\n21.0 dB\n15.0 dB inside",
            "after\n21.0 dB\n15.0 dB inside",
        ]

    def test_the_control_is_a_fourth_row_where_its_seed_ended_well(self):
        runs = [self.run(v, seed, 51) for v in ("before", "unlearn") for seed in (0, 1)]
        some = [*runs, lost(self.run("infopro", 0, 102)), self.run("infopro", 1, 102), TRAINED]
        fig = reconstruction_figure([r for r in some if r.seed == 1 or r is TRAINED], "t")
        assert [axes.get_ylabel().split("\n")[0] for axes in fig.axes] == ["input", "before", "after", "λ3 = 0"]
        assert shown(fig, 3) == pytest.approx(0.4)
        assert "then λ3 = 0, the control" in " ".join(fig.get_supxlabel().split())
        assert len(reconstruction_figure(some, "t").axes) == 3, "seed 0 has no control"

    def test_the_caption_names_what_was_trained_and_the_order_of_the_rows(self):
        fig = reconstruction_figure([self.run("before", 0, 0), self.run("unlearn", 0, 0), TRAINED], "t")
        told = " ".join(fig.get_supxlabel().split())
        assert "ResNet-18, 8,000 images of 32x32, 8 epochs, task Smiling, unlearnt attribute Male (gender)" in told
        assert "rows as in the paper: input, before, after" in told
        assert "variant before, unlearn" in told, "of the decoders, not of the training that names them"
        with pytest.raises(KeyError, match="celeba/unlearn"):
            reconstruction_figure([self.run("before", 0, 0), self.run("unlearn", 0, 0)], "t")

    def test_no_such_seed_is_said(self):
        runs = [lost(self.run("before", 0, 0)), self.run("before", 1, 0), self.run("unlearn", 0, 0)]
        with pytest.raises(KeyError, match="no seed ended well both before and after unlearning"):
            reconstruction_figure(runs, "t")
