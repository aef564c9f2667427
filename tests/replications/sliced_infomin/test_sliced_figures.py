"""Sliced infomin's figures and tables: printed points, sources, stamps, readers by name, and no run that diverged."""

import pytest
from matplotlib import pyplot as plt

from replications.sliced_infomin import figures, tables
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


READ = {"rho_zy_code": 0.95, "rho_zt_code": 0.10, "rho_zy": 0.96, "rho_zt": 0.70, "hgr_zt": 0.80}


def test_table_4_prints_the_codes_reader_and_names_the_strongest():
    found = [made("census_judge", name, metrics=READ) for name in ("renyi_2", "slice")]
    frame = tables.table4([*found, made("timing", "ours", metrics={"seconds_renyi_2": 0.02})])
    for label in ("2", "Slice"):
        row = frame[(frame["method"] == "Neural Rényi") & (frame["L2"] == label)].iloc[0]
        quality = [row[name] for name in ("ρ*(Z,Y)", "ρ*(Z,T)", "ρ*(Z,T), strongest reader")]
        assert quality == ["0.95", "0.10", "0.70"]
    poster = tables.TABLES["table_census"](found).set_index("")
    assert poster["Neural Rényi"].tolist() == ["0.95", "0.10", "0.96", "0.70"]


def test_the_table_of_pictures_has_both_readers():
    read = {"mse": 1e-3, "rho_zt": 0.4, "rho_zt_code": 0.1, "rho_zt_worst": 0.6, "label_accuracy": 99.0, "steps": 10.0}
    frame = tables.disentangle([made("dsprites", "slice", metrics=read)])
    row = frame[(frame["data"] == "dsprites") & (frame["method"] == "Slice")].iloc[0]
    names = ("ρ*(Z,T)", "ρ*(Z,T), strongest reader", "worst class, strongest reader")
    assert [row[name] for name in names] == ["0.10", "0.40", "0.60"]


def diverged(*cell, seed=0, **fields):
    return made(*cell, seed=seed, status="diverged", message="step 3: loss is nan", **fields)


def test_what_a_diverged_run_kept_is_in_no_table():
    """A metric that is not finite makes a record a diverged one, which keeps the others."""
    kept = diverged("census_judge", "slice", metrics={"rho_zt": 0.9, "rho_zt_code": 0.9})
    lost = diverged("timing", "ours", metrics={"seconds_slice": 9.0})
    assert tables.readings([kept])["difference"].tolist() == [""]
    both = tables.readings([kept, made("census_judge", "slice", seed=1, metrics=READ)])
    assert both["T: strongest, one-sided"].tolist() == ["0.70"]
    frame = tables.times([lost, made("timing", "ours", seed=1, metrics={"seconds_slice": 0.1, "seconds_tc_3": 0.2})])
    assert frame["max step"].tolist() == ["slice", "tc_3"]


def test_no_figure_draws_a_run_that_diverged():
    curve = {"mi": [1.5, 0.5], "step": [0, 1]}
    well = [made("demo", "slice", seed=k, series=curve) for k in (0, 1)]
    fig = figures.FIGURES["fig_demo"]([*well, diverged("demo", "slice", seed=2), diverged("demo", "club")], "t")
    assert [line.get_label() for line in fig.axes[0].lines if not line.get_label().startswith("_")] == ["slice"]
    said = " ".join(fig.get_supxlabel().split())
    assert "printed: slice 1.573 to 0.0022 at step 1100, CLUB 1.58 to 1.35 at 1200" in said
    plt.close(fig)

    codes = [made("dsprites", "slices_10", seed=k, metrics={**READ, "slices": 10.0}) for k in (0, 1)]
    kept = diverged("dsprites", "slices_10", seed=2, metrics={"rho_zt_code": 0.9, "slices": 10.0})
    fig = figures.FIGURES["fig_slices"]([*codes, kept], "t")
    heights = [float(value) for bars in fig.axes[0].containers for value in bars[0].get_ydata()]
    assert heights == pytest.approx([0.1, 0.7])
    plt.close(fig)

    power = {"alpha": [0, 1]} | {f"slice_{link}": [0, 0.5] for link in figures.LINKS}
    params = {"n": 10, "d": 2, "trials": 5}
    runs = [made("power", "ours", series=power, params=params)]
    runs += [diverged("power", "ours", seed=1, series=power | {"slice_sine": [1, 1]}, params=params)]
    fig = figures.FIGURES["fig_power"](runs, "t")
    assert max(max(line.get_ydata()) for axes in fig.axes for line in axes.lines) == pytest.approx(0.5)
    assert "band" not in fig.get_supxlabel()
    plt.close(fig)


def test_a_panel_of_domains_shows_the_lowest_seed_that_ended_well():
    fields = {"metrics": {"source_accuracy": 90.0, "target_accuracy": 80.0}, "params": {"pair": "mm"}}
    series = {"tsne_x": [0, 1], "tsne_y": [0, 1], "tsne_domain": [1, 2]}
    runs = [diverged("domains", "mm_club", params={"pair": "mm"})]
    runs += [made("domains", "mm_club", seed=k, series=series, **fields) for k in (2, 1)]
    fig = figures.FIGURES["fig_domains"](runs, "t")
    assert "seed 1 shown" in " ".join(fig.get_supxlabel().split())
    assert [bool(axes.collections) for axes in fig.axes] == [True, False, False, False]
    plt.close(fig)
