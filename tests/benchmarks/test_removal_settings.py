"""Settings of the benchmark that nothing could be trained or read with: one line, before any data are loaded."""

import pytest

from benchmarks.removal import evaluate, experiment, grounds
from common.results import store
from common.workflow.config import benchmark_names, load_paper, resolve_params
from common.workflow.resolve import default_settings, resolve

MODULES = {"adult": experiment, "biased_mnist": experiment, "adult_attack": evaluate}


@pytest.mark.parametrize(
    ("cell", "given", "said"),
    [
        ("adult/none", {"method": "nothing"}, "method: 'nothing' is unknown; valid: none, irene"),
        ("adult/none", {"batch": 0}, "adult: batch: 0; valid: 2 or more"),
        ("adult/none", {"epochs": 0}, "adult: epochs: 0; valid: 1 or more"),
        ("adult/infoshape", {"critic_steps": 0}, "adult: critic_steps: 0; valid: 1 or more"),
        ("adult/none", {"lr": 0.0}, "adult: lr: 0.0; valid: above 0"),
        ("adult/irene", {"strengths": []}, "adult: strengths: []; valid: a list of numbers from 0, each once"),
        ("adult/irene", {"strengths": [1.0, -1.0]}, "adult: strengths: [1.0, -1.0]; valid: a list of numbers from 0"),
        ("adult/irene", {"strengths": [1.0, 1]}, "adult: strengths: [1.0, 1]; valid: a list of numbers from 0"),
        ("adult/irene", {"strengths": ["1"]}, "adult: strengths: ['1']; valid: a list of numbers from 0"),
        ("adult/generative_filter", {"strengths": [0.0]}, "adult: strengths: [0.0]; valid: for the filter, one above"),
        ("biased_mnist/none", {"rho": 1.5}, "biased_mnist: rho: 1.5; valid: 0 to 1"),
        ("adult_attack/none", {"folds": 1}, "adult_attack: folds: 1; valid: 2 or more"),
        ("adult_attack/none", {"rounds": 0}, "adult_attack: rounds: 0; valid: 1 or more"),
    ],
)
def test_what_cannot_run_is_one_line(root, tmp_path, monkeypatch, capsys, cell, given, said):
    monkeypatch.setattr(grounds, "load", lambda *_, **__: pytest.fail("data were loaded"))
    monkeypatch.setattr("common.workflow.upstream.check_made", lambda *_: None)  # nothing is trained before
    monkeypatch.setattr(evaluate.Job, "needed", lambda *_: pytest.fail("records were read"))
    ground = cell.split("/")[0]
    overrides = {f"removal.{ground}.{key}": value for key, value in given.items()}
    settings = {"scale": "quick", "data": "standin", "device": "cpu", "seeds": 1, "set": overrides}
    job = resolve(root, {**default_settings(root), **settings}).job("removal", cell)
    path = store.cell_folder(tmp_path, job.cell) / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    assert MODULES[ground].main([str(path), "--results", str(tmp_path)]) == 1
    found = capsys.readouterr().err.strip().splitlines()
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_what_config_yaml_asks_for_can_run(root, scale):
    from types import SimpleNamespace

    from benchmarks.removal.settings import check

    assert "removal" in benchmark_names(root)
    paper = load_paper(root, "removal", "benchmarks")
    for name, block in paper.experiments.items():
        for variant in block.variants:
            p = resolve_params(paper, name, variant, scale, {})
            check(SimpleNamespace(config=SimpleNamespace(cell=SimpleNamespace(experiment=name), params=p)))
