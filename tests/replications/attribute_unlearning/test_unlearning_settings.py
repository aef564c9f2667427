"""An unknown setting is one line that names it and what is valid, before anything is loaded or trained."""

from types import SimpleNamespace

import pytest
from refusals import quick_job, refusal

from common.workflow.config import ConfigError, cells_of, load_paper, resolve_params
from replications.attribute_unlearning import reconstruction
from replications.attribute_unlearning.settings import check, check_grid, check_start

NAME = "attribute_unlearning"
GRID = {"method": "unlearn", "depths": [18], "grid2": [0.1], "grid3": [2]}


@pytest.mark.parametrize("scale", ["paper", "reduced", "quick"])
def test_every_cell_as_it_is_configured_passes(root, scale):
    paper = load_paper(root, NAME)
    for cell in cells_of(paper):
        experiment, variant = cell.split("/")
        p = resolve_params(paper, experiment, variant, scale, {})
        check(experiment, p)
        if experiment == "lambdas":
            check_grid(experiment, p)


@pytest.mark.parametrize(
    ("p", "told"),
    [
        ({"method": "unlernt"}, "method: 'unlernt'; did you mean 'unlearn'? valid: before, unlearn, area"),
        ({"stem": "foo"}, "stem: 'foo'; valid: cifar, imagenet"),
        ({"stage": "stage9"}, "stage: 'stage9'; did you mean 'stage3'? valid: stage1, stage2, stage3"),
        ({"stage": "pool"}, "stage: 'pool'; valid: stage1, stage2, stage3"),
        ({"depth": 20}, "depth: 20; valid: 18, 34, 50"),
        ({"depths": [18, 20]}, "depths: [18, 20]; valid: a list of 18, 34, 50, each once"),
        ({"depths": [18, 18]}, "depths: [18, 18]; valid: a list of 18, 34, 50, each once"),
        ({"depths": []}, "depths: []; valid: a list of 18, 34, 50, each once"),
        ({"probed": [[18]]}, "probed: [[18]]; valid: a list of 18, 34, 50, each once"),
        ({"share": 1.5}, "share: 1.5; valid: 0 to 1, of an image's area"),
        ({"share": -0.1}, "share: -0.1; valid: 0 to 1, of an image's area"),
        ({"lambda3": -1.0}, "lambda3: -1.0; valid: 0 or more"),
        ({"batch": 1}, "batch: 1; valid: a whole number, 2 or more"),
        ({"epochs": 0}, "epochs: 0; valid: a whole number, 1 or more"),
        ({"epochs": 1.5}, "epochs: 1.5; valid: a whole number, 1 or more"),
        ({"lr": -1}, "lr: -1; valid: above 0"),
        ({"lr": 0}, "lr: 0; valid: above 0"),
        ({"attack_lr": 0.0}, "attack_lr: 0.0; valid: above 0"),
        ({"crop": -1}, "crop: -1; valid: a whole number, 0 or more"),
        ({"side": 0}, "side: 0; valid: a whole number, 1 or more"),
        ({"weight_decay": -1e-4}, "weight_decay: -0.0001; valid: 0 or more"),
        ({"momentum": 1.0}, "momentum: 1.0; valid: between 0 and 1"),
        ({"momentum": 0}, "momentum: 0; valid: between 0 and 1"),
        ({"warm_up": 1.0}, "warm_up: 1.0; valid: 0 or more, below 1, of all steps"),
        ({"warm_up": -0.1}, "warm_up: -0.1; valid: 0 or more"),
        ({"cache_mb": -1}, "cache_mb: -1; valid: 0 or more"),
        ({"probe_images": 0}, "probe_images: 0; valid: a whole number, 1 or more"),
        ({"literal": "yes"}, "literal: 'yes'; valid: False, True"),
        ({"least_steps": 0}, "least_steps: 0; valid: a whole number, 1 or more"),
        ({"sets": "equal"}, "sets: 'equal'; valid: balanced, natural"),
        ({"share": "0.3"}, "share: '0.3'; valid: 0 to 1, of an image's area"),
    ],
)
def test_what_no_cell_knows_is_named(p, told):
    with pytest.raises(ConfigError) as raised:
        check("cifar10", p)
    message = str(raised.value)
    assert message.startswith("cifar10: ")
    # which of several near names is offered first is the matcher's to say
    assert message.partition("did you mean")[0] == f"cifar10: {told}".partition("did you mean")[0]
    assert message.partition("valid")[2] == told.partition("valid")[2]


CLOCK = {"images": 20, "batch": 4, "steps": 2, "rounds": 1, "warm_up": 0}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"images": 3}, "images: 3; valid: the batch or more (4): an epoch is whole batches"),
        ({"rounds": 0}, "rounds: 0; valid: a whole number, 1 or more"),
        ({"steps": 1}, "steps: 1; valid: a whole number, 2 or more (nothing runs side by side in a round of one)"),
        ({"steps": 2.5}, "steps: 2.5; valid: a whole number, 2 or more (nothing runs side by side in a round of one)"),
        ({"warm_up": 0.5}, "warm_up: 0.5; valid: a whole number, 0 or more (of steps)"),
    ],
)
def test_a_clock_that_would_say_nothing_is_named(change, told):
    with pytest.raises(ConfigError) as raised:
        check("parallel", CLOCK | change)
    assert str(raised.value) == f"parallel: {told}"


