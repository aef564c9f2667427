"""Who reads what in IRENE's records: modes, heads, splits and rows of the trainings and of the attacks on them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from common.evaluation.attackers import MLPSettings
from common.training.machine import Machine
from common.training.progress import Progress
from common.training.schedules import MultiStep, Schedule
from common.workflow.config import load_paper, resolve_params
from replications.irene import celeba, evaluate, experiment, faces, networks, training
from replications.irene.training import Features, Setting, features

CPU = Machine(torch.device("cpu"), None)


def plain(batch, noise=()):
    return batch


def nets():
    """Return tiny networks whose encoder says whether it is in training mode."""
    encoder = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    return nn.ModuleDict({"encoder": encoder, "target": nn.Linear(3, 2), "private": nn.Linear(3, 2)})


def test_a_model_is_read_in_eval_mode_and_left_as_it_was():
    model = nets().train()
    x = 5 + torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    rows = {"x": x, "y": torch.arange(30) % 2, "v": torch.arange(30) % 2}
    with torch.no_grad():
        model.eval()
        wanted = model["encoder"](x)
        model.train()
    torch.testing.assert_close(features(model, rows, plain, CPU).z, wanted)
    assert model["encoder"].training
    assert model["encoder"][1].num_batches_tracked == 0, "reading leaves no trace in the running statistics"


def test_g_is_held_to_the_target_and_h_to_the_private_label():
    y, v = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    logits = {"target": torch.eye(2)[y], "private": torch.eye(2)[torch.tensor([0, 1, 0, 0])]}
    read = Features(torch.zeros(4, 1), logits["target"], logits["private"], y, v)
    assert read.accuracy("target")["accuracy"] == 100
    assert read.accuracy("private") == {"accuracy": 75, "balanced": 75}


@pytest.mark.parametrize(("variant", "of_h"), [("irene", Schedule), ("irene_h_scheduled", MultiStep)])
def test_h_keeps_its_rate_but_in_the_reading_of_the_text(root, monkeypatch, variant, of_h):
    """The authors' code gives H's optimiser no schedule."""
    paper = load_paper(root, "irene")
    p = {**resolve_params(paper, "biased_mnist", variant, "paper", {}), "batch": 4}
    monkeypatch.setattr(networks, "model", lambda *_: nets())
    rows = {"x": torch.zeros(8, 2), "y": torch.arange(8) % 2, "v": torch.arange(8) % 2}
    setting = Setting("s", 0, rows, plain, (2, 2), lambda: MultiStep([1]))
    turns = SimpleNamespace(run=lambda _, trainer: trainer)
    found = training.train(turns, setting, p, CPU, Progress("x", 1)).trainer
    kinds = {part.name: type(part.schedule) for part in found.parts}
    assert kinds == {"encoder": MultiStep, "target": MultiStep, "private": of_h}


def test_learnedmixins_biased_network_learns_and_is_then_frozen(root):
    p = {**resolve_params(load_paper(root, "irene"), "biased_mnist", "learnedmixin", "quick", {}), "batch": 4}
    rows = {"x": torch.rand(8, 3, 2, 2, generator=torch.Generator().manual_seed(0)), "y": torch.arange(8), "v": None}
    rows["v"] = rows["y"]
    setting = Setting("s", 0, rows, plain, (10, 10), Schedule)
    turns = SimpleNamespace(run=lambda _, trainer: trainer.train())
    found, fresh = training.pretrain(turns, setting, p, CPU, Progress("x", 1)), networks.biased_net(0, 10)
    assert not found.training
    assert not any(q.requires_grad for q in found.parameters())
    assert all(not torch.equal(q, was) for q, was in zip(found.head.parameters(), fresh.head.parameters(), strict=True))


def test_digits_are_judged_at_each_rho_and_the_gap_is_hs_worst(monkeypatch, tmp_path):
    """At rho 0.1 H reads 30 %, at 0.3 none; at 0.5 the run diverged."""
    v = torch.arange(10)
    read = {"0.1": (v, torch.tensor([0, 1, 2, *[0] * 7])), "0.3": (v.flip(0), (v + 1) % 10)}
    work = object.__new__(experiment.Experiment)
    work.p, work.machine = {"rhos": [0.1, 0.3, 0.5]}, CPU
    work.digits = SimpleNamespace(test=lambda *_: {"v": torch.tensor([3, 3, 3, *range(7)])})
    work.job = SimpleNamespace(weights_path=lambda seed: tmp_path / f"{seed}.safetensors")

    def train(_, rho):
        status = ("diverged", "the loss is nan") if rho == 0.5 else ("ok", "")
        trainer = SimpleNamespace(status=lambda: status, history=SimpleNamespace(epochs={}))
        return SimpleNamespace(nets=SimpleNamespace(state_dict=dict, rho=rho), trainer=trainer)

    def features(model, *_):
        target, private = (torch.eye(10)[guess] for guess in read[str(model.rho)])
        return Features(torch.zeros(10, 1), target, private, v, v)

    work.train = train
    monkeypatch.setattr(experiment, "features", features)
    found = work.one_seed(0)
    assert found.metrics == {"chance": 40.0, "g_0.1": 100.0, "h_0.1": 30.0, "g_0.3": 0.0, "h_0.3": 0.0, "h_gap": 20.0}
    assert (found.status, found.message) == ("diverged", "rho 0.5: the loss is nan")


def attacks(monkeypatch):
    work = object.__new__(evaluate.Attacks)
    work.settings = MLPSettings(hidden=4, batch=20, patience=1, most_epochs=2)
    return work


def test_attackers_learn_from_known_rows_and_are_judged_on_the_test_rows(monkeypatch):
    """z and G's output tell v on the known rows; on the test rows z tells the opposite, and H's output nothing."""
    v = torch.arange(60) % 2
    sure = 4.0 * torch.eye(2)[v]
    known = Features(sure, sure, torch.zeros(60, 2), v, v)
    test = Features(sure.flip(1), sure, torch.zeros(60, 2), v, v)
    found = attacks(monkeypatch).read(known, test, 0, "0.9", "free_")
    assert found["free_linear_accuracy_0.9"] == 0.0
    assert found["free_output_accuracy_0.9"] == 100.0


class TestFaces:
    @pytest.fixture
    def work(self, monkeypatch):
        """An experiment whose splits hold a number that says which one it is."""

        def part(split, *_):
            k = float(faces.SPLITS.index(split))
            v = {"train": [0, 0, 0, 1], "valid": [0, 0, 1, 1], "test": [1, 1, 1, 0]}[split]
            return {"x": torch.full((4, 2), k), "y": torch.tensor([0, 0, 1, 1]), "v": torch.tensor(v)}

        work = object.__new__(celeba.Experiment)
        work.p, work.machine, work.turns, work.progress = {}, CPU, None, None
        work.faces = SimpleNamespace(part=part)
        seen = SimpleNamespace(read=[])

        def read(_, rows, transform, __):
            seen.read.append((rows["x"][0, 0].item(), transform))
            return Features(rows["x"], *(torch.eye(2)[rows[k]] for k in "yv"), rows["y"], rows["v"])

        def train(_, setting, *__):
            seen.setting = setting
            seen.validation = setting.after_epoch(None)(None)
            trainer = SimpleNamespace(status=lambda: ("ok", ""), history=SimpleNamespace(epochs={}), epoch=3)
            return SimpleNamespace(nets=nets(), trainer=trainer)

        monkeypatch.setattr(celeba, "features", read)
        monkeypatch.setattr(celeba, "train", train)
        return work, seen

    def test_the_rate_follows_the_validation_split_and_the_numbers_come_from_the_test_split(self, work):
        experiment, seen = work
        metrics, *_ = experiment.one_target(0, "blond")
        assert seen.read == [(1.0, faces.PLAIN), (2.0, faces.PLAIN)], "validation, then test; neither augmented"
        assert set(seen.validation) == {"validation"}
        assert seen.setting.train["x"][0, 0] == 0
        assert seen.setting.transform is faces.AUGMENTED
        # learnt on train: gender 0 where y = 0, a tie (so 0) where y = 1; on test one of four is right
        assert metrics["floor_blond"] == 25.0
        # under equal priors 1 where y = 1: on test right of one of three v = 1, and not of the v = 0
        assert metrics["floor_balanced_blond"] == pytest.approx(100 / 6)
        assert metrics["majority_blond"] == 50.0
        assert metrics["images_blond"] == 4

    def test_the_test_split_is_never_balanced(self):
        labels = {name: np.array([0, 0, 0, 1, 1, 0, 1, 0]) for name in faces.TARGETS.values()}
        labels[faces.PRIVATE] = np.array([0, 0, 0, 0, 1, 1, 1, 0])
        found = SimpleNamespace(labels=labels, splits={split: np.arange(8) for split in faces.SPLITS})
        p = {"train_images": 8, "test_images": 8, "balanced_train": True, "balanced_val": True}
        sizes = {split: len(faces.Faces(found, p).rows(split, "blond", 0)) for split in faces.SPLITS}
        assert sizes == {"train": 4, "valid": 4, "test": 8}
