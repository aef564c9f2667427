"""An unknown or impossible setting is one line that names it and what is valid, before anything is trained."""

from types import SimpleNamespace

import pytest
from refusals import refusal

from common.models.critics import CRITICS
from common.training.checkpoint import save_tensors
from common.workflow.config import ConfigError, cells_of, load_paper, resolve_params
from common.workflow.resolve import default_settings, resolve
from replications.infoshape import alternatives, bounds, failures, staircase
from replications.infoshape.settings import ESTIMATORS, NAMED, check, check_kept, check_rows


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_every_cell_as_it_is_configured_passes(root, scale):
    paper = load_paper(root, "infoshape")
    for cell in cells_of(paper):
        experiment, variant = cell.split("/")
        p = resolve_params(paper, experiment, variant, scale, {})
        check(experiment, p)
        if experiment in bounds.READ:
            (needed,) = paper.experiments[experiment].needs_of(variant)
            bounds.work(experiment, {**resolve_params(paper, *needed.split("/"), scale, {}), **p})


def test_what_is_valid_is_what_there_is():
    assert tuple(staircase.ESTIMATORS) == ESTIMATORS
    assert tuple(failures.CRITICS) == NAMED["network"]
    assert tuple(failures.OBJECTIVES) == NAMED["objective"]
    assert NAMED["critic"] == CRITICS
    made = [alternatives.estimator({"estimator": name, "alpha": 0.1}) for name in NAMED["estimator"]]
    assert len(set(map(type, made))) == len(made)


EPOCHS = {"encoder_epochs": 10, "shown_epochs": [0, 5, 9]}


