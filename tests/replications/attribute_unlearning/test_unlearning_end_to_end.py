"""The whole paper at a tiny size on stand-ins: every job, artefact and claim; and every kind of job at scale paper."""

import importlib
import json
import math

import pytest
import torch
from torch import nn

from common.evaluation.claims import read_claims
from common.evaluation.comparison import compare
from common.evaluation.published import read_published
from common.models import resnet
from common.results import Cell, store
from common.training.checkpoint import load_tensors
from common.workflow.dag import Dag
from common.workflow.resolve import default_settings, resolve
from replications.attribute_unlearning import attacker, evaluate, experiment, figures, method, networks, tables

NAME = "attribute_unlearning"
TINY = {f"{NAME}.lemmas.drawn": 60}
for _set in ("cifar10", "fairface", "fairface_deep", "celeba", "celeba_deep"):
    TINY |= {f"{NAME}.{_set}.{k}": v for k, v in {"train_images": 24, "test_images": 30, "batch": 12}.items()}
    TINY |= {f"{NAME}.{_set}_attack.{k}": v for k, v in {"batch": 20, "most_epochs": 1}.items()}
TINY |= {f"{NAME}.lambdas.{k}": v for k, v in {"train_images": 24, "test_images": 30, "batch": 12}.items()}
TINY |= {f"{NAME}.reconstruction.epochs": 1, f"{NAME}.reconstruction.batch": 12}
TINY |= {f"{NAME}.parallel.batch": 4, f"{NAME}.parallel.side": 8, f"{NAME}.parallel.images": 8}


def plan_of(root, scale, overrides, **more):
    given = {"scale": scale, "papers": NAME, "data": "standin", "device": "cpu", "seeds": 1, "set": overrides, **more}
    return resolve(root, {**default_settings(root), **given})


def run(plan, cell, folder):
    """Run one cell by its module's own command line."""
    job = plan.job(NAME, cell)
    path = store.cell_folder(folder, job.cell) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    return importlib.import_module(job.module).main([str(path), "--results", str(folder)])


def record(folder, cell, scale="quick", seed=0):
    name, variant = cell.split("/")
    where = Cell(paper=NAME, experiment=name, variant=variant, scale=scale)
    return json.loads((store.cell_folder(folder, where) / f"seed={seed}.json").read_text(encoding="utf-8"))


class Narrow(resnet.ResNetEncoder):
    """A ResNet of the same stages and far fewer channels: weights by the million are drawn, saved and read else."""

    def __init__(self, depth, stem="cifar", inputs=3):
        nn.Module.__init__(self)
        self.width = depth
        widths = {"stem": (inputs, 8), "stage1": (8, 8), "stage2": (8, 8), "stage3": (8, 8), "stage4": (8, depth)}
        for name, (a, b) in widths.items():
            stride = 1 if name in ("stem", "stage1") else 2
            layers = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()
            setattr(self, name, nn.Sequential(*layers))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def narrow(random, *arguments, **more):
    return networks.build(lambda: Narrow(*arguments, **more), random)


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """Records of every cell that an artefact or a printed number rests on."""
    folder = tmp_path_factory.mktemp("unlearning") / "results"
    plan = plan_of(root, "quick", TINY)
    dag = Dag(plan, NAME)

    def attack_net(channels, classes, seed, machine):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(channels, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            networks, "resnet_encoder", lambda random, *a, **k: networks.build(lambda: Narrow(*a, **k), random)
        )
        patch.setattr(networks, "attacker", attack_net)
        for job in dag.trainings():  # as in the file: what is needed comes first
            if job.cell in dag.wanted:
                assert run(plan, job.cell, folder) == 0, job.cell
    return plan, folder


