"""The benchmark at a tiny size on stand-ins: training, attack, figure and table; and its place beside the papers."""

import json
import math

import pytest

from benchmarks.removal import evaluate, experiment, figures, readings, tables
from benchmarks.removal.terms import TERMS
from common.results import read_many, store
from common.workflow.config import ConfigError, paper_names
from common.workflow.dag import targets
from common.workflow.resolve import default_settings, resolve

MODULES = {m.__name__: m for m in (experiment, evaluate)}
TINY = {
    "train_rows": 120,
    "known_rows": 150,
    "test_rows": 150,
    "batch": 60,
    "epochs": 1,
    "critic_steps": 1,
    "slices": 4,
    "vae_hidden": [8],
    "vae_epochs": 1,
    "filter_steps": 2,
    "filter_inner_steps": 1,
    "auxiliary_hidden": 8,
}
ATTACK = {"folds": 2, "patience": 1, "most_epochs": 2, "rounds": 2}


def plan_of(root, overrides=None):
    small = {f"removal.{g}.{k}": v for g in readings.GROUNDS for k, v in TINY.items()}
    small |= {f"removal.{g}_attack.{k}": v for g in readings.GROUNDS for k, v in ATTACK.items()}
    given = {"scale": "quick", "data": "standin", "device": "cpu", "seeds": 1, "set": {**small, **(overrides or {})}}
    return resolve(root, {**default_settings(root), **given})


def run(plan, cell, folder):
    """Run one cell by its module's own command line; return its records."""
    job = plan.job("removal", cell)
    path = store.cell_folder(folder, job.cell) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    assert MODULES[job.module].main([str(path), "--results", str(folder)]) == 0
    return store.find(folder, job.cell)


@pytest.fixture(scope="module")
def adult(root, tmp_path_factory):
    """Records of the attacks on every method of the smallest ground."""
    folder = tmp_path_factory.mktemp("removal") / "results"
    plan = plan_of(root)
    methods = plan.benchmarks["removal"].experiments["adult"].variants
    found = {}
    for method in methods:
        trained = run(plan, f"adult/{method}", folder)
        assert [record.status for record in trained] == ["ok"], method
        found[method] = run(plan, f"adult_attack/{method}", folder)
    return folder, plan, found


def test_every_method_is_read_at_every_strength_by_every_attacker(adult):
    _, plan, found = adult
    assert set(found) == {*TERMS, "generative_filter"} == set(readings.METHODS)
    for method, records in found.items():
        strengths = plan.benchmarks["removal"].experiments["adult"].variants[method].get("strengths", [0.0])
        for strength in strengths:
            for name in (*readings.ATTACKERS, "worst", "utility"):
                value = records[0].metrics[f"{name}_balanced_{strength:g}"]
                assert 0 <= value <= 100, (method, strength, name)
            assert records[0].metrics[f"chance_{strength:g}"] == 50.0
        assert records[0].dataset.kind == "stand-in"


def test_methods_share_rows_and_the_first_code_of_the_filter_is_unfiltered(adult):
    folder, plan, _ = adult
    from common.training.checkpoint import load_tensors

    kept = {
        m: load_tensors(store.cell_folder(folder, plan.cell("removal", f"adult/{m}")) / "seed=0.safetensors")[0]
        for m in ("none", "irene", "generative_filter")
    }
    for name in ("y_known", "s_known", "y_test", "s_test"):
        assert kept["none"][name].equal(kept["irene"][name])
        assert kept["none"][name].equal(kept["generative_filter"][name])
    shifts = [
        float((kept["generative_filter"][f"{b}/test"] - kept["generative_filter"]["0/test"]).abs().max())
        for b in (1, 10)
    ]
    assert all(shift > 0 for shift in shifts)


@pytest.mark.parametrize(
    "cell", ["biased_mnist/sliced_infomin", "celeba/attribute_unlearning", "celeba/generative_filter"]
)
def test_the_grounds_of_pictures(root, tmp_path, cell):
    plan = plan_of(root)
    ground, method = cell.split("/")
    trained = run(plan, cell, tmp_path)
    assert trained[0].status == "ok"
    metrics = run(plan, f"{ground}_attack/{method}", tmp_path)[0].metrics
    classes = 10 if ground == "biased_mnist" else 2
    assert all(value == pytest.approx(100 / classes) for name, value in metrics.items() if name.startswith("chance_"))