@pytest.mark.parametrize(
    ("experiment", "p", "told"),
    [
        ("encoder_a", {"chart_points": 0}, "chart_points: 0; valid: a whole number, 1 or more"),
        ("encoder_a", {"update_every": 0}, "update_every: 0; valid: a whole number, 1 or more"),
        ("encoder_a", {"gather": 0}, "gather: 0; valid: a whole number, 1 or more"),
        ("encoder_a", {"gather": 1.5}, "gather: 1.5; valid: a whole number, 1 or more"),
        ("raw", {"gather": 10, "update_every": 10}, "gather: 10; valid: 1 where update_every is 10 "),
        ("encoder_a", {"penalised": "yes"}, "penalised: 'yes'; valid: False, True"),
        ("encoder_a", {"normalisers": "thesis"}, "normalisers: 'thesis'; valid: measured, repository"),
        ("encoder_a", {"final_batches": 0}, "final_batches: 0; valid: a whole number, 1 or more"),
        ("alternatives", {"final_batches": 1}, "final_batches: 1; valid: a whole number, 2 or more"),
        ("encoder_a", {"encoder_epochs": 0}, "encoder_epochs: 0; valid: a whole number, 1 or more"),
        ("encoder_a", {"privacy_passes": 0}, "privacy_passes: 0; valid: a whole number, 1 or more"),
        ("encoder_d", {"utility_passes": -1}, "utility_passes: -1; valid: a whole number, 0 or more"),
        ("raw", {"utility_passes": 0}, "utility_passes: 0; valid: a whole number, 1 or more"),
        ("encoder_a", {"train_share": 0.0}, "train_share: 0.0; valid: above 0, up to 1"),
        ("encoder_a", {"train_share": 1.2}, "train_share: 1.2; valid: above 0, up to 1"),
        ("classifier", {"test_share": 1.0}, "test_share: 1.0; valid: between 0 and 1"),
        ("classifier", {"momentum": 1.0}, "momentum: 1.0; valid: 0 or more, below 1"),
        ("failures", {"ema_rate": 0.0}, "ema_rate: 0.0; valid: above 0, up to 1"),
        ("alternatives", {"alpha": 0.0}, "alpha: 0.0; valid: above 0, up to 1"),
        ("encoder_a", {"critic_lr": 0.0}, "critic_lr: 0.0; valid: above 0"),
        ("encoder_a", {"encoder_lr": -1e-3}, "encoder_lr: -0.001; valid: above 0"),
        ("classifier", {"lr": 0}, "lr: 0; valid: above 0"),
        ("alternatives", {"probe_lr": 0.0}, "probe_lr: 0.0; valid: above 0"),
        ("alternatives", {"h_x": 0.0}, "h_x: 0.0; valid: above 0"),
        ("alternatives", {"estimator": "smlie"}, "estimator: 'smlie'; did you mean 'smile'? valid: remine, smile, "),
        ("encoder_b", EPOCHS | {"encoder_epochs": 9}, "shown_epochs: [0, 5, 9]; valid: whole numbers below encoder_ep"),
        ("encoder_a", EPOCHS | {"shown_epochs": []}, "shown_epochs: []; valid: a list with 0, the untrained encoder"),
        ("correlation", {"epochs": 30, "shown_epochs": []}, "shown_epochs: []; valid: a list of whole numbers from 0"),
        ("encoder_b", EPOCHS | {"shown_epochs": [-1]}, "shown_epochs: [-1]; valid: a list of whole numbers from 0"),
        ("encoder_a", EPOCHS | {"shown_epochs": [5]}, "shown_epochs: [5]; valid: a list with 0, the untrained encoder"),
        ("correlation", {"epochs": 24}, "epochs: 24; valid: a whole number, 25 or more"),
        ("correlation", {"epochs": 30, "shown_epochs": [0, 30]}, "shown_epochs: [0, 30]; valid: whole numbers below"),
        ("failures", {"network": "dnese"}, "network: 'dnese'; did you mean 'dense'? valid: conv, dense"),
        ("failures", {"objective": "nwj"}, "objective: 'nwj'; valid: mine, stable, remine"),
        ("failures", {"shown_points": 0}, "shown_points: 0; valid: a whole number, 1 or more"),
        ("failures", {"iterations": 0}, "iterations: 0; valid: a whole number, 2 or more"),
        ("failures", {"rows": 0}, "rows: 0; valid: a whole number, 1 or more"),
        ("failures", {"batch": 1}, "batch: 1; valid: a whole number, 2 or more"),
        ("failures", {"batch": 300, "rows": 299}, "batch: 300 does not fit 299 rows (rows)"),
        ("channel", {"sigmas": [0.1, 0]}, "sigmas: [0.1, 0]; valid: a list of numbers above 0, each once"),
        ("channel", {"sigmas": [-0.1]}, "sigmas: [-0.1]; valid: a list of numbers above 0, each once"),
        ("channel_linear", {"sigmas": []}, "sigmas: []; valid: a list of numbers above 0, each once"),
        ("channel_linear", {"sigmas": [0.1, 0.1 + 1e-9]}, "sigmas: [0.1, 0.100000001]; valid: a list"),  # one name
        ("channel", {"relative": 0.0}, "relative: 0.0; valid: above 0"),
        ("channel", {"judged": 0}, "judged: 0; valid: a whole number, 1 or more"),
        ("bounds", {"states": [0.5]}, "states: [0.5]; valid: a list of whole numbers from 0, each once"),
        ("staircase", {"estimators": ["dv", "mnie"]}, "estimators: ['dv', 'mnie']; valid: a list of dv, mine, nwj, "),
        ("staircase", {"estimators": ["dv", "dv"]}, "estimators: ['dv', 'dv']; valid: a list of dv, "),
        ("staircase", {"critic": "seperable"}, "critic: 'seperable'; did you mean 'separable'? valid: joint, "),
        ("staircase", {"information": [-2.0]}, "information: [-2.0]; valid: a list of numbers from 0, each once"),
        ("staircase", {"steps": 10, "judged": 11}, "judged: 11; valid: up to steps, 10"),
        ("staircase", {"steps": 10, "shown_every": 4}, "steps: 10; valid: a multiple of shown_every, 4"),
        ("staircase", {"hidden": []}, "hidden: []; valid: a list of whole numbers from 1"),
        ("classifier", {"hidden": 0}, "hidden: 0; valid: a whole number from 1"),
    ],
)
def test_what_no_cell_knows_is_named(experiment, p, told):
    with pytest.raises(ConfigError) as raised:
        check(experiment, p)
    assert str(raised.value).startswith(f"{experiment}: {told}")
    assert "\n" not in str(raised.value)


def test_the_ends_of_a_range_are_valid():
    check("encoder_a", EPOCHS | {"chart_points": 1, "gather": 10, "update_every": 1, "penalised": True})
    check("encoder_a", {"lambda_leakage": -1.0, "lambda_utility": -10.0, "train_share": 1.0, "utility_passes": 0})
    check("encoder_b", EPOCHS | {"gather": 1, "update_every": 10, "shown_epochs": [5]})
    check("encoder_b", EPOCHS | {"shown_epochs": []})
    check("correlation", {"epochs": 25, "shown_epochs": [24]})
    check("failures", {"batch": 2, "rows": 2, "iterations": 2, "shown_points": 1, "ema_rate": 1.0})
    check("staircase", {"estimators": ["dv"], "information": [0], "steps": 1, "judged": 1, "shown_every": 1})
    check("classifier", {"momentum": 0, "hidden": 1, "epochs": 1})


