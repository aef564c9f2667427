"""Modes, seeds, schedules and endings of a run: what an evaluation hook or an interruption must not change."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from common.models.stacked import StackedMLP
from common.training import checkpoint, in_turn
from common.training.batches import Batches
from common.training.checkpoint import Checkpoint, load_tensors
from common.training.divergence import Watch
from common.training.history import History
from common.training.in_turn import InTurn
from common.training.machine import Machine
from common.training.parts import Part
from common.training.routing import Route
from common.training.schedules import MultiStep, Plateau
from common.training.seeding import derive, generator
from common.training.state import end_of, state_of, take_up
from common.training.trainer import Trainer

CPU = Machine(torch.device("cpu"), None)
SGD = partial(torch.optim.SGD, lr=0.1)


def trainer(net, loss, *, epochs=3, parts=None, rows=8, **more):
    """Return a trainer of ``loss(batch)``, two batches an epoch."""

    def step(batch):
        return [Route(loss(batch), ("all",), "fit")]

    x = torch.randn(rows, 3, generator=generator("x"))
    source = Batches({"x": x}, rows // 2, generator("order"))
    return Trainer(net, parts or [Part("all", net, SGD)], step, source, epochs=epochs, machine=CPU, **more)


def test_every_epoch_trains_in_training_mode_whatever_a_hook_left():
    net, modes = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)), []
    net.eval()

    def loss(batch):
        modes.append(net.training)
        return net(batch["x"]).square().mean()

    trainer(net, loss, after_epoch=lambda t: t.model.eval() and None).train()
    assert modes == [True] * 6


def test_an_evaluation_is_in_eval_mode_without_gradient_and_leaves_the_mode_as_it_was():
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    made = trainer(net, lambda batch: net(batch["x"]).square().mean())
    for mode in (True, False):
        net.train(mode)
        with made.evaluating() as seen:
            assert seen is net
            assert not any(module.training for module in net.modules())
            assert not net(torch.randn(4, 3)).requires_grad
        assert net.training is mode
    with pytest.raises(KeyError), made.evaluating():
        raise KeyError
    assert net.training is False


def test_what_dropout_draws_comes_from_the_seed_and_from_nothing_before_it():
    def trained(seed, before):
        net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
        with torch.no_grad():
            for p in net.parameters():
                p.fill_(0.1)
        torch.manual_seed(before)
        return trainer(net, lambda batch: net(batch["x"]).square().mean(), seed=seed).train().model[0].weight

    assert torch.equal(trained(1, 5), trained(1, 6))
    assert not torch.equal(trained(1, 5), trained(2, 5))


def test_a_resumed_run_keeps_the_rates_that_a_plateau_has_lowered():
    def made():
        net = nn.Linear(3, 1, bias=False)
        nn.init.ones_(net.weight)
        rule = Plateau("val", patience=0, gamma=0.5)
        return trainer(
            net,
            lambda batch: net(batch["x"]).square().mean(),
            parts=[Part("all", net, SGD, rule)],
            after_epoch=lambda _: {"val": 1.0},
            epochs=6,
        )

    whole, first, again = made().train(), made(), made()
    steps = first.stepwise()
    for _ in range(8):
        next(steps)
    take_up(again, *state_of(first))
    assert again.parts[0].schedule.drops == 3
    again.train()
    assert again.parts[0].schedule.drops == whole.parts[0].schedule.drops == 5
    torch.testing.assert_close(again.model.weight, whole.model.weight, rtol=0, atol=0)


def stack(spoil):
    net = StackedMLP([3, 1], [generator(s, "init") for s in (1, 2)])
    x = torch.randn(2, 20, 3, generator=generator("x"))
    if spoil:
        x[1] = float("inf")
    source = Batches({"x": x}, 5, [generator(s) for s in (1, 2)], own=["x"])

    def step(batch):
        return [Route(mse_loss(net(batch["x"]), batch["x"][..., :1], reduction="none").mean((1, 2)), ("all",), "fit")]

    return Trainer(net, [Part("all", net, SGD)], step, source, epochs=2, machine=CPU, members=2)


def test_a_member_that_diverged_before_an_interruption_stays_where_it_was():
    whole, first, again = (stack(spoil=True) for _ in range(3))
    whole.train()
    steps = first.stepwise()
    next(steps)
    assert first.stopped
    take_up(again, *state_of(first))
    again.train()
    assert again.stopped == whole.stopped
    for a, b in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.isfinite().all()


def test_a_finished_run_that_diverged_is_brought_back_as_diverged(tmp_path):
    first = InTurn(Checkpoint(tmp_path / "c", interval=0))
    ended = first.run("a", stack(spoil=True))
    again = InTurn(Checkpoint(tmp_path / "c", interval=0)).run("a", stack(spoil=True))
    assert ended.status(1)[0] == "diverged"
    assert [again.status(k) for k in (0, 1)] == [ended.status(k) for k in (0, 1)]
    assert str(again.history.epochs) == str(ended.history.epochs)  # NaN is not itself


def test_the_first_bad_loss_is_the_one_that_is_told():
    """Where the look is taken now and then, later ones come before it."""
    watch = Watch(2, 1e8, torch.device("cpu"))
    for step, value in ((3, 1.0), (4, float("nan")), (5, float("inf"))):
        watch.mark(step, ["a", "b"], torch.tensor([[0.0, 0.0], [0.0, value]]))
    assert watch.fresh() == [1]
    assert watch.stopped == {1: "step 4: b is nan"}


def test_losses_of_one_name_are_one_curve_though_they_stand_in_different_turns():
    net = nn.Linear(3, 1)

    def step(_):
        yield [Route(0 * net.weight.sum() + 1, ("all",), "critic"), Route(torch.tensor(7.0), (), "other")]
        yield [Route(0 * net.weight.sum() + 3, ("all",), "critic")]

    source = Batches({"x": torch.zeros(4, 3)}, 2, generator("o"))
    made = Trainer(net, [Part("all", net, SGD)], step, source, epochs=1, machine=CPU).train()
    assert made.history["critic"] == [[2.0]]
    assert made.history["other"] == [[7.0]]


def test_seeds_of_different_parts_differ_though_their_letters_are_the_same():
    assert len({derive("a", 1, 11), derive("a", 11, 1), derive("a1", 11), derive("a111")}) == 4


def test_a_finished_run_is_kept_and_not_trained_again(tmp_path, monkeypatch):
    """The clock stands until the run is over: what is kept is its end, without the optimisers."""
    turns, late = InTurn(Checkpoint(tmp_path / "c", interval=120)), []
    clock = SimpleNamespace(monotonic=lambda: turns.checkpoint._last + 130 * len(late))
    monkeypatch.setattr(checkpoint, "time", clock)
    monkeypatch.setattr(in_turn, "end_of", lambda trainer: late.append(1) or end_of(trainer))
    turns.run("a", stack(spoil=False))
    assert load_tensors(tmp_path / "c")[1]["finished"] == ["a"]
    again = stack(spoil=False)
    again.step_function = None
    assert InTurn(Checkpoint(tmp_path / "c")).run("a", again).epoch == 2


def test_runs_that_end_within_the_interval_write_nothing(tmp_path):
    turns = InTurn(Checkpoint(tmp_path / "c", interval=1e9))
    for name in "ab":
        turns.run(name, stack(spoil=False))
    assert not (tmp_path / "c").exists()


def test_a_members_mean_is_that_of_the_steps_it_lived():
    history = History(2, torch.device("cpu"))
    history.add(["fit"], torch.tensor([[1.0, 5.0]]), None)
    history.add(["fit"], torch.tensor([[3.0, 7e9]]), torch.tensor([True, False]))
    history.close_epoch()
    assert history["fit"] == [[2.0, 5.0]]


def test_groups_of_one_part_keep_the_ratio_of_their_rates():
    layers = [nn.Linear(1, 1), nn.Linear(1, 1)]

    def adam(_):
        return torch.optim.SGD([{"params": m.parameters(), "lr": lr} for m, lr in zip(layers, (0.1, 0.4), strict=True)])

    part = Part("all", layers, adam, MultiStep([1]))
    part.set_rate(1, 0, 10)
    assert [group["lr"] for group in part.optimiser.param_groups] == pytest.approx([0.01, 0.04])


def test_a_fall_of_less_than_the_threshold_is_none():
    rule = Plateau("loss", patience=1, threshold=0.1)
    for value in (1.0, 0.95, 0.91):
        rule.after_epoch({"loss": [value]}, 1.0)
    assert (rule.best, rule.drops) == (1.0, 1)
