"""An unknown or impossible setting is one line that names it and what is valid, before anything is trained."""

import importlib
from types import SimpleNamespace

import pytest
import torch
from refusals import quick_job, refusal

from common.workflow.config import ConfigError, cells_of, load_paper, resolve_params
from replications.generative_filter import adult, codes, evaluate, evaluate_adult, settings
from replications.generative_filter.settings import (
    check,
    check_batch,
    check_game,
    check_one_filter,
    check_told,
    check_trained,
)

NAME = "generative_filter"
HOW = {"hidden": 15, "steps": 10, "batch": 8, "lr": 0.01}


def test_names_are_those_of_the_code():
    assert tuple(codes.LABELS) == settings.LABELS
    assert (settings.GENDER, settings.INCOME) == (adult.PRIVATE, adult.UTILITY)


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_every_cell_as_it_is_configured_passes(root, scale):
    paper = load_paper(root, NAME)

    def params(cell):
        return resolve_params(paper, *cell.split("/"), scale, {})

    for cell in cells_of(paper):
        experiment, variant = cell.split("/")
        p = params(cell)
        check(experiment, p)
        if experiment in settings.OWN_LABELS:
            check_one_filter(experiment, p)
        for needed in paper.experiments[experiment].needs_of(variant):
            if needed.startswith(("filter", "adult_filter")):
                lists = [key for key in settings.BUDGETS if key in p and key[:4] != "case"]
                check_trained(experiment, p, needed, params(needed)["budgets"], *lists)


@pytest.mark.parametrize(
    ("experiment", "p", "told"),
    [
        ("filter1", {"mechanism": "gausian"}, "mechanism: 'gausian'; did you mean 'gaussian'? valid: filter, gaussian"),
        ("adult_codes", {"method": "vea"}, "method: 'vea'; did you mean 'vae'? valid: vae, vfae, lmifr"),
        ("filter1", {"private": "shape"}, "private: 'shape'; valid: digit, circle, large, odd"),
        ("attack1", {"nontarget": "shape"}, "nontarget: 'shape'; valid: digit, circle, large, odd"),
        ("adult_filter", {"private": "age"}, "private: 'age'; valid: sex"),
        ("filter1", {"beta": -1.0}, "beta: -1.0; valid: 0 or more"),
        ("filter1", {"lr": 0}, "lr: 0; valid: above 0"),
        ("filter1", {"steps": 2.5}, "steps: 2.5; valid: a whole number, 1 or more"),
        ("filter1", {"steps": "many"}, "steps: 'many'; valid: a whole number, 1 or more"),
        ("filter1", {"budgets": [0, -1]}, "budgets: [0, -1]; valid: a list of numbers from 0, each once"),
        ("filter1", {"budgets": [1, 1.0]}, "budgets: [1, 1.0]; valid: a list of numbers from 0, each once"),
        ("filter1", {"budgets": 3}, "budgets: 3; valid: a list of numbers from 0, each once"),
        ("filter1", {"budgets": []}, "budgets: []; valid: a list of one or more numbers from 0"),
        ("attack1", {"budgets": []}, "budgets: []; valid: a list of one or more numbers from 0"),
        ("attack1", {"strong_budgets": []}, "strong_budgets: []; valid: a list of one or more numbers from 0"),
        ("attack1", {"boosted_budgets": []}, "boosted_budgets: []; valid: a list of one or more numbers from 0"),
        ("geometry", {"case1_budgets": []}, "case1_budgets: []; valid: a list of one or more numbers from 0"),
        ("geometry", {"case2_budgets": []}, "case2_budgets: []; valid: a list of one or more numbers from 0"),
        ("users", {"adversary": "al"}, "adversary: 'al'; did you mean 'all'? valid: all, own, shared"),
        ("attack1", {"budgets": [0, 3], "lnc_budgets": [5]}, "lnc_budgets: [5]; valid: some of budgets, [0, 3]"),
        ("filter1", {"hidden": [15]}, "hidden: [15]; valid: a whole number from 1"),
        ("vae", {"hidden": []}, "hidden: []; valid: a list of whole numbers from 1"),
        ("attack1", {"fresh": {"hidden": 4}}, "fresh: {'hidden': 4}; valid: a mapping of hidden, steps, batch, lr"),
        ("attack1", {"fresh": HOW | {"steps": 0}}, "fresh: steps: 0; valid: a whole number, 1 or more"),
        ("attack1", {"strong": HOW | {"hidden": [0]}}, "strong: hidden: [0]; valid: a list of whole numbers from 1"),
        ("attack1", {"fresh": HOW | {"held_back": 0.1}}, "fresh: {"),
        (
            "faces_filter",
            {"fresh": HOW},
            "fresh: {'hidden': 15, 'steps': 10, 'batch': 8, 'lr': 0.01}; valid: a mapping",
        ),
        ("faces_filter", {"fresh": HOW | {"held_back": 0.9}}, "fresh: held_back: 0.9; valid: from 0 to 0.5"),
        ("faces", {"size": 32}, "size: 32; valid: 64 "),
        ("faces", {"width": 24}, "width: 24; valid: a multiple of 16 "),
        ("geometry", {"neighbours": 15, "rows": 15}, "rows: 15; valid: more than neighbours, 15"),
        ("closed_forms", {"epsilon": 1.5}, "epsilon: 1.5; valid: between 0 and 1 "),
    ],
)
def test_what_no_cell_knows_is_named(experiment, p, told):
    with pytest.raises(ConfigError) as raised:
        check(experiment, p)
    assert str(raised.value).startswith(f"{experiment}: {told}")