@pytest.mark.slow
class TestWhole:
    """Some sixty tiny jobs: half a minute on a quiet core."""

    def test_every_artefact_is_made(self, whole, tmp_path):
        plan, folder = whole
        for name, artefact in plan.papers[NAME].artefacts.items():
            records = [str(folder.parent / p) for cell in artefact.cells for p in plan.records(NAME, cell)]
            module, endings = (figures, ["svg", "png"]) if artefact.kind == "figure" else (tables, ["csv", "md"])
            files = [tmp_path / f"{name}.{ending}" for ending in endings]
            assert module.main([name, *map(str, files), "--title", artefact.title, "--records", *records]) == 0, name
            assert all(file.stat().st_size > 0 for file in files)

    def test_every_number_and_claim_finds_its_record_and_stand_ins_earn_nothing(self, whole, root):
        plan, folder = whole
        own = root / "replications" / NAME
        rows, claims = read_published(own / "published.csv"), read_claims(own / "claims.yaml")
        found = compare(plan.papers[NAME], rows, claims, folder, "quick")
        by = {row.published.key: row.judgement.verdict for row in found.rows}
        assert {v for (artefact, *_), v in by.items() if artefact in ("table1", "table3", "sizes")} == {
            "not comparable"
        }
        assert "not run" not in by.values()
        outcomes = {result.claim.id: result.outcome for result in found.claims}
        assert outcomes["C7b"] == "fails", "Lemma 3.2 as printed; it needs no data"
        assert outcomes["C1a"].startswith("not judged")

    def test_a_second_run_trains_nothing(self, whole):
        plan, folder = whole
        before = record(folder, "cifar10/unlearn")["provenance"]["started"]
        assert run(plan, "cifar10/unlearn", folder) == 0
        assert record(folder, "cifar10/unlearn")["provenance"]["started"] == before

    def test_an_attack_belongs_to_its_training(self, whole):
        _, folder = whole
        for variant in ("before", "unlearn", "area"):
            trained = record(folder, f"cifar10/{variant}")["metrics"]
            attacked = record(folder, f"cifar10_attack/{variant}")["metrics"]
            assert attacked["fidelity_r18"] == trained["fidelity_r18"]
            hidden, kept = 1 - attacked["efficacy_r18"], attacked["fidelity_r18"]
            assert attacked["aum_r18"] == pytest.approx(2 * hidden * kept / (hidden + kept))
            assert attacked["chance_r18"] == pytest.approx(0.1)

    def test_pictures_of_figure_3_differ_in_the_area_alone(self, whole):
        _, folder = whole
        series = record(folder, "celeba/area")["series"]
        gone = []
        for k in range(experiment.SHOWN):
            changed = [a != b for a, b in zip(series[f"image_{k}"], series[f"removed_{k}"], strict=True)]
            gone.append(sum(any(changed[pixel::256]) for pixel in range(256)))
        assert max(gone) > 0, "something is removed on some image"
        assert max(gone) <= round(0.3 * 256)


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

    monkeypatch.setattr(lambdas.attacker, "fit", killed)
    assert run(plan, "lambdas/l5", tmp_path / "cut") == 130
    assert run(plan, "lambdas/l5", tmp_path / "cut") == 0
    assert len(asked) == 5, "the third again, and the fourth"
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


def test_records_tell_what_an_attack_is_worth_and_where_a_picture_is_worse(root, tmp_path, monkeypatch):
    """Rows and steps of the fit, what the network was trained on, its own head beside a blind one; PSNR in the area."""
    plan = plan_of(root, "quick", TINY | {f"{NAME}.celeba_attack.least_steps": 7})
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    for cell in ("celeba/unlearn", "celeba/area", "celeba_attack/unlearn", "reconstruction/unlearn"):
        assert run(plan, cell, tmp_path) == 0
    trained, named = (record(tmp_path, f"celeba/{v}")["metrics"] for v in ("unlearn", "area"))
    found = record(tmp_path, "celeba_attack/unlearn")["metrics"]
    assert 7 <= found["attack_steps_r18"] < 7 + found["attack_rows_r18"] // 20
    assert [found[f"trained_{k}_r18"] for k in ("images", "side", "epochs")] == [24, 16, 1]
    assert [found[f"{k}_r18"] for k in ("head_loss", "head_blind")] == [
        trained[f"{k}_r18"] for k in ("head_loss", "head_blind")
    ]
    assert 0 < found["head_blind_r18"] <= math.log(11) + 1e-6
    assert "head_loss_r18" not in named, "nobody trained one along"
    assert 0 < named["removed"] <= 0.3 + 1 / 256
    assert named["map_side"] == 4
    rebuilt = record(tmp_path, "reconstruction/unlearn")["metrics"]
    assert rebuilt["key_area"] == pytest.approx(named["removed"]), "the same classifier on the same images"
    assert math.isfinite(rebuilt["psnr_inside"] + rebuilt["psnr_outside"])


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


