"""Which rows, places and schedules attribute unlearning's numbers come from."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

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
    found.own, found.machine = {"probe_images": 6, "patience": 1, "most_epochs": 1}, CPU
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
    monkeypatch.setattr(attacker, "fit", lambda *a: given.append(a) or SimpleNamespace(trainer=trainer))
    by_first = {id(part): reads[name] for name, part in PARTS.items()}
    monkeypatch.setattr(attacker, "accuracies", lambda _, __, part, ___: by_first[id(part)])
    found, _, message = work.resnet({"extractor": None}, PARTS, 18, 0, 0.95)
    assert given[0][3] is PARTS["train"]
    wanted = {"efficacy": 0.6, "attacker_train": 0.9, "natural": 0.4, "balanced": 0.3, "chance": 0.2}
    assert {name: found[name] for name in wanted} == wanted
    assert found["majority"] == 0.75, "of the natural rows"
    assert found["aum"] == pytest.approx(2 * 0.4 * 0.95 / 1.35)
    # a task that tells ten classes 4 : 6, right in 0.95: 0.1 + (0.4 - 0.05) / 4
    assert found["floor"] == pytest.approx(0.1875)
    assert message == ""


def test_fresh_attackers_learn_from_training_rows_at_both_places_and_are_judged_on_test_rows(work, monkeypatch):
    asked = []
    work.features = lambda _, x: {"middle": x + 10, "pooled": x + 20}

    def attack(seen, labels, unseen, truth, *, kind, **_):
        asked.append((kind, seen.unique().item(), labels.tolist(), unseen.unique().item(), truth.tolist()))
        return Reading(0.1 * len(asked), 0.0, 0.0, -1.0, True)

    monkeypatch.setattr(evaluate, "attack", attack)
    found = work.fresh(None, PARTS, 0)
    z, truth = PARTS["train"]["z"][:6].tolist(), PARTS["test"]["z"][:6].tolist()
    order = [(k, place) for place in (10, 20) for k in ("linear", "mlp")]
    assert asked == [(kind, place, z, place + 1, truth) for kind, place in order]
    assert [found[n] for n in ("middle_linear", "middle_mlp", "pooled_linear", "pooled_mlp")] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4]
    )


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
    found = attacker.fit(TURNS, "n", nets["extractor"], data, 2, p | {"cache_mb": 1}, 0, CPU, Progress("x", 1))
    (part,) = found.trainer.parts
    assert (type(part.schedule), part.schedule.warm_up, part.schedule.floor) == (Cosine, 0.0, 0.0)
