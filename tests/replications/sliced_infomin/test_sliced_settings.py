"""Settings that nothing could run with, or that would run something else unsaid: one line, before data are loaded."""

from types import SimpleNamespace

import pytest

from common.workflow.config import load_paper, load_yaml, resolve_params
from common.workflow.resolve import resolve
from replications.sliced_infomin import adaptation, demo, disentangle, evaluate, fairness, pictures, power, timing
from replications.sliced_infomin.settings import check

MODULES = {"census": fairness, "adult": fairness, "census_judge": evaluate, "timing": timing, "demo": demo}
MODULES |= {"power": power, "domains": adaptation, "objects": adaptation, "dsprites": disentangle, "faces": disentangle}


def job_of(root, folder, cell, given):
    """Return the path of a cell's resolved configuration with settings of its own."""
    overrides = {f"sliced_infomin.{cell.split('/')[0]}.{key}": value for key, value in given.items()}
    settings = {"scale": "quick", "papers": "sliced_infomin", "data": "standin", "device": "cpu", "set": overrides}
    job = resolve(root, {**load_yaml(root / "config/default.yaml"), **settings}).job("sliced_infomin", cell)
    path = folder / "quick/sliced_infomin" / cell / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(job.model_dump_json())
    return path


@pytest.mark.parametrize(
    ("cell", "given", "said"),
    [
        ("census/slice", {"method": "slices"}, "census: method: 'slices'; did you mean 'slice'? valid: none, pearson"),
        ("census/slice", {"slices": 0}, "census: slices: 0; valid: 1 or more"),
        ("census/renyi_2", {"l2": 0}, "census: l2: 0; valid: 1 or more"),
        ("census/slice", {"beta": -1.0}, "census: beta: -1.0; valid: 0 or more"),
        ("census/slice", {"epochs": 0}, "census: epochs: 0; valid: 1 or more"),
        ("census/slice", {"snapshot_from": 6}, "census: snapshot_from: 6; valid: 0 to 5"),
        ("census/slice", {"fit_rows": 1}, "census: fit_rows: 1; valid: 0 (the mini-batch itself), or 3 or more"),
        ("census/slice", {"fit_rows": 2}, "census: fit_rows: 2; valid: 0 (the mini-batch itself), or 3 or more"),
        ("adult/slice", {"fit_rows": -3}, "adult: fit_rows: -3; valid: 0 (the mini-batch itself), or 3 or more"),
        ("census/slice", {"leaky": True}, "census: leaky: True; valid: False"),
        ("census/slice", {"lr": 0.0}, "census: lr: 0.0; valid: above 0"),
        ("adult/slice", {"train_rows": 3}, "adult: train_rows: 3; valid: 20 or more"),
        ("census_judge/slice", {"steps": 0}, "census_judge: steps: 0; valid: 1 or more"),
        ("census_judge/slice", {"batch": 0}, "census_judge: batch: 0; valid: 4 or more"),
        ("timing/ours", {"methods": ["slice"]}, "timing: methods: 'slice'; valid: name:steps"),
        ("timing/ours", {"methods": ["slice:0", "renyi:-1"]}, "timing: methods: 'renyi:-1'; valid: name:steps"),
        ("timing/ours", {"methods": ["slice:0", "tc:0"]}, "timing: methods: 'tc:0'; valid: name:steps"),
        ("timing/ours", {"methods": ["pearson:0"]}, "timing: methods: ['pearson:0']; valid: a list with slice:0"),
        ("demo/slice", {"map": "g3"}, "demo: map: 'g3'; valid: g1, g2"),
        ("demo/slice", {"method": "none"}, "demo: method: 'none'; valid: pearson, dcorr, slice"),
        ("power/ours", {"levels": 0}, "power: levels: 0; valid: 1 or more"),
        ("power/ours", {"neural_steps": -1}, "power: neural_steps: -1; valid: 0 or more"),
        ("domains/mm_slice", {"pair": "cs"}, "domains: pair: 'cs'; valid: mm (its target is mnist-m)"),
        ("objects/cs_slice", {"pair": "xx"}, "objects: pair: 'xx'; valid: cs (its target is stl10)"),
        ("domains/mm_slice", {"train_rows": -1}, "domains: train_rows: -1; valid: 0 or more"),
        ("domains/mm_slice", {"width": 0.0}, "domains: width: 0.0; valid: above 0"),
        ("domains/mm_slice", {"milestones": ["a"]}, "domains: milestones: 'a'; valid: a whole number, 0 or more"),
        ("objects/cs_slice", {"milestones": [1, 1.5]}, "objects: milestones: 1.5; valid: a whole number, 0 or more"),
        ("dsprites/slice", {"milestones": [-1]}, "dsprites: milestones: -1; valid: a whole number, 0 or more"),
        ("dsprites/slice", {"rows": -3}, "dsprites: rows: -3; valid: 0 or more"),
        ("faces/slice", {"gamma": -0.1}, "faces: gamma: -0.1; valid: 0 or more"),
    ],
)
def test_what_cannot_run_is_one_line(root, tmp_path, monkeypatch, capsys, cell, given, said):
    monkeypatch.setattr(pictures, "load", lambda *_, **__: pytest.fail("pictures were loaded"))
    for module in (fairness, evaluate, timing):
        monkeypatch.setattr(module, "load_rows", lambda *_: pytest.fail("a table was loaded"))
    monkeypatch.setattr("common.workflow.upstream.check_made", lambda *_: None)  # nothing is trained before
    monkeypatch.setattr("common.workflow.job.lost_seeds", lambda *_: {})
    path = job_of(root, tmp_path, cell, given)
    assert MODULES[cell.split("/")[0]].main([str(path), "--results", str(tmp_path)]) == 1
    found = [line for line in capsys.readouterr().err.splitlines() if cell in line]
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_what_config_yaml_asks_for_can_run(root, scale):
    paper = load_paper(root, "sliced_infomin")
    for name, block in paper.experiments.items():
        for variant in block.variants:
            p = resolve_params(paper, name, variant, scale, {})
            check(SimpleNamespace(config=SimpleNamespace(cell=SimpleNamespace(experiment=name), params=p)))
