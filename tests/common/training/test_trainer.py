from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from common.models.stacked import StackedMLP
from common.training.batches import Batches
from common.training.checkpoint import Checkpoint
from common.training.history import series_of
from common.training.in_turn import InTurn
from common.training.machine import Machine
from common.training.parts import Part
from common.training.routing import Route, reverse_gradient
from common.training.schedules import Cosine, MultiStep
from common.training.seeding import generator
from common.training.state import state_of
from common.training.trainer import Trainer

CPU = Machine(torch.device("cpu"), None)
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
ADAM = partial(torch.optim.Adam, lr=1e-2)


def data():
    x = torch.randn(70, 4, generator=generator("x"))
    return {"x": x, "y": (x[:, 0] > 0).long(), "v": (x[:, 1] > 0).long()}


class Net(nn.Module):
    """An encoder with BatchNorm and dropout, a task head and a private head."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.encoder = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1))
        self.task, self.private = nn.Linear(8, 2), nn.Linear(8, 2)


def adversarial(seed=0, epochs=3, **more):
    """Return a trainer of removal at a bottleneck: the encoder hides what the private head finds."""
    net = Net(seed)
    noise = generator(seed, "noise")

    def step(batch):
        z = net.encoder(batch["x"] + 0.01 * torch.randn(batch["x"].shape, generator=noise))
        private = cross_entropy(net.private(z), batch["v"])
        return [
            Route(cross_entropy(net.task(z), batch["y"]), ("encoder", "task"), "task"),
            Route(-0.1 * private, ("encoder",), "leakage"),
            Route(private, ("private",), "private"),
        ]

    parts = [
        Part("encoder", net.encoder, SGD, MultiStep([1, 2])),
        Part("task", net.task, ADAM, Cosine(0.1)),
        Part("private", net.private, SGD),
    ]
    source = Batches(data(), 16, generator(seed, "order"))
    return Trainer(net, parts, step, source, epochs=epochs, machine=CPU, generators={"noise": noise}, seed=seed, **more)


def assert_same(a, b):
    for (name, x), y in zip(a.model.state_dict().items(), b.model.state_dict().values(), strict=True):
        assert torch.equal(x, y), name
    assert a.history.epochs == b.history.epochs
    assert (a.epoch, a.steps, a.ended) == (b.epoch, b.steps, b.ended)


def test_plain_training_is_the_loop_anyone_would_write():
    torch.manual_seed(3)
    net = nn.Linear(4, 2)
    twin = nn.Linear(4, 2)
    twin.load_state_dict(net.state_dict())
    rows = data()

    def step(batch):
        return [Route(cross_entropy(net(batch["x"]), batch["y"]), ("all",), "task")]

    trainer = Trainer(
        net, [Part("all", net, SGD, MultiStep([1]))], step, Batches(rows, 32, generator("o")), epochs=2, machine=CPU
    ).train()

    optimiser = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [1])
    order = generator("o")
    for epoch in range(2):
        losses = []
        for chosen in torch.randperm(70, generator=order).split(32):
            loss = cross_entropy(twin(rows["x"][chosen]), rows["y"][chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        schedule.step()
        assert trainer.history["task"][epoch][0] == pytest.approx(sum(losses) / 3, rel=1e-12)
    torch.testing.assert_close(net.weight, twin.weight, rtol=1e-6, atol=1e-8)


def test_private_head_is_trained_by_its_own_loss_alone():
    """With the leakage weight at nought or not, the head of a frozen encoder moves alike; the encoder does not."""

    def heads_after(weight):
        net = Net()

        def step(batch):
            z = net.encoder(batch["x"])
            private = cross_entropy(net.private(z), batch["v"])
            return [Route(-weight * private, ("encoder",), "leakage"), Route(private, ("private",), "private")]

        parts = [Part("encoder", net.encoder, partial(torch.optim.SGD, lr=0.1)), Part("private", net.private, SGD)]
        one_batch = Batches(data(), 70, generator("o"))
        Trainer(net, parts, step, one_batch, epochs=1, machine=CPU, seed=1).train()
        return net

    with_term, without = heads_after(0.5), heads_after(0.0)
    assert torch.equal(with_term.private.weight, without.private.weight)
    assert not torch.equal(with_term.encoder[0].weight, without.encoder[0].weight)
    assert torch.equal(with_term.task.weight, Net().task.weight), "a part without a route stays as it is"


def test_alternating_turns_step_one_part_before_the_next_loss_is_computed():
    net = nn.ModuleDict({"critic": nn.Linear(1, 1, bias=False), "encoder": nn.Linear(1, 1, bias=False)})
    seen = []

    def step(batch):
        for _ in range(3):
            seen.append(net["critic"].weight.item())
            yield [Route((net["critic"].weight - 1).square().sum(), ("critic",), "inner")]
        seen.append(net["critic"].weight.item())
        yield [Route((net["encoder"].weight - net["critic"].weight).square().sum(), ("encoder",), "outer")]

    with torch.no_grad():
        for layer in net.values():
            layer.weight.zero_()
    quarter = partial(torch.optim.SGD, lr=0.25)  # halves the distance to 1
    parts = [Part(name, layer, quarter) for name, layer in net.items()]
    Trainer(net, parts, step, Batches({"x": torch.zeros(1)}, 1, generator()), epochs=1, machine=CPU).train()
    assert seen == [0, 0.5, 0.75, 0.875]
    assert net["encoder"].weight.item() == 0.4375


def test_reversed_gradient_and_routes_train_alike():
    def trained(reverse):
        net = Net()

        def step(batch):
            z = net.encoder(batch["x"])
            if reverse:
                private = cross_entropy(net.private(reverse_gradient(z, 0.3)), batch["v"])
                return [Route(private, ("encoder", "private"), "private")]
            private = cross_entropy(net.private(z), batch["v"])
            return [Route(private, ("private",), "private"), Route(-0.3 * private, ("encoder",), "leakage")]

        parts = [Part("encoder", net.encoder, SGD), Part("private", net.private, SGD)]
        Trainer(net, parts, step, Batches(data(), 16, generator("o")), epochs=2, machine=CPU, seed=5).train()
        return net

    for a, b in zip(trained(True).parameters(), trained(False).parameters(), strict=True):
        torch.testing.assert_close(a, b)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [1, 4, 5, 7, 14])
def test_killed_at_any_step_and_resumed_it_ends_as_if_undisturbed(tmp_path, at):
    whole = adversarial(after_epoch=lambda t: {"epoch_no": t.epoch}).run()
    checkpoint = Checkpoint(tmp_path / "c", interval=0)
    first, offers = adversarial(after_epoch=lambda t: {"epoch_no": t.epoch}), []

    def offer():
        checkpoint.offer(lambda: state_of(first))
        offers.append(1)
        if len(offers) == at:
            raise KilledError

    with pytest.raises(KilledError):
        first.train(offer)
    again = adversarial(seed=0, after_epoch=lambda t: {"epoch_no": t.epoch})
    torch.randn(10)  # what the process drew before does not matter
    assert_same(again.run(checkpoint), whole)


def test_another_seed_ends_elsewhere():
    assert not torch.equal(adversarial(0).run().model.task.weight, adversarial(1).run().model.task.weight)


@pytest.mark.parametrize("names", [("seed=0", "seed=1"), ("seed=0/biased", "seed=0"), ("seed=0", "seed=0/biased")])
def test_runs_in_turn_survive_an_interruption_though_a_name_begin_as_another(tmp_path, names):
    whole = [adversarial(seed).run() for seed in (0, 1)]
    first = InTurn(Checkpoint(tmp_path / "c", interval=0))
    first.run(names[0], adversarial(0))
    halfway = adversarial(1)

    def after_epoch(trainer):
        if trainer.epoch == 1:
            raise KilledError

    halfway.after_epoch = after_epoch
    with pytest.raises(KilledError):
        first.run(names[1], halfway)
    again = InTurn(Checkpoint(tmp_path / "c", interval=0))
    for seed in (0, 1):
        assert_same(again.run(names[seed], adversarial(seed)), whole[seed])


def stack(seeds, spoil=(), epochs=3):
    """Return a trainer of a stack of regressions; the rows of the seeds in ``spoil`` hold an infinity."""
    net = StackedMLP([3, 8, 1], [generator(s, "init") for s in seeds])
    x = torch.stack([torch.randn(40, 3, generator=generator(s, "x")) for s in seeds])
    for k, seed in enumerate(seeds):
        if seed in spoil:
            x[k, 5] = float("inf")

    def step(batch):
        out = net(batch["x"]).squeeze(-1)
        return [Route(mse_loss(out, batch["x"].sum(-1), reduction="none").mean(1), ("all",), "fit")]

    source = Batches({"x": x}, 10, [generator(s, "order") for s in seeds], own=["x"])
    parts = [Part("all", net, ADAM, Cosine())]
    return Trainer(net, parts, step, source, epochs=epochs, machine=CPU, members=len(seeds))


def test_member_of_a_stack_is_the_model_alone():
    block, alone = stack((4, 5, 6)).train(), stack((5,)).train()
    # the batched product may sum in another order: stated tolerance 1e-5
    for a, b in zip(block.model.parameters(), alone.model.parameters(), strict=True):
        torch.testing.assert_close(a[1], b[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(series_of(block.history["fit"], 1), series_of(alone.history["fit"]), rtol=1e-5, atol=0)


def test_a_member_that_diverges_stops_alone_and_says_when_and_why():
    healthy, spoilt = stack((4, 5, 6)).train(), stack((4, 5, 6), spoil=(5,)).train()
    assert set(spoilt.stopped) == {1}
    status, message = spoilt.status(1)
    assert status == "diverged"
    assert message in {f"step {s}: fit is {v}" for s in range(4) for v in ("inf", "nan")}
    assert spoilt.status(0) == ("ok", "")
    for a, b in zip(spoilt.model.parameters(), healthy.model.parameters(), strict=True):
        assert torch.equal(a[[0, 2]], b[[0, 2]]), "the others go on as if nothing had happened"
        assert torch.isfinite(a[1]).all(), "and the one that stopped is kept as it was"
    assert series_of(spoilt.history["fit"], 1)[-1] is None


def test_a_single_model_stops_before_the_update_that_would_spoil_it():
    trainer = stack((5,), spoil=(5,)).train()
    step = int(trainer.stopped[0].removeprefix("step ").split(":")[0])
    assert trainer.steps == step < 4
    assert trainer.ended == "diverged"
    assert all(torch.isfinite(p).all() for p in trainer.model.parameters())


def test_an_explosion_is_a_divergence():
    net = nn.Linear(1, 1)
    source = Batches({"x": torch.ones(64, 1)}, 1, generator("o"))
    big = partial(torch.optim.SGD, lr=3.0)

    def step(batch):
        return [Route(net(batch["x"]).square().mean(), ("all",), "fit")]

    trainer = Trainer(net, [Part("all", net, big)], step, source, epochs=1, machine=CPU, limit=1e6).train()
    assert trainer.status()[0] == "diverged"
    assert "fit exploded to" in trainer.status()[1]


def test_weights_that_the_last_step_spoils_are_a_divergence_of_their_member_alone():
    """A loss can be finite where its slope is not; after the last step no other loss tells of it."""
    net = StackedMLP([1, 1], [generator(s) for s in range(3)])
    sound = torch.tensor([1.0, 0.0, 1.0])

    def step(batch):
        fit = net(batch["x"]).square().mean((1, 2))
        return [Route((fit * sound).sqrt(), ("all",), "fit")]  # the slope of a root at nought is infinite

    source = Batches({"x": torch.ones(4, 1)}, 4, [generator(s, "order") for s in range(3)])
    trainer = Trainer(net, [Part("all", net, ADAM)], step, source, epochs=1, machine=CPU, members=3).train()
    assert trainer.status(1) == ("diverged", "step 0: a weight of all is nan")
    assert [trainer.status(k) for k in (0, 2)] == [("ok", "")] * 2
    assert trainer.ended == ""


def test_a_single_model_with_spoilt_weights_has_ended():
    net = nn.Linear(1, 1, bias=False)
    source = Batches({"x": torch.ones(4, 1)}, 4, generator("o"))

    def step(batch):
        return [Route((net(batch["x"]).square().mean() * 0).sqrt(), ("all",), "fit")]

    asked = []
    trainer = Trainer(
        net, [Part("all", net, SGD)], step, source, epochs=1, machine=CPU, after_epoch=asked.append
    ).train()
    assert (trainer.ended, trainer.status()) == ("diverged", ("diverged", "step 0: a weight of all is nan"))
    assert not asked, "there is nothing to evaluate"


def test_a_run_that_diverges_at_once_has_empty_curves():
    trainer = stack((4, 5), spoil=(4, 5), epochs=2)
    trainer.step_function = lambda batch: [Route(batch["x"].sum((1, 2)) * torch.nan, ("all",), "fit")]
    trainer.train()
    assert trainer.stopped == dict.fromkeys((0, 1), "step 0: fit is nan")
    assert series_of(trainer.history["fit"], 1) == []


def test_a_curve_that_is_none_is_an_error_when_curves_have_begun():
    with pytest.raises(KeyError, match="fti"):
        stack((4,), epochs=2).train().history["fti"]


def test_a_loss_of_the_wrong_shape_is_named():
    net = StackedMLP([3, 1], [generator(s) for s in range(2)])
    source = Batches({"x": torch.randn(10, 3)}, 5, [generator(s) for s in range(2)])
    parts = [Part("all", net, ADAM)]
    bad = Trainer(net, parts, lambda b: [Route(net(b["x"]).mean(), ("all",), "fit")], source, epochs=1, machine=CPU,
                  members=2)  # fmt: skip
    with pytest.raises(ValueError, match=r"fit: a loss is \(2,\), one per member; got \(\)"):
        bad.train()


def test_a_part_without_member_axis_does_not_join_a_stack():
    net = nn.Linear(3, 4)
    with pytest.raises(ValueError, match=r"part 'all': \(4, 3\) has no leading axis of 2 members"):
        Trainer(net, [Part("all", net, ADAM)], lambda b: [], None, epochs=1, machine=CPU, members=2)


def test_a_parameter_has_one_owner():
    net = nn.Linear(3, 4)
    with pytest.raises(ValueError, match="belongs to parts 'a' and 'b'"):
        Trainer(net, [Part("a", net, ADAM), Part("b", net, ADAM)], lambda b: [], None, epochs=1, machine=CPU)