def test_a_strength_that_diverged_has_no_reading_and_says_so(root, tmp_path):
    plan = plan_of(root, {"removal.adult.lr": 1e30, "removal.adult.epochs": 3})
    (trained,) = run(plan, "adult/irene", tmp_path)
    assert trained.status == "diverged"
    assert "strength 1:" in trained.message
    (attacked,) = run(plan, "adult_attack/irene", tmp_path)
    assert attacked.status == "diverged"
    assert attacked.metrics == {}


def test_the_figure_stands_where_the_records_say(adult, tmp_path):
    folder, _, found = adult
    paths = [str(p) for p in sorted(folder.rglob("*_attack/*/seed=*.json"))]
    assert figures.main(["frontier", str(tmp_path / "f.svg"), str(tmp_path / "f.png"), "--records", *paths]) == 0
    fig = figures.frontier(read_many(paths), "title")
    axes = fig.axes[0]
    drawn = {tuple(container[0].get_xydata()[0]) for container in axes.containers}
    for records in found.values():
        metrics = records[0].metrics
        first = min((k.removeprefix("worst_balanced_") for k in metrics if k.startswith("worst_balanced_")), key=float)
        assert (metrics[f"worst_balanced_{first}"], metrics[f"utility_balanced_{first}"]) in drawn
    assert any("STAND-IN" in text.get_text() for text in fig.texts)
    fig.draw_without_rendering()
    labels = [text.get_window_extent() for text in axes.texts if text.get_zorder() > 3]
    assert len(labels) == 2 * (len(found) - 1), "first and last strength of each method"
    assert not [one for k, one in enumerate(labels) if one.count_overlaps(labels[:k])]


def test_the_table_has_a_row_per_method_and_strength(adult, tmp_path):
    folder, _, found = adult
    records = [record for records in found.values() for record in records]
    frame = tables.attackers(records)
    assert len(frame) == 1 + 6 * 4
    metrics = found["none"][0].metrics
    row = frame[frame["method"] == readings.METHODS["none"]].iloc[0]
    assert float(row["worst balanced"]) == pytest.approx(metrics["worst_balanced_0"], abs=0.05)
    assert set(row["worst is"].split(", ")) <= set(readings.ATTACKERS.values())
    text = tmp_path / "t.csv"
    paths = [str(p) for p in sorted(folder.rglob("*_attack/*/seed=*.json"))]
    assert tables.main(["attackers", str(text), "--records", *paths]) == 0
    assert text.read_text(encoding="utf-8").startswith("ground,method,strength")


def test_it_stands_beside_the_papers_and_is_none(root):
    plan = plan_of(root)
    assert "removal" not in paper_names(root)
    assert "removal" not in plan.papers
    assert {"benchmark", "removal", "removal_frontier", "removal_attackers"} <= set(targets(plan))
    with pytest.raises(ConfigError, match="unknown key 'depth'"):
        plan_of(root, {"removal.adult.depth": 3})


def test_every_cell_that_is_trained_is_attacked_and_shown(root):
    config = plan_of(root).benchmarks["removal"]
    shown = set(config.artefacts["frontier"].cells)
    assert shown == set(config.artefacts["attackers"].cells)
    for ground in readings.GROUNDS:
        assert set(config.experiments[ground].variants) == set(config.experiments[f"{ground}_attack"].variants)
        assert {f"{ground}_attack/{method}" for method in config.experiments[ground].variants} <= shown
    # equal means for all: as many strengths each
    counts = {len(v["strengths"]) for v in config.experiments["adult"].variants.values() if v}
    assert counts == {4}
    assert json.loads(config.model_dump_json())["home"] == "benchmarks"
    assert math.isclose(config.experiments["biased_mnist"].params["rho"], 0.9)
