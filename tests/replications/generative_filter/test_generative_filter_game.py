"""The game as it is played: who moves in which turn, public rows, resuming, table 4's parts, Adult's bits."""

import pandas as pd
import pytest
import torch

from common.data import TableSet
from common.results import Origin
from common.training.machine import prepare
from common.training.routing import send
from replications.generative_filter.adult import binarise
from replications.generative_filter.game import Data, Game, Turns
from replications.generative_filter.users import parts

P = {
    "mechanism": "filter",
    "budgets": [0, 1, 3],
    "hidden": 5,
    "batch": 8,
    "steps": 4,
    "inner_steps": 2,
    "lr": 1e-2,
    "filter_lr": 1e-2,
    "beta": 1.0,
    "rho": 100.0,
    "normalised_ce": True,
    "posterior_budget": False,
    "half": True,
    "sample_codes": True,
}


def data(n=40, own=None):
    g = torch.Generator().manual_seed(0)
    y, u = (torch.randint(0, 2, (2, n), generator=g) for _ in range(2))
    mean = torch.randn(2, n, 4, generator=g)
    mine = torch.ones(2, n, dtype=torch.bool) if own is None else own
    return Data(mean, torch.full((2, n, 4), 0.5), y, u, (2, 2), mine)


def game(found=None, **changed):
    return Game(found or data(), P | changed, [0, 1], ("test", "game"))


def batch_of(played):
    source = Turns(played.data, 8, 2, 4, ("test", "turns"), [0, 1])
    return source, source.take()


@pytest.mark.parametrize("mechanism", ["filter", "gaussian"])
def test_each_turn_moves_its_own_players(mechanism):
    played = game(mechanism=mechanism)
    named = {"mechanism": list(played.mechanism.parameters()), "h": list(played.h.parameters())}
    named["nu"] = list(played.nu.parameters())
    moved = []
    for turn in played.turns(batch_of(played)[1]):
        for tensors in named.values():
            for tensor in tensors:
                tensor.grad = None
        send(turn, named)
        moved.append({n for n, ts in named.items() if any(t.grad is not None and t.grad.any() for t in ts)})
    assert moved == [{"h", "nu"}, {"h", "nu"}, {"mechanism"}]


def test_public_rows_pass_as_they_are():
    own = torch.zeros(2, 40, dtype=torch.bool)
    own[:, :10] = True
    played = game(data(own=own), sample_codes=False)
    turn = {
        "mean": played.data.mean,
        "deviation": played.data.deviation,
        "spread": torch.randn(2, 40, 4),
        "eps": torch.randn(2, 40, 4),
        "private": played.data.private,
        "utility": played.data.utility,
        "own": own,
    }
    with torch.no_grad():
        z = played.released(turn)[0]
    plain = played.data.mean.repeat_interleave(2, 0)  # two budgets above 0
    torch.testing.assert_close(z[:, 10:], plain[:, 10:])
    assert (z[:, :10] != plain[:, :10]).any()


def test_what_h_reads_in_the_game_is_of_own_rows_behind_the_filter():
    """h says on which side the code's first number lies; the filter sends it to that of the label it is told."""
    own = torch.zeros(2, 40, dtype=torch.bool)
    own[:, :10] = True
    found = data(own=own)
    played = game(found)
    played.h = lambda z: torch.stack([-z[..., 0], z[..., 0]], -1)
    with torch.no_grad():
        played.mechanism.A.zero_()
        raw = ((found.mean[..., 0] > 0) == found.private)[:, :10].double().mean(-1).repeat_interleave(2)
        torch.testing.assert_close(played.in_loop(chunk=7).double(), raw)
        played.mechanism.A[:, 0, 4:] = torch.tensor([-1e3, 1e3])
        assert played.in_loop(chunk=7).tolist() == [1.0] * 4


def test_batches_resume_where_they_stood():
    source, _ = batch_of(game())
    for _ in range(3):
        source.take()
    state = source.state_dict()
    wanted = source.take()
    again, _ = batch_of(game())
    again.load_state_dict(state)
    for name, value in again.take().items():
        torch.testing.assert_close(value, wanted[name])


def test_seed_does_not_depend_on_its_company():
    """Seed 1 beside seed 0 trains to the filter that it trains to alone."""
    found = []
    for seeds in ([0, 1], [1]):
        whole = data()
        keep = slice(2 - len(seeds), 2)
        mine = Data(
            *(t[keep] for t in (whole.mean, whole.deviation, whole.private, whole.utility)), (2, 2), whole.own[keep]
        )
        played = Game(mine, P, seeds, ("test", "game"))
        played.trainer(prepare("cpu", "fp32"), ("test", "game"), "test").run()
        found.append(played.mechanism.A.detach()[-2:])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("steps", "epochs"), [(4, 4), (39, 13), (31, 1), (60, 20)])
def test_every_step_that_is_asked_for_is_taken(steps, epochs):
    trainer = game(steps=steps).trainer(prepare("cpu", "fp32"), ("test", "game"), "test")
    assert (trainer.epochs, trainer.epochs * len(trainer.source)) == (epochs, steps)


def test_table_4_has_ten_equal_parts():
    digits = torch.arange(10).repeat(60)
    found = parts(digits, 0)
    assert [len(rows) for rows in found] == [60] * 10
    assert torch.cat(found).sort().values.tolist() == list(range(600))
    assert all(torch.bincount(digits[rows]).tolist() == [6] * 10 for rows in found)


def test_adult_bits():
    """Unknown rows go, categories are one-hot by training levels, numbers are cut at the training median."""
    columns = {
        "age": [20, 30, 40, 50, 35, 99],
        "work": ["a", "b", "c", "a", "?", "c"],
        "sex": ["Male", "Female", "Male", "Female", "Male", "Female"],
        "income": ["<=50K", ">50K", "<=50K", ">50K", ">50K", ">50K"],
    }
    splits = {"train": torch.arange(5).numpy(), "test": torch.tensor([5]).numpy()}
    origin = Origin(name="toy", kind="generated", sha256="0" * 64)
    table = TableSet(origin, "", pd.DataFrame(columns), "income", ("sex",), splits)
    found = binarise(table)
    assert found["train"].x.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0]]
    assert found["train"].private.tolist() == [1, 0, 1, 0]
    assert found["train"].utility.tolist() == [0, 1, 0, 1]
    assert found["test"].x.tolist() == [[1, 0, 0, 1]]


def test_adult_counts_of_the_real_set(root):
    """The sheet's counts, where the real files are at hand; what stands in for them has the same split of duties."""
    from common.data import load

    table = load("adult", root=root, online=False)
    found = binarise(table)
    assert found["train"].x.shape[1] == found["test"].x.shape[1]
    if table.origin.kind == "real":
        assert found["train"].x.shape == (30_162, 102)
        assert len(found["test"].x) == 15_060
        assert float(found["train"].private.double().mean()) == pytest.approx(0.6757, abs=5e-5)
        assert float(found["test"].utility.double().mean()) == pytest.approx(0.2457, abs=5e-5)
