"""Critic fits that an interruption cut, and the pairs that critics are scored on."""

import pytest
import torch

from common.estimators.critic_fit import CriticFit, last_value
from common.estimators.pairs import PairSampler
from common.losses.variational import remine
from common.models.stacked import StackedJointCritic
from common.training.checkpoint import Checkpoint
from common.training.progress import Progress
from common.training.resume import ResumableFits
from common.training.seeding import generator


def fit(**more):
    x = torch.randn(1, 40, 2, generator=generator("x"))
    critic = StackedJointCritic(2, 2, [4], [generator("init")])
    return CriticFit(x, x, critic, remine, batch=10, lr=1e-2, generators=[generator("batches")], **more)


class KilledError(Exception):
    pass


def test_a_fit_goes_on_where_the_checkpoint_left_it(tmp_path):
    whole = fit().train(5)

    def fits(done):
        checkpoint = Checkpoint(tmp_path / "c", interval=0)
        made = ResumableFits(checkpoint, lambda: ({"own": torch.ones(2)}, {"found": done}), Progress("x", 20))
        return made, made.resume()

    first, nothing = fits(1)
    assert nothing is None
    save = first.checkpoint.offer

    def killed(state):
        save(state)
        if first.fits["leakage_0"].passes == 3:
            raise KilledError

    first.checkpoint.offer = killed
    with pytest.raises(KilledError):
        first.train("leakage_0", fit(), 5)
    again, (tensors, notes) = fits(2)
    assert (tensors["own"].tolist(), notes) == ([1, 1], {"found": 1})
    ended = again.train("leakage_0", fit(), 5)
    assert again.progress.done == 20, "five passes of four batches: three of them were not made again"
    assert torch.equal(ended.values, whole.values)
    assert all(torch.equal(a, b) for a, b in zip(ended.critic.parameters(), whole.critic.parameters(), strict=True))


def test_each_pass_is_a_permutation_and_each_member_has_its_own():
    sampler = PairSampler(12, 4, [generator(s) for s in (1, 2)])
    passes = [torch.cat([rows for rows, _ in sampler.one_pass()], 1).tolist() for _ in range(2)]
    members = [*passes[0], *passes[1]]
    assert all(sorted(rows) == list(range(12)) for rows in members)
    assert len({tuple(rows) for rows in (*members, list(range(12)))}) == 5


@pytest.mark.parametrize("derange", [True, False])
def test_bounds_pair_rows_as_the_fit_does(monkeypatch, derange):
    made, met = fit(derange=derange), []

    def scores(_, __, rows, partners):
        met.append(bool((rows == partners).any()))
        return torch.zeros(1, 10), torch.zeros(1, 10)

    monkeypatch.setattr(made, "scores", scores)
    assert len(list(made.bounds(made.x, made.y, 12, [generator("b")]))) == 12
    assert any(met) is not derange, "no row meets itself where the fit's rows do not"


def test_the_last_points_of_a_chart():
    curve = torch.tensor([[9.0, 1.0, 3.0], [9.0, 2.0, 4.0]])
    assert last_value(curve, 2).tolist() == [2, 3]