@pytest.mark.parametrize(("data", "attribute"), [("celeba", 2), ("fairface", 7)])
def test_attackers_may_meet_the_rows_as_the_set_has_them(data, attribute, root, tmp_path, monkeypatch):
    plan = plan_of(root, "quick", TINY)
    monkeypatch.setattr(networks, "resnet_encoder", narrow)
    seen, true = [], attacker.fit

    def fit(turns, name, extractor, part, *arguments):
        seen.append(torch.bincount(part["z"], minlength=attribute).tolist())
        return true(turns, name, extractor, part, *arguments)

    monkeypatch.setattr(evaluate.attacker, "fit", fit)
    for cell in (f"{data}/before", f"{data}_attack/before", f"{data}_natural_attack/before"):
        assert run(plan, cell, tmp_path) == 0
    balanced, natural = (record(tmp_path, f"{data}{name}/before")["metrics"] for name in ("_attack", "_natural_attack"))
    assert len(set(seen[0])) == 1
    assert len(set(seen[1])) > 1
    assert balanced["chance_r18"] == pytest.approx(1 / attribute)
    assert natural["chance_r18"] > 1 / attribute, "a guess of the commonest class, on the rows that efficacy is of"
    assert f"{data}_natural_attack/before" not in Dag(plan, NAME).wanted, "on request"


class TestFromBefore:
    """D16: the method on the networks of baseline 1."""

    def test_it_goes_on_where_baseline_1_ended(self, root, tmp_path, monkeypatch):
        plan = plan_of(root, "quick", {**TINY, f"{NAME}.cifar10_from_before.batch": 12})
        monkeypatch.setattr(networks, "resnet_encoder", narrow)
        assert run(plan, "cifar10/before", tmp_path) == 0
        started, true = [], experiment.train

        def train(turns, name, nets, *arguments):
            started.append({key: value.clone() for key, value in nets.state_dict().items()})
            return true(turns, name, nets, *arguments)

        monkeypatch.setattr(experiment, "train", train)
        assert run(plan, "cifar10_from_before/unlearn", tmp_path) == 0
        left = load_tensors(tmp_path / f"quick/{NAME}/cifar10/before/seed=0.safetensors")[0]
        (start,) = started
        for name, value in left.items():
            assert torch.equal(start[name.removeprefix("r18/")], value), name
        assert {name.partition(".")[0] for name in start} == {*networks.AUXILIARY, "extractor", "classifier"}
        ended = load_tensors(tmp_path / f"quick/{NAME}/cifar10_from_before/unlearn/seed=0.safetensors")[0]
        assert not all(torch.equal(value, ended[name]) for name, value in left.items()), "it did train"
        assert run(plan, "cifar10_from_before_attack/unlearn", tmp_path) == 0
        assert record(tmp_path, "cifar10_from_before_attack/unlearn")["status"] == "ok"

    def test_another_network_than_baseline_1_s_is_one_line(self, root, tmp_path, monkeypatch, capsys):
        plan = plan_of(root, "quick", {**TINY, f"{NAME}.cifar10_from_before.stage": "stage3"})
        monkeypatch.setattr(networks, "resnet_encoder", narrow)
        assert run(plan, "cifar10/before", tmp_path) == 0
        capsys.readouterr()
        assert run(plan, "cifar10_from_before/unlearn", tmp_path) == 1
        assert "stage: 'stage3', but cifar10/before has 'stage2'" in capsys.readouterr().err

    def test_no_artefact_waits_for_it(self, root):
        dag = Dag(plan_of(root, "quick", TINY), NAME)
        assert not [cell for cell in dag.wanted if "from_before" in cell]

    def test_its_protocol_is_the_method_s(self, root):
        for scale in ("paper", "reduced", "quick"):
            plan = plan_of(root, scale, {})
            for name in ("cifar10", "cifar10_attack"):
                other = name.replace("cifar10", "cifar10_from_before")
                assert plan.job(NAME, f"{other}/unlearn").params == plan.job(NAME, f"{name}/unlearn").params


