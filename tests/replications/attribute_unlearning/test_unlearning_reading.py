"""Which rows, places and schedules attribute unlearning's numbers come from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from common.evaluation.reading import Reading
from common.training.machine import Machine
from common.training.progress import Progress
from common.training.schedules import Cosine
from replications.attribute_unlearning import attacker, evaluate, networks, training
from replications.attribute_unlearning.data import Pictures

CPU = Machine(torch.device("cpu"), None)
TURNS = SimpleNamespace(run=lambda _, trainer: trainer)


@pytest.fixture
def work():
    found = object.__new__(evaluate.Attacks)
    found.own, found.machine = {"sets": "balanced", "probe_images": 6, "patience": 1, "most_epochs": 1}, CPU
    found.turns = found.progress = None
    found.pictures = SimpleNamespace(classes=(2, 5), floor_known=True)
    return found


PARTS = {
    "train": {"x": torch.zeros(8, 1), "z": torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])},
    "test": {"x": torch.ones(8, 1), "z": torch.tensor([4, 3, 2, 1, 0, 4, 3, 2])},
    "natural": {"x": torch.full((8, 1), 2.0), "z": torch.tensor([0, 0, 0, 0, 0, 0, 1, 2])},
}


def test_efficacy_is_the_attackers_accuracy_on_the_balanced_test_rows(work, monkeypatch):
    reads = {"train": (0.9, 0.8), "test": (0.6, 0.5), "natural": (0.4, 0.3)}
    trainer = SimpleNamespace(status=lambda: ("ok", ""), history={"attacker": [[1.0]]})
    given = []
    fitted = SimpleNamespace(trainer=trainer, rows=8, steps=40)
    monkeypatch.setattr(attacker, "fit", lambda *a: given.append(a) or fitted)
    by_first = {id(part): reads[name] for name, part in PARTS.items()}
    monkeypatch.setattr(attacker, "accuracies", lambda _, __, part, ___: by_first[id(part)])
    found, _, message = work.resnet({"extractor": None}, PARTS, 18, 0, 0.95)
    assert given[0][3] is PARTS["train"]
    wanted = {"efficacy": 0.6, "attacker_train": 0.9, "natural": 0.4, "balanced": 0.3, "chance": 0.2}
    assert {name: found[name] for name in wanted} == wanted
    assert found["majority"] == 0.75, "of the natural rows"
    assert (found["attack_rows"], found["attack_steps"], found["judged_rows"]) == (8, 40, 8)
    assert found["aum"] == pytest.approx(2 * 0.4 * 0.95 / 1.35)
    # a task that tells ten classes 4 : 6, right in 0.95: 0.1 + (0.4 - 0.05) / 4
    assert found["floor"] == pytest.approx(0.1875)
    assert message == ""


def test_on_natural_rows_a_guess_is_of_the_commonest_class(work, monkeypatch):
    work.own = {**work.own, "sets": "natural"}
    trainer = SimpleNamespace(status=lambda: ("ok", ""), history={"attacker": [[1.0]]})
    monkeypatch.setattr(attacker, "fit", lambda *_: SimpleNamespace(trainer=trainer, rows=8, steps=40))
    monkeypatch.setattr(attacker, "accuracies", lambda *_: (0.5, 0.5))
    found, *_ = work.resnet({"extractor": None}, {**PARTS, "test": {"z": torch.tensor([3, 3, 3, 1])}}, 18, 0, 0.95)
    assert (found["chance"], found["majority"]) == (0.75, 0.75)
    found, *_ = work.resnet({"extractor": None}, {**PARTS, "test": {"z": torch.tensor([3, 3, 2, 1])}}, 18, 0, 0.95)
    assert (found["chance"], found["majority"]) == (0.5, 0.75), "of the rows that efficacy is of; of the test set"


@pytest.mark.parametrize(
    ("rows", "epochs", "steps"),
    [(15000, 8, 936), (486, 86, 602), (432, 100, 600), (3256, 12, 600), (5, 600, 600)],
)
def test_few_rows_are_gone_over_until_the_attacker_has_made_its_steps(rows, epochs, steps):
    """Age and moustache leave 486 and 432 equal rows at reduced: twelve epochs of 64 are 84 and 72 steps."""
    p = {"epochs": 8, "batch": 128} if rows == 15000 else {"epochs": 12, "batch": 64}
    p["least_steps"] = 600
    assert (attacker.epochs_of(p, rows), attacker.steps_of(p, rows)) == (epochs, steps)


def test_an_attacker_trains_for_the_steps_that_it_says(monkeypatch):
    monkeypatch.setattr(networks, "attacker", lambda *_: nn.Linear(3, 2))
    extractor = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    data = {"x": torch.zeros(9, 3, 2, 2, dtype=torch.uint8), "z": torch.arange(9) % 2}
    p = {"lr": 0.1, "batch": 4, "epochs": 2, "least_steps": 9, "cache_mb": 1}
    found = attacker.fit(TURNS, "n", extractor, data, 2, p, 0, CPU, Progress("x", 1))
    assert (found.rows, found.steps) == (9, 10)
    assert found.trainer.epochs * len(found.trainer.source) == found.steps


@pytest.mark.parametrize("sets", ["balanced", "natural"])
def test_rows_are_drawn_as_the_cell_says(work, sets):
    asked = []
    work.own = {"sets": sets, "train_images": 20, "test_images": 10}
    draws = {name: lambda *a, name=name: asked.append((name, *a)) or [] for name in ("balanced", "natural")}
    work.pictures, work.p = SimpleNamespace(**draws, rows=lambda *_: [], part=lambda *_: {}), {"method": "before"}
    assert set(work.parts(3, {})) == {"train", "test", "natural"}
    assert asked == [(sets, "train", 3, 20), (sets, "test", 3, 10)]


def test_natural_rows_are_a_draw_of_the_whole_split():
    found = SimpleNamespace(splits={"train": np.arange(100), "test": np.arange(100, 150)})
    pictures = Pictures(found, {"train_images": 20, "test_images": 50})
    first, again, other = (pictures.natural("train", seed, 30).tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert len(set(first)) == 30
    assert first != sorted(first), "fresh attackers take the first so many"
    assert set(first) - set(pictures.rows("train", 0).tolist()), "not bound to what the network saw"
    assert sorted(pictures.natural("test", 0, 1000).tolist()) == list(range(100, 150))


def test_fresh_attackers_learn_from_training_rows_at_both_places_and_are_judged_on_test_rows(work, monkeypatch):
    asked = []
    work.features = lambda _, x: {"middle": x + 10, "pooled": x + 20}

    def attack(seen, labels, unseen, truth, *, kind, **_):
        asked.append((kind, seen.unique().item(), labels.tolist(), unseen.unique().item(), truth.tolist()))
        return Reading(0.1 * len(asked), 0.0, 0.0, -1.0, True)

    monkeypatch.setattr(evaluate, "attack", attack)
    found = work.fresh(None, PARTS, 0)
    z, truth = PARTS["train"]["z"][:6].tolist(), PARTS["test"]["z"].tolist()  # all of the latter
    order = [(k, place) for place in (10, 20) for k in ("linear", "mlp")]
    assert asked == [(kind, place, z, place + 1, truth) for kind, place in order]
    assert [found[n] for n in ("middle_linear", "middle_mlp", "pooled_linear", "pooled_mlp")] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4]
    )


@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("rows", [3, 250, 520])
def test_features_are_pooled_batch_by_batch_and_are_those_of_h_as_a_whole(work, autocast, rows):
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    extractor = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
    classifier = nn.Sequential(nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    nets, x = {"extractor": extractor, "classifier": classifier}, torch.rand(rows, 3, 6, 6, generator=random)
    x = (255 * x).to(torch.uint8)
    work.machine = Machine(torch.device("cpu"), autocast)
    h = training.read(extractor, x, work.machine)
    whole = {
        "middle": adaptive_avg_pool2d(h.float(), 2).flatten(1),
        "pooled": training.read(classifier[:-1], h, work.machine, images=False).float(),
    }
    found = work.features(nets, x)
    assert [(name, value.shape) for name, value in found.items()] == [("middle", (rows, 24)), ("pooled", (rows, 8))]
    assert all(torch.equal(value, whole[name]) and value.dtype == torch.float32 for name, value in found.items())


def test_of_a_features_job_h_is_kept_of_one_batch_alone(work, monkeypatch):
    sizes = []
    true = evaluate.read
    monkeypatch.setattr(evaluate, "read", lambda net, x, *a, **k: sizes.append(len(x)) or true(net, x, *a, **k))
    nets = {"extractor": nn.Conv2d(3, 4, 1), "classifier": nn.Sequential(nn.Flatten(), nn.Linear(16, 2))}
    work.features(nets, torch.zeros(600, 3, 2, 2, dtype=torch.uint8))
    assert sizes == [250, 250, 250, 250, 100, 100]


class TestWhatIsLeft:
    """Two networks of a cell, or two seeds: what diverged is told, the rest is attacked."""

    @staticmethod
    def trained(status, depths=(34, 50), left=()):
        metrics = {f"fidelity_r{depth}": 0.9 for depth in left}
        message = "" if status == "ok" else "ResNet-50: step 7: not finite"
        made_by = SimpleNamespace(dtype="fp32")
        return SimpleNamespace(
            status=status,
            message=message,
            metrics=metrics,
            params={"depths": list(depths)},
            dataset="set",
            provenance=made_by,
        )

    def job(self, tmp_path, records):
        cell = SimpleNamespace(experiment="cifar10_attack")
        return SimpleNamespace(
            config=SimpleNamespace(needs=("cifar10/unlearn_deep",), params={}, cell=cell),
            needed=lambda _, seed: records[seed],
            checkpoint_path=lambda seeds: tmp_path / f"checkpoint-{seeds}",
        )

    def run(self, tmp_path, *records):
        asked = []

        def attacks(job, seeds):
            asked.extend(seeds)
            job.checkpoint_path(seeds).touch()
            return dict.fromkeys(seeds, "attacked"), "set", "bf16"

        found = evaluate.run_what_is_left(
            attacks, self.job(tmp_path, dict(enumerate(records))), list(range(len(records)))
        )
        return asked, *found

    def test_depths_that_ended_well(self):
        assert evaluate.finished(self.trained("ok", left=(34, 50))) == [34, 50]
        assert evaluate.finished(self.trained("diverged", left=(34,))) == [34]
        assert evaluate.finished(self.trained("diverged")) == []

    def test_a_seed_with_a_network_left_is_run(self, tmp_path):
        records = self.trained("diverged", left=(34,)), self.trained("ok", left=(34, 50))
        assert self.run(tmp_path, *records) == ([0, 1], {0: "attacked", 1: "attacked"}, "set", "bf16")

    def test_a_seed_without_one_is_not_and_says_why(self, tmp_path):
        asked, outcomes, _, dtype = self.run(tmp_path, self.trained("ok", left=(34, 50)), self.trained("diverged"))
        assert (asked, outcomes[0], dtype) == ([0], "attacked", "bf16")
        assert (outcomes[1].status, outcomes[1].metrics) == ("diverged", {})
        assert outcomes[1].message == "cifar10/unlearn_deep: ResNet-50: step 7: not finite"
        assert not list(tmp_path.iterdir()), "the job would not find the checkpoint of some of its seeds"

    def test_nothing_left_at_all_runs_nothing(self, tmp_path):
        asked, outcomes, origin, dtype = self.run(tmp_path, self.trained("diverged"), self.trained("diverged"))
        assert (asked, sorted(outcomes), origin, dtype) == ([], [0, 1], "set", "fp32")


def test_each_seed_draws_rows_of_its_own():
    found = SimpleNamespace(splits={"train": np.arange(100), "test": np.arange(100, 150)})
    pictures = Pictures(found, {"train_images": 20, "test_images": 50})
    first, again, other = (pictures.rows("train", seed).tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert pictures.rows("test", 0).tolist() == list(range(100, 150))


def test_every_part_warms_up_and_the_attacker_cools_down_along_a_cosine(monkeypatch):
    p = {"method": "before", "lambda1": 0, "lambda2": 0, "lambda3": 0, "literal": False, "entropy": False}
    p |= {"end_to_end": True, "lr": 0.1, "momentum": 0.9, "weight_decay": 0, "batch": 4, "epochs": 1, "warm_up": 0.3}
    nets = nn.ModuleDict({"extractor": nn.Flatten(), "classifier": nn.Linear(3, 2), "decoder": nn.Linear(3, 2)})
    nets["extractor"] = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    data = {"x": torch.zeros(8, 3, 2, 2, dtype=torch.uint8), "y": torch.arange(8) % 2, "z": torch.arange(8) % 2}
    made = training.train(TURNS, "n", nets, p, data, lambda b, _: b, 0, CPU, Progress("x", 1))
    assert {part.name: (type(part.schedule), part.schedule.warm_up) for part in made.parts} == dict.fromkeys(
        nets, (Cosine, 0.3)
    )
    monkeypatch.setattr(networks, "attacker", lambda *_: nn.Linear(3, 2))
    own = p | {"cache_mb": 1, "least_steps": 1}
    found = attacker.fit(TURNS, "n", nets["extractor"], data, 2, own, 0, CPU, Progress("x", 1))
    (part,) = found.trainer.parts
    assert (type(part.schedule), part.schedule.warm_up, part.schedule.floor) == (Cosine, 0.0, 0.0)
