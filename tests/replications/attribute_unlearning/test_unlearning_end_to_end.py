"""The whole paper at a tiny size on stand-ins: every job, artefact and claim."""

import math

import pytest
import torch
from torch import nn
from unlearning_runs import NAME, TINY, Narrow, narrow, plan_of, record, run

from common.evaluation.claims import read_claims
from common.evaluation.comparison import compare
from common.evaluation.published import read_published
from common.workflow.dag import Dag
from replications.attribute_unlearning import attacker, evaluate, experiment, figures, networks, tables


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