FIRST = {
    f"{NAME}.{s}.{k}": v
    for s in ("cifar10", "fairface", "celeba", "lambdas")
    for k, v in {"train_images": 8, "test_images": 8, "batch": 4, "epochs": 1}.items()
}
FIRST |= {
    f"{NAME}.{s}_attack.{k}": v
    for s in ("cifar10", "celeba")
    for k, v in {
        "train_images": 40,
        "test_images": 40,
        "batch": 20,
        "epochs": 1,
        "least_steps": 1,
        "probe_images": 40,
        "most_epochs": 2,
    }.items()
}
FIRST |= {
    f"{NAME}.lambdas.{k}": v
    for k, v in {"grid2": [0.5], "grid3": [1.0], "attack_images": 14, "attack_epochs": 1, "least_steps": 1}.items()
}
FIRST |= {f"{NAME}.reconstruction.epochs": 1, f"{NAME}.reconstruction.batch": 4, f"{NAME}.attention.probe_images": 40}
FIRST |= {
    f"{NAME}.parallel.{k}": v for k, v in {"batch": 4, "images": 8, "steps": 2, "rounds": 1, "warm_up": 1}.items()
}


@pytest.mark.slow
class TestFirstStepsAtScalePaper:
    """Full-size pictures and networks: seconds a step."""

    @pytest.mark.parametrize(
        "cells",
        [
            ["cifar10/unlearn_deep"],
            [
                "celeba/unlearn",
                "celeba_attack/unlearn",
                "celeba/before",
                "celeba/area",
                "reconstruction/unlearn",
                "attention/celeba",
            ],
            ["cifar10/area", "cifar10_attack/area"],
            ["fairface/unlearn_age"],
            ["lambdas/l2_5"],
            ["parallel/r50"],
        ],
    )
    def test_every_kind_of_job(self, cells, root, tmp_path):
        plan = plan_of(root, "paper", FIRST)
        for cell in cells:
            assert run(plan, cell, tmp_path) == 0
            found = record(tmp_path, cell, "paper")
            assert found["status"] == "ok", found["message"]
        side = record(tmp_path, cells[0], "paper")["params"]["side"]
        assert side == (32 if cells[0].startswith(("cifar10", "parallel")) else 64)


class TestBadInput:
    def test_a_missing_set_is_one_line(self, root, tmp_path, capsys):
        plan = plan_of(root, "quick", TINY)
        job = plan.job(NAME, "celeba/before").model_copy(update={"data": "real", "dataset": "no-such-set"})
        path = tmp_path / "celeba" / "before" / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(job.model_dump_json(), encoding="utf-8")
        assert experiment.main([str(path), "--results", str(tmp_path)]) == 1
        message = capsys.readouterr().err.strip()
        assert "no-such-set" in message
        assert "\n" not in message

    def test_a_label_that_is_not_there_is_one_line(self, root, tmp_path, capsys):
        plan = plan_of(root, "quick", {**TINY, f"{NAME}.cifar10.attribute": "race"})
        assert run(plan, "cifar10/before", tmp_path) == 1
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message == "cifar10/before: cifar10 has no label 'race'; valid: class"

    def test_an_attack_without_its_training_is_one_line(self, root, tmp_path, capsys):
        plan = plan_of(root, "quick", TINY)
        assert run(plan, "cifar10_attack/before", tmp_path) == 1
        message = capsys.readouterr().err.strip()
        assert "no such record" in message
        assert "\n" not in message