def test_the_ends_of_a_range_are_valid():
    check("filter1", {"beta": 0, "rho": 0.0, "steps": 1, "budgets": [0], "rows": 0})
    check("closed_forms", {"epsilon": 0.99, "delta": 1e-9, "squared_distance": 0})
    check("attack1", {"nontarget": "", "lnc_budgets": [], "budgets": [0]})
    check("vae", {"hidden": [300, 300]})
    check("adult_attack", {"budgets": []})
    for share in (0, 0.5):
        check("faces_filter", {"fresh": HOW | {"held_back": share}})


def test_a_game_needs_a_budget_and_its_rows():
    own = torch.zeros(1, 40, dtype=torch.bool)
    own[:, :10] = True
    p = {"budgets": [0, 3], "batch": 10, "inner_steps": 4}
    check_game("users", p, own)
    for change, told in (
        ({"budgets": [0]}, "budgets: [0]; valid: a list with a number above 0"),
        ({"batch": 11, "inner_steps": 1}, "batch: 11 does not fit 10 rows of the filter's own; valid: at most 10"),
        ({"inner_steps": 5}, "batch times inner_steps: 50 does not fit 40 training rows; valid: at most 40"),
    ):
        with pytest.raises(ConfigError) as raised:
            check_game("users", p | change, own)
        assert str(raised.value) == f"users: {told}"
    check_batch("vae", 40, 40, "training rows")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"private": "odd"}, "private: 'odd'; valid: '' "),
        ({"mechanism": "gaussian"}, "mechanism: 'gaussian'; valid: filter"),
        ({"budgets": [1, 3]}, "budgets: [1, 3]; valid: a list of one number above 0"),
        ({"budgets": [0]}, "budgets: [0]; valid: a list of one number above 0"),
    ],
)
def test_tables_3_and_4_say_what_they_would_pass_over(change, told):
    with pytest.raises(ConfigError) as raised:
        check_one_filter("users", {"private": "", "utility": "", "mechanism": "filter", "budgets": [3], **change})
    assert str(raised.value).startswith(f"users: {told}")


def test_an_attack_is_on_budgets_that_were_trained():
    p = {"budgets": [0, 3], "shown_budget": 2}
    check_trained("attack1", p, "filter1/filter", [3, 5], "budgets")
    with pytest.raises(ConfigError, match=r"^attack1: shown_budget: 2; valid: 0, 3, 5 \(those of filter1/filter\)$"):
        check_trained("attack1", p, "filter1/filter", [3, 5], "budgets", "shown_budget")


@pytest.mark.parametrize(
    ("experiment", "change", "told"),
    [
        ("attack1", {"private": "large"}, "private: 'large'; valid: digit (what filter1/filter was trained for)"),
        ("attack1", {"utility": "odd"}, "utility: 'odd'; valid: circle (what filter1/filter was trained for)"),
        ("attack2", {"private": "digit"}, "private: 'digit'; valid: large (what filter2/filter was trained for)"),
    ],
)
def test_an_attack_is_on_the_labels_that_the_filter_was_trained_for(experiment, change, told, root):
    """Told another label a filter would release other codes, or have no column for it."""
    paper = load_paper(root, NAME)
    needed = paper.experiments[experiment].needs_of("filter")[1]
    trained = resolve_params(paper, *needed.split("/"), "quick", {})
    p = resolve_params(paper, experiment, "filter", "quick", {})
    check_told(experiment, p, needed, trained)
    with pytest.raises(ConfigError) as raised:
        check_told(experiment, p | change, needed, trained)
    assert str(raised.value) == f"{experiment}: {told}"