def test_rows_are_those_of_the_set_and_a_stand_in_is_as_large_as_it_is():
    p = {"rows": 60_000, "batch": 300}
    check_rows("failures", p, 60_000, drawn=False)
    check_rows("failures", p, 1437, drawn=True)
    with pytest.raises(ConfigError, match=r"^failures: rows: 60000; valid: up to 59999, the training rows of the set$"):
        check_rows("failures", p, 59_999, drawn=False)
    with pytest.raises(ConfigError, match=r"^failures: batch: 300 does not fit 299 rows of the set$"):
        check_rows("failures", p, 299, drawn=True)


@pytest.fixture
def config(root):
    def made(cell, setting, value):
        given = {"scale": "quick", "papers": "infoshape", "data": "standin", "device": "cpu", "seeds": 1}
        job = resolve(root, {**default_settings(root), **given}).job("infoshape", cell)
        return job.model_copy(update={"params": {**job.params, setting: value}})

    return made


class TestStates:
    """The bounds are those of codes whose encoder experiment A keeps."""

    told = "bounds: states: 7; valid: 0, 5, 9, 10 (shown_epochs and encoder_epochs of encoder_a"

    def test_any_that_is_kept(self):
        check_kept("bounds", {"states": [0, 10]}, "encoder_a", {0, 5, 10})

    def test_the_plan_says_which_are(self, root):
        plan = resolve(root, {**default_settings(root), "scale": "quick", "papers": "infoshape"})
        read = plan.params_read("infoshape", "bounds/thesis")
        p = {**read, **plan.job("infoshape", "bounds/thesis").params}
        assert bounds.work("bounds", p).steps > 0
        with pytest.raises(ConfigError) as raised:
            bounds.work("bounds", p | {"states": [0, 7]})
        assert str(raised.value) == f"{self.told})"

    @pytest.mark.parametrize("letter", ["a", "b", "c"])
    def test_the_encoder_is_named_that_is_read(self, root, letter):
        name = "bounds" if letter == "a" else f"bounds_{letter}"
        needs = load_paper(root, "infoshape").experiments[name].needs_of("repository")
        assert list(needs) == [f"encoder_{letter}/repository"] == [f"{bounds.READ[name]}/repository"]
        with pytest.raises(ConfigError, match=rf"of encoder_{letter}\)$"):
            bounds.work(name, {"states": [7], "shown_epochs": [0], "encoder_epochs": 10})

    def test_the_job_does_before_it_trains(self, config, tmp_path, monkeypatch):
        path = tmp_path / "kept.safetensors"
        save_tensors(path, {}, {"epochs": [0, 5, 9, 10]})
        monkeypatch.setattr(bounds, "draw", lambda *_: pytest.fail("it went on"))
        job = SimpleNamespace(config=config("bounds/thesis", "states", [0, 7]), weights_path=lambda *_: path)
        with pytest.raises(ConfigError) as raised:
            bounds.run(job, [0])
        assert str(raised.value) == f"{self.told}/thesis)"


@pytest.mark.parametrize(
    ("cell", "setting", "value"),
    [
        ("closed_forms/thesis", "n_per_class", 0),
        ("correlation/thesis", "epochs", 24),
        ("raw/thesis", "final_batches", 0),
        ("encoder_a/thesis", "chart_points", 0),
        ("classifier/thesis", "momentum", 1.0),
        ("failures/dense", "shown_points", 0),
        ("failures/dense", "objective", "nwj"),
        ("staircase/thesis", "estimators", ["mnie"]),
        ("bounds/thesis", "states", []),
        ("attacker/thesis", "lr", 0.0),
        ("channel/thesis", "relative", -0.3),
        ("channel_linear/thesis", "sigmas", [0.0]),
        ("alternatives/smile", "estimator", "smlie"),
    ],
)
def test_every_job_says_so_in_one_line(config, root, tmp_path, capsys, cell, setting, value):
    job = config(cell, setting, value).model_copy(update={"needs": (), "upstream": ""})
    assert f"{setting}: {value!r}" in refusal(job, tmp_path, capsys)