def test_the_ends_of_a_range_are_valid():
    check("cifar10", {"share": 0.0, "lambda1": 0.0, "batch": 2, "epochs": 1, "probed": [], "warm_up": 0.0, "crop": 0})
    check("cifar10", {"share": 1.0})
    check("parallel", CLOCK | {"images": 4})
    check_grid("lambdas", GRID)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"method": "before"}, "method: 'before'; valid: unlearn"),
        ({"depths": [18, 34]}, "depths: [18, 34]; valid: a list of one of 18, 34, 50"),
        ({"grid2": []}, "grid2: []; valid: a list of numbers from 0"),
        ({"grid3": [1.0, -1.0]}, "grid3: [1.0, -1.0]; valid: a list of numbers from 0"),
        ({"grid3": ["a"]}, "grid3: ['a']; valid: a list of numbers from 0"),
        ({"literal": True}, "grid3: [2]; valid: each below grid2's, [0.1], under literal: "),
    ],
)
def test_a_grid_that_is_none(change, told):
    with pytest.raises(ConfigError) as raised:
        check_grid("lambdas", GRID | change)
    assert str(raised.value).startswith(f"lambdas: {told}")


@pytest.mark.parametrize(("lambda2", "lambda3"), [(1.0, 1.0), (0.5, 1.0), (0.0, 0.0)])
def test_the_printed_sign_leaves_eq_2_a_gamma_above_0(lambda2, lambda3):
    """lambda2 = alpha beta and lambda3 = alpha (beta - gamma): at equal ones eq. (2) removes nothing."""
    p = {"lambda2": lambda2, "lambda3": lambda3}
    with pytest.raises(ConfigError) as raised:
        check("cifar10", {**p, "literal": True})
    told = f"below lambda2, {lambda2}, under literal: eq. (2) asks for gamma > 0, and alpha gamma = lambda2 - lambda3"
    assert str(raised.value) == f"cifar10: lambda3: {lambda3}; valid: {told}"
    check("cifar10", {**p, "literal": False})
    check("cifar10", {"lambda2": lambda2 + 1, "lambda3": lambda2, "literal": True})


def test_implied_weights_of_eq_2(root):
    """The README tells them: lambda1 = alpha (1 - beta), lambda2 = alpha beta, lambda3 = alpha (beta - gamma)."""
    paper = load_paper(root, NAME)
    for variant, gamma in (("unlearn", 1 / 3), ("literal", 1 / 12), ("infopro", 1 / 6)):
        p = resolve_params(paper, "cifar10", variant, "paper", {})
        alpha = p["lambda1"] + p["lambda2"]
        beta = p["lambda2"] / alpha
        signed = p["lambda3"] if p["literal"] else -p["lambda3"]
        assert (alpha, beta, beta - signed / alpha) == pytest.approx((6, 1 / 6, gamma))


def test_a_training_goes_on_from_the_network_it_asks_for():
    p = {"depths": [18], "task": "living", "side": 16, "stem": "cifar", "stage": "stage2"}
    check_start("cifar10_from_before", p, "cifar10/before", {**p, "epochs": 160})
    with pytest.raises(ConfigError, match=r"^cifar10_from_before: stage: 'stage3', but cifar10/before has 'stage2'"):
        check_start("cifar10_from_before", {**p, "stage": "stage3"}, "cifar10/before", p)


def test_a_reconstruction_s_own_settings_are_looked_at_before_what_it_reads():
    config = SimpleNamespace(params={"epochs": 0}, cell=SimpleNamespace(experiment="reconstruction"), needs=())
    with pytest.raises(ConfigError, match="reconstruction: epochs: 0; valid: a whole number, 1 or more"):
        reconstruction.run(SimpleNamespace(config=config), [0])


@pytest.mark.parametrize(
    ("cell", "setting", "told"),
    [
        ("cifar10/before", {"cifar10.method": "unlernt"}, "cifar10: method: 'unlernt'; "),
        ("celeba/area", {"celeba.share": 1.5}, "celeba: share: 1.5; "),
        ("cifar10_attack/before", {"cifar10_attack.epochs": 0}, "cifar10_attack: epochs: 0; "),
        ("lambdas/l5", {"lambdas.stage": "stage9"}, "lambdas: stage: 'stage9'; "),
        ("lambdas/l5", {"lambdas.depths": [18, 34]}, "lambdas: depths: [18, 34]; "),
        ("parallel/r18", {"parallel.stem": "foo"}, "parallel: stem: 'foo'; "),
        ("parallel/r18", {"parallel.images": 4, "parallel.batch": 8}, "parallel: images: 4; "),
        ("parallel/r18", {"parallel.rounds": 0}, "parallel: rounds: 0; "),
        ("cifar10/before", {"cifar10.lr": 0}, "cifar10: lr: 0; "),
        ("cifar10/literal", {"cifar10.lambda2": 0.5}, "cifar10: lambda3: 0.5; "),
        ("fairface/before", {"fairface.side": 0}, "fairface: side: 0; "),
    ],
)
def test_every_kind_of_job_says_so_in_one_line(cell, setting, told, root, tmp_path, capsys):
    line = refusal(quick_job(root, f"{NAME}/{cell}", **setting), tmp_path, capsys)
    assert line.startswith(f"{cell}: {told}")
    assert "valid: " in line
