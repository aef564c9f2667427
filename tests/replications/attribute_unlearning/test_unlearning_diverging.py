"""Interrupted and diverging runs of attribute unlearning: what is done is kept, and records say what is not."""

import pytest
import torch
from unlearning_runs import TINY, narrow, plan_of, record, run

from replications.attribute_unlearning import attacker, method, networks


def test_an_interrupted_grid_takes_its_pairs_up(root, tmp_path, monkeypatch):
    """Killed in its third pair, it keeps two, and ends with the record of a run that was not."""
    from replications.attribute_unlearning import lambdas

    plan = plan_of(root, "quick", TINY)
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    assert run(plan, "lambdas/l5", tmp_path / "whole") == 0
    true, asked = attacker.fit, []

    def killed(*arguments, **more):
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return true(*arguments, **more)

    expect, expected = lambdas.Grid.expect, []
    monkeypatch.setattr(lambdas.Grid, "expect", lambda grid, each: expected.append(expect(grid, each)) or expected[-1])
    monkeypatch.setattr(lambdas.attacker, "fit", killed)
    assert run(plan, "lambdas/l5", tmp_path / "cut") == 130
    assert run(plan, "lambdas/l5", tmp_path / "cut") == 0
    assert len(asked) == 5, "the third again, and the fourth"
    cut, resumed = expected
    assert cut.done < cut.total
    assert resumed.done == resumed.total, "pairs taken up count as done, or time left would count them again"
    first, second = (record(tmp_path / f, "lambdas/l5")["metrics"] for f in ("whole", "cut"))
    assert first == second
    assert not list((tmp_path / "cut").rglob(".checkpoint*"))


def test_pairs_that_diverge_cost_the_others_nothing(root, tmp_path, monkeypatch):
    """Of four, one in its training and one in its attack: the record says so and keeps the other two."""
    plan = plan_of(root, "quick", TINY)
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    assert run(plan, "lambdas/l5", tmp_path / "whole") == 0
    detachment, fit = method.detachment, attacker.fit

    def trained(*arguments):
        routes = detachment(*arguments)
        l2, l3 = arguments[5].l2, arguments[5].l3
        bad = torch.nan if (l2, l3) == (0.1, 2.0) else 1.0
        return [method.Route(route.loss * bad, to=route.to, name=route.name) for route in routes]

    def attacked(turns, name, *arguments):
        with monkeypatch.context() as patch:
            if "2.0, 2.0" in name:
                patch.setattr(attacker, "cross_entropy", lambda logits, _: logits.sum() * torch.nan)
            return fit(turns, name, *arguments)

    monkeypatch.setattr(method, "detachment", trained)
    monkeypatch.setattr(attacker, "fit", attacked)
    assert run(plan, "lambdas/l5", tmp_path / "some") == 0
    whole, some = (record(tmp_path / folder, "lambdas/l5") for folder in ("whole", "some"))
    assert (whole["status"], some["status"]) == ("ok", "diverged")
    one, other = some["message"].split("; ")
    assert one.startswith("lambda2 0.1, lambda3 2.0: step ")
    assert other.startswith("lambda2 2.0, lambda3 2.0: attack: step ")
    kept = {f"{name}_{pair}" for name in ("aum", "efficacy", "fidelity") for pair in ("0.1_0.1", "2.0_0.1")}
    assert some["metrics"] == {name: whole["metrics"][name] for name in kept}
    assert {"aum_best", "fidelity_mean"} <= set(whole["metrics"]), "a summary is of a whole grid"


@pytest.mark.parametrize("cell", ["reconstruction/before", "celeba_attack/before"])
def test_what_diverges_at_once_on_a_frozen_network_leaves_a_record(cell, root, tmp_path, monkeypatch):
    plan = plan_of(root, "quick", TINY)
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    for needed in ("celeba/before", "celeba/area"):
        assert run(plan, needed, tmp_path) == 0
    monkeypatch.setattr(attacker, "cross_entropy", lambda logits, _: logits.sum() * torch.nan)
    monkeypatch.setattr(method, "reconstruction_error", lambda logits, _: logits.sum() * torch.nan)
    assert run(plan, cell, tmp_path) == 0
    found = record(tmp_path, cell)
    assert (found["status"], found["message"][-3:]) == ("diverged", "nan")


def without_number(depth, monkeypatch):
    """Let the task's loss of networks of one depth be no number."""
    true = method.task

    def task(classifier, *arguments, **more):
        route = true(classifier, *arguments, **more)
        bad = classifier[-1].in_features == depth  # the narrow network of a depth is as wide
        return method.Route(route.loss * torch.nan, to=route.to, name=route.name) if bad else route

    monkeypatch.setattr(method, "task", task)


def test_of_two_networks_the_one_that_is_left_is_attacked(root, tmp_path, monkeypatch):
    plan = plan_of(root, "quick", TINY)
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    without_number(34, monkeypatch)
    assert run(plan, "cifar10/before_deep", tmp_path) == 0
    trained = record(tmp_path, "cifar10/before_deep")
    assert trained["status"] == "diverged"
    assert "fidelity_r34" not in trained["metrics"]
    assert run(plan, "cifar10_attack/before_deep", tmp_path) == 0
    found = record(tmp_path, "cifar10_attack/before_deep")
    assert (found["status"], found["message"]) == ("diverged", f"cifar10/before_deep: {trained['message']}")
    assert found["message"].startswith("cifar10/before_deep: ResNet-34: ")
    assert found["metrics"]["fidelity_r50"] == trained["metrics"]["fidelity_r50"]
    assert "efficacy_r50" in found["metrics"]
    assert not [name for name in (*found["metrics"], *found["series"]) if name.endswith("r34")]


def test_without_the_attribute_s_network_nothing_is_trained_on_the_area(root, tmp_path, monkeypatch):
    plan = plan_of(root, "quick", TINY)
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    without_number(18, monkeypatch)
    for cell in ("cifar10/area", "cifar10_attack/area"):
        assert run(plan, cell, tmp_path) == 0
    trained, attacked = record(tmp_path, "cifar10/area"), record(tmp_path, "cifar10_attack/area")
    assert trained["status"] == attacked["status"] == "diverged"
    assert trained["message"].startswith("attribute: ")
    assert not [name for name in trained["series"] if name.endswith("r18")]
    assert (attacked["metrics"], attacked["message"]) == ({}, f"cifar10/area: {trained['message']}")