def test_an_attack_job_looks_at_its_labels(root, monkeypatch):
    paper = load_paper(root, NAME)
    p = resolve_params(paper, "attack1", "filter", "quick", {}) | {"private": "large"}
    needs = paper.experiments["attack1"].needs_of("filter")
    trained = SimpleNamespace(params=resolve_params(paper, "filter1", "filter", "quick", {}))
    cell = SimpleNamespace(paper=NAME, experiment="attack1", variant="filter")
    job = SimpleNamespace(config=SimpleNamespace(cell=cell, params=p, needs=needs), needed=lambda *_: trained)
    monkeypatch.setattr(evaluate, "digits_of", lambda _: None)
    with pytest.raises(ConfigError, match=r"^attack1: private: 'large'; valid: digit "):
        evaluate.Evaluation(job, [0])


@pytest.mark.parametrize(
    ("needs", "budgets", "told"),
    [
        (("adult_codes/vae",), [3], r"budgets: \[3\]; valid: \[\] \(no filter is read\)"),
        (("adult_codes/vae", "adult_filter/filter"), [], r"budgets: \[\]; valid: a list of one or more"),
        (
            ("adult_codes/vae", "adult_filter/filter"),
            [2],
            r"budgets: 2; valid: 0, 1, 3 \(those of adult_filter/filter\)",
        ),
    ],
)
def test_adult_s_budgets_go_with_what_is_released(needs, budgets, told):
    work = object.__new__(evaluate_adult.Evaluation)
    trained = SimpleNamespace(params={"budgets": [1, 3]})
    work.job = SimpleNamespace(config=SimpleNamespace(needs=needs), needed=lambda *_: trained)
    work.seeds, work.p = [0], {"budgets": budgets}
    with pytest.raises(ConfigError, match=f"^adult_attack: {told}$"):
        work.check_budgets("adult_attack")


@pytest.mark.parametrize(
    ("cell", "setting", "told"),
    [
        ("closed_forms/paper", {"closed_forms.delta": 2}, "closed_forms: delta: 2; "),
        ("vae/paper", {"vae.batch": 0}, "vae: batch: 0; "),
        ("vae/paper", {"vae.rows": 50}, "vae: batch: 100 does not fit 50 training rows; "),
        ("adult_codes/vae", {"adult_codes.method": "vea"}, "adult_codes: method: 'vea'; "),
        ("faces/paper", {"faces.size": 32}, "faces: size: 32; "),
    ],
)
def test_a_job_says_so_in_one_line(cell, setting, told, root, tmp_path, capsys):
    line = refusal(quick_job(root, f"{NAME}/{cell}", **setting), tmp_path, capsys)
    assert line.startswith(f"{cell}: {told}")
    assert "valid: " in line


@pytest.mark.parametrize(
    ("module", "experiment", "change", "told"),
    [
        ("train_filter", "filter1", {"mechanism": "gausian"}, "mechanism"),
        ("adult_filter", "adult_filter", {"private": "age"}, "private"),
        ("users", "users", {"budgets": [1, 3]}, "budgets"),
        ("geometry", "geometry", {"rows": 3}, "rows"),
        ("evaluate", "attack1", {"repeats": 0}, "repeats"),
        ("evaluate_adult", "adult_attack", {"repeats": 0}, "repeats"),
        ("evaluate_faces", "faces_filter", {"utility": "odd"}, "utility"),
    ],
)
def test_a_job_that_reads_others_looks_at_its_own_settings_first(module, experiment, change, told, root):
    paper = load_paper(root, NAME)
    variant = next(iter(paper.experiments[experiment].variants))
    p = resolve_params(paper, experiment, variant, "quick", {}) | change
    cell = SimpleNamespace(paper=NAME, experiment=experiment, variant=variant)
    needs = paper.experiments[experiment].needs_of(variant)
    job = SimpleNamespace(config=SimpleNamespace(cell=cell, params=p, needs=needs, device="cpu", precision="fp32"))
    with pytest.raises(ConfigError, match=f"^{experiment}: {told}: "):
        importlib.import_module(f"replications.{NAME}.{module}").run(job, [0])
