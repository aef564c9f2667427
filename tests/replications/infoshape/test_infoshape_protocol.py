"""Settings that no batch fits are refused in one line, before anything is drawn or trained."""

from types import SimpleNamespace

import pytest

from common.workflow.config import ConfigError, load_paper, resolve_params
from replications.infoshape import alternatives, attacker, bounds, channel, cost, evaluate, experiment
from replications.infoshape.protocol import batches_of, heldout_batches, probe_batches

EXPERIMENTS = {
    "raw": experiment,
    "encoder_a": experiment,
    "channel_linear": channel,
    "classifier": evaluate,
    "bounds": bounds,
    "attacker": attacker,
    "alternatives": alternatives,
}


def params(root, experiment, **changed):
    paper = load_paper(root, "infoshape")
    variant = next(iter(paper.experiments[experiment].variants))
    return resolve_params(paper, experiment, variant, "quick", {}) | changed


def job(tmp_path, name, p):
    cell = SimpleNamespace(paper="infoshape", experiment=name, variant="thesis", scale="quick")
    config = SimpleNamespace(
        params=p, cell=cell, device="cpu", precision="fp32", checkpoint_seconds=60, needs=["encoder_a/thesis"]
    )
    return SimpleNamespace(config=config, checkpoint_path=lambda _: tmp_path / "c")


def test_batches_of_the_thesis_and_of_its_repository(root):
    paper = load_paper(root, "infoshape")
    readings = ("thesis", "repository")
    thesis, repository = (resolve_params(paper, "encoder_a", reading, "paper", {}) for reading in readings)
    assert (batches_of(thesis), batches_of(repository)) == (15, 12), "an epoch of 60,000 rows, and of 48,000"
    assert heldout_batches(thesis) == 3


def test_a_classifier_has_the_rows_that_do_not_judge_it():
    assert probe_batches({"n_per_class": 30_000, "test_share": 0.2, "batch": 4000}) == 12


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_batch_larger_than_the_rows_is_refused_in_one_line(root, tmp_path, name):
    p = params(root, name, batch=5000)
    rows = "3200" if name in ("classifier", "bounds", "attacker") else "4000"
    with pytest.raises(ConfigError, match=f"^batch: 5000 does not fit {rows} "):
        EXPERIMENTS[name].run(job(tmp_path, name, p), [0])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_plan_says_so_too(root, name):
    key = "probe_batch" if name == "alternatives" else "batch"
    module = cost if EXPERIMENTS[name] in (experiment, evaluate) else EXPERIMENTS[name]
    with pytest.raises(ConfigError, match=f"^{key}: 5000 does not fit"):
        module.work(name, params(root, name, **{key: 5000}))


@pytest.mark.parametrize("name", ["raw", "encoder_a", "channel_linear"])
def test_fresh_rows_that_make_no_batch_are_refused_before_training(root, tmp_path, name):
    with pytest.raises(ConfigError, match=r"^batch: 500 does not fit 400 fresh rows \(heldout\)"):
        EXPERIMENTS[name].run(job(tmp_path, name, params(root, name, heldout=401)), [0])


def test_a_probe_batch_larger_than_its_rows_is_refused(root, tmp_path):
    p = params(root, "alternatives", probe_batch=5000)
    with pytest.raises(ConfigError, match=r"^probe_batch: 5000 does not fit 3200 rows"):
        alternatives.run(job(tmp_path, "alternatives", p), [0])


def test_normalisers_of_no_known_reading_are_refused(root, tmp_path):
    p = params(root, "encoder_a", normalisers="thesis")
    with pytest.raises(ConfigError, match=r"^encoder_a: normalisers: 'thesis'; valid: measured, repository"):
        experiment.run(job(tmp_path, "encoder_a", p), [0])
