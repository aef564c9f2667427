"""Every kind of job, figure and table of the paper at a tiny size on stand-in data, one after another.

Slow: some thirty jobs in one chain, UMAP compiling itself, and a DenseNet; about forty seconds of one quiet core.
"""

import importlib
import shutil
from pathlib import Path

import pytest

from common.evaluation.claims import read_claims
from common.results import read_at, read_many
from common.workflow.resolve import default_settings, resolve

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
GAME = {"steps": 4, "inner_steps": 2, "batch": 32}
FRESH = "{hidden: 4, steps: 5, batch: 32, lr: 0.01}"
STRONG = "{hidden: [6, 6], steps: 5, batch: 32, lr: 0.01}"
ATTACK = {
    "repeats": 1,
    "fresh": FRESH,
    "strong": STRONG,
    "boosted_rows": 200,
    "boosted_rounds": 2,
    "mi_rows": 150,
    "strong_budgets": "[0, 3]",
    "boosted_budgets": "[3]",
    "lnc_budgets": "[0]",
}
TINY = {
    "vae": {"rows": 1000, "epochs": 1, "hidden": "[20, 20]"},
    "filter1": GAME,
    "filter2": GAME,
    "attack1": ATTACK | {"lnc_budgets": "[]"},  # ten classes leave too few neighbours in so few rows
    "attack2": ATTACK,
    "users": GAME | {"repeats": 1, "fresh": FRESH, "batch": 16},
    "geometry": {"rows": 120},
    "adult_codes": {"epochs": 1, "batch": 512},
    "adult_filter": GAME,
    "adult_attack": {
        k: v for k, v in ATTACK.items() if k in ("repeats", "fresh", "strong", "boosted_rows", "boosted_rounds")
    },
    "faces": {"size": 64, "train_rows": 64, "test_rows": 64, "epochs": 1, "growth": 2, "width": 32},
    "faces_filter": {
        "steps": 2,
        "inner_steps": 1,
        "fresh": FRESH.replace("}", ", held_back: 0.2}"),
    },
}
TINY["adult_attack_filter"] = TINY["adult_attack"]


def tiny_plan():
    import yaml

    given = {**default_settings(ROOT), "scale": "quick", "papers": "generative_filter", "seeds": 2, "data": "standin"}
    given["device"] = "cpu"
    given["set"] = {
        f"generative_filter.{experiment}.{key}": yaml.safe_load(value) if isinstance(value, str) else value
        for experiment, keys in TINY.items()
        for key, value in keys.items()
    }
    return resolve(ROOT, given)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """All cells that artefacts rest on, run once; returns the plan and the folder of results."""
    folder = tmp_path_factory.mktemp("gf")
    plan = tiny_plan()
    paper = plan.papers["generative_filter"]
    wanted = [cell for artefact in paper.artefacts.values() for cell in artefact.cells]
    for experiment, block in paper.experiments.items():
        for variant in block.variants:
            needed = f"{experiment}/{variant}" in wanted or any(
                f"{experiment}/{variant}" in other.needs_of(v)
                for name, other in paper.experiments.items()
                for v in other.variants
                if f"{name}/{v}" in wanted
            )
            if not needed:
                continue
            job = plan.job("generative_filter", f"{experiment}/{variant}")
            path = folder / f"{experiment}-{variant}.json"
            path.write_text(job.model_dump_json())
            assert importlib.import_module(block.module).main([str(path), "--results", str(folder / "results")]) == 0
    return plan, folder / "results"


def records_of(plan, results, cell):
    return read_many([results.parent / path for path in plan.records("generative_filter", cell)])


def test_every_published_value_has_its_number(finished):
    plan, results = finished
    for name, artefact in plan.papers["generative_filter"].artefacts.items():
        for entry, source in artefact.values.items():
            for record in records_of(plan, results, f"{source.experiment}/{source.variant}"):
                assert source.metric in record.metrics, (name, entry)
                assert record.dataset.kind == "stand-in"


def test_every_claim_s_number_is_recorded(finished):
    """Claims of the artefacts' cells at the budgets that this tiny run reads."""
    plan, results = finished
    left_out = ("mlp", "boosted", "mi_")  # at fewer budgets here
    for claim in read_claims(ROOT / "replications/generative_filter/claims.yaml"):
        for quantity in claim.quantities.values():
            for record in records_of(plan, results, quantity.cell):
                known = quantity.metric in record.metrics or quantity.metric.startswith(left_out)
                assert known, (claim.id, quantity.metric)


def test_digits_that_the_vae_left_out_mark_every_later_record(finished):
    plan, results = finished
    for cell in ("vae/paper", "filter1/filter", "attack2/filter", "users/paper", "geometry/paper"):
        assert all(record.dataset.subset for record in records_of(plan, results, cell)), cell
    assert not any(record.dataset.subset for record in records_of(plan, results, "adult_filter/filter"))


def test_budgets_are_met_and_told(finished):
    plan, results = finished
    for cell in ("filter1/filter", "filter2/gaussian", "adult_filter/filter"):
        for record in records_of(plan, results, cell):
            spent = {n: v for n, v in record.metrics.items() if n.startswith("d_unit_b")}
            assert spent
            assert all(v <= float(n.removeprefix("d_unit_b")) * 1.001 for n, v in spent.items())
    for record in records_of(plan, results, "filter2/gaussian_spent"):
        for name, value in record.metrics.items():
            if name.startswith("d_unit_b"):
                assert value == pytest.approx(float(name.removeprefix("d_unit_b")), rel=1e-4)


def test_identity_leaves_both_mechanisms_alike(finished):
    """At budget 0 nothing is changed: what kNN says of raw codes does not depend on the mechanism."""
    plan, results = finished
    for case in ("attack1", "attack2"):
        runs = [records_of(plan, results, f"{case}/{variant}") for variant in ("filter", "gaussian")]
        for one, other in zip(*runs, strict=True):
            assert one.metrics["mi_b0"] == other.metrics["mi_b0"]


def test_a_game_that_diverges_at_once_leaves_records(finished, tmp_path):
    plan, results = finished
    shutil.copytree(results / "quick/generative_filter/vae", tmp_path / "quick/generative_filter/vae")
    job = plan.job("generative_filter", "filter2/filter")
    path = tmp_path / "config.json"
    path.write_text(job.model_copy(update={"params": {**job.params, "lr": 1e30}}).model_dump_json())
    assert importlib.import_module(job.module).main([str(path), "--results", str(tmp_path)]) == 0
    for seed in (0, 1):
        found = read_at(tmp_path, job.cell, seed)
        assert (found.status, found.metrics, found.series["distortion_b3"]) == ("diverged", {}, [])


@pytest.mark.parametrize("kind", ["figure", "table"])
def test_every_artefact_is_drawn(finished, kind, tmp_path):
    plan, results = finished
    module = importlib.import_module(f"replications.generative_filter.{kind}s")
    for name, artefact in plan.papers["generative_filter"].artefacts.items():
        if artefact.kind != kind:
            continue
        paths = [str(results.parent / p) for cell in artefact.cells for p in plan.records("generative_filter", cell)]
        files = [str(tmp_path / f"{name}.{end}") for end in (("png",) if kind == "figure" else ("csv", "md"))]
        assert module.main([name, *files, "--title", artefact.title, "--records", *paths]) == 0
        assert all(Path(file).stat().st_size > 100 for file in files)
