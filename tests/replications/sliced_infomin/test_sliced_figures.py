"""Sliced infomin's figures: printed points, sources, and the stamp of what is drawn alone."""

from matplotlib import pyplot as plt

from replications.sliced_infomin import figures
from replications.sliced_infomin.pictures import PAIRS
from tests.handmade import made


def test_the_posters_points_are_read_by_data_set_and_number_of_slices():
    points = figures.poster()
    assert {"census", "adult", "dsprites"} <= set(points)
    assert points["dsprites"] == {10: 0.51, 50: 0.26, 100: 0.13, 200: 0.08, 400: 0.07}


def test_the_sources_named_in_the_figure_are_those_trained_on():
    assert {pair: names[0] for pair, names in PAIRS.items()} == figures.SOURCES


def test_the_stamp_of_the_domains_knows_only_what_is_drawn():
    cells = [("domains", f"mm_{k}") for k in ("club", "slice", "none")] + [
        ("objects", f"cs_{k}") for k in ("club", "slice", "none")
    ]
    fields = {
        "metrics": {"source_accuracy": 90.0, "target_accuracy": 80.0},
        "series": {"tsne_x": [0, 1], "tsne_y": [0, 1], "tsne_domain": [1, 2]},
    }
    records = [
        made(experiment, variant, seed, params={"pair": variant[:2]}, **fields)
        for experiment, variant in cells
        for seed in (0, 1)
    ]
    fig = figures.FIGURES["fig_domains"](records, "t")
    said = " ".join(fig.get_supxlabel().split())
    assert "variant cs_club, cs_slice, mm_club, mm_slice · 1 seed ·" in said
    assert "source to target: mnist to d, cifar10 to d · seed 0 shown" in said
    plt.close(fig)


def test_power_has_no_band_outside_its_range():
    params = {"n": 10, "d": 2, "trials": 5}
    series = [
        {"alpha": [0, 1]} | {f"slice_{link}": values for link in figures.LINKS} for values in ([0, 1], [0.2, 0.9])
    ]
    runs = [made("power", "ours", seed, series=own, params=params) for seed, own in enumerate(series)]
    fig = figures.FIGURES["fig_power"](runs, "t")
    heights = [
        v for axes in fig.axes for band in axes.collections for path in band.get_paths() for v in path.vertices[:, 1]
    ]
    assert (min(heights), max(heights)) == (0, 1)
    assert "band: mean ± sd over seeds within 0 to 1" in " ".join(fig.get_supxlabel().split())
    plt.close(fig)
