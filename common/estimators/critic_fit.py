"""Trains a stack of critics on a variational objective: many seeds or data sets as one batched model.

One pass over the data is an epoch; each batch yields joint pairs (rows with themselves) and marginal pairs (rows
of x with permuted rows of y). Every member draws from its own generators, so a member's run does not depend on
who shares the stack. A member whose value stops being finite is recorded with its step and left alone: batched
products keep its numbers out of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from common.estimators.optimiser import FlatAdam
from common.estimators.pairs import PairSampler, PairTable, take_rows
from common.losses.variational import donsker_varadhan
from common.models.backprop import Backprop, can_write_out

Objective = Callable[[Tensor, Tensor], Tensor]


class CriticFit:
    """A resumable fit of a stack of critics to ``x (members, n, d_x)`` and ``y (members, n, d_y)``.

    ``objective(joint, marginal)`` maps scores to one value per member, to be maximised; an objective with state
    (MINE's moving average) offers ``state_dict``/``load_state_dict``. ``autocast`` is a dtype for the products or
    ``None``; scores and bounds stay in fp32. ``values`` and ``objectives`` hold one mean per pass,
    ``(members, passes)``.

    Every batch is an optimiser step, but for two readings of "gradients in batches of u": ``gather`` = u steps along
    the mean gradient of u batches, and of those that are left at the end of a pass; ``update_every`` = u steps along
    the gradient of batches 0, u, 2u … of a pass alone.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        critic: nn.Module,
        objective: Objective,
        *,
        batch: int,
        lr: float,
        generators: Sequence[torch.Generator],
        derange: bool = False,
        update_every: int = 1,
        gather: int = 1,
        autocast: torch.dtype | None = None,
    ) -> None:
        if min(update_every, gather) != 1:
            raise ValueError(f"update_every {update_every} and gather {gather}: one at most may be above 1, none below")
        self.x, self.y, self.critic, self.objective = x, y, critic, objective
        self.sampler = PairSampler(x.shape[1], batch, generators, derange)
        self.optimiser = FlatAdam(critic, lr)
        self.update_every, self.gather, self.autocast = update_every, gather, autocast
        self._gathered = torch.zeros_like(self.optimiser.grad) if gather > 1 else None
        self._written_out = Backprop(critic, autocast) if can_write_out(critic, x.device) else None
        self._table = PairTable(x, y, self._written_out.dtype) if self._written_out else None
        members = len(x)
        self.values = torch.empty(members, 0)
        self.objectives = torch.empty(members, 0)
        self.steps = 0
        self.diverged_at = torch.full((members,), -1)

    @property
    def passes(self) -> int:
        """Passes over the data made so far."""
        return self.values.shape[1]

    def train(self, passes: int, on_pass: Callable[[CriticFit], None] | None = None) -> CriticFit:
        """Train until ``passes`` passes are made in all, calling ``on_pass`` after each."""
        while self.passes < passes:
            values, objectives = [], []
            for index, (rows, partners) in enumerate(self.sampler.one_pass()):
                value, objective = self._climb(rows, partners, index)
                values.append(value)
                objectives.append(objective)
            self._note(torch.stack(values, 1).cpu(), torch.stack(objectives, 1).cpu())
            if on_pass is not None:
                on_pass(self)
        return self

    def _climb(self, rows: Tensor, partners: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """Score batch ``index`` of a pass, make the step that is due; return the bound and the objective per member."""
        update = index % self.update_every == 0
        found = self._score(rows, partners, update)
        if self._gathered is not None:
            self._gathered += self.optimiser.grad
            held = index % self.gather + 1
            update = held == self.gather or index + 1 == self.sampler.batches
            if update:
                torch.div(self._gathered, held, out=self.optimiser.grad)
                self._gathered.zero_()  # at the end of a pass nothing is held: a checkpoint has none of it
        if update:
            self.optimiser.step()
            self.steps += 1
        return found

    def _score(self, rows: Tensor, partners: Tensor, slope: bool) -> tuple[Tensor, Tensor]:
        """Return the bound and the objective per member of one batch and, where asked, leave the latter's gradient."""
        if self._written_out is not None:
            bound, objective = self._written_score(self._written_out, rows, partners, slope)
        else:
            with torch.set_grad_enabled(slope):
                joint, marginal = self.scores(self.x, self.y, rows, partners)
                objective = self.objective(joint, marginal)
            if slope:
                self.optimiser.zero_grad()
                (-objective.sum()).backward()  # members share no parameter: each sees its own gradient alone
            with torch.no_grad():
                bound = donsker_varadhan(joint, marginal)
        return bound, objective.detach()

    def _written_score(self, network: Backprop, rows: Tensor, partners: Tensor, slope: bool) -> tuple[Tensor, Tensor]:
        """Do the same without autograd through the critic; an objective that knows its slopes needs none at all."""
        self._table.fill(network.inputs(2 * rows.shape[1]), rows, partners)
        both = network.forward()
        climb = getattr(self.objective, "climb", None)
        if climb is not None:
            bound, objective, slopes = climb(both, rows.shape[1])
        else:
            both.requires_grad_(slope)
            joint, marginal = both.split(rows.shape[1], 1)
            objective = self.objective(joint, marginal)
            bound = donsker_varadhan(joint.detach(), marginal.detach())
            slopes = torch.autograd.grad(objective.sum(), both)[0] if slope else None
        if slope:
            network.backward(slopes.neg_())
        return bound, objective

    def scores(self, x: Tensor, y: Tensor, rows: Tensor, partners: Tensor) -> tuple[Tensor, Tensor]:
        """Return joint and marginal scores, each ``(members, batch)``, in one run of the critic."""
        with self._precision():
            x_rows = take_rows(x, rows)
            both = self.critic(torch.cat([x_rows, x_rows], 1), take_rows(y, torch.cat([rows, partners], 1)))
        return both[:, : rows.shape[1]], both[:, rows.shape[1] :]

    def bounds(
        self,
        x: Tensor,
        y: Tensor,
        batches: int,
        generators: Sequence[torch.Generator],
        bound: Objective = donsker_varadhan,
    ) -> Iterator[Tensor]:
        """Yield ``bound`` (Donsker-Varadhan) per member of ``batches`` fresh batches of ``x`` and ``y``, critic frozen.

        Gradients reach ``x`` and ``y`` where these ask for them: this is how an encoder sees its leakage.
        """
        sampler = PairSampler(x.shape[1], self.sampler.batch, generators, self.sampler.derange)
        made = 0
        while made < batches:
            for rows, partners in sampler.one_pass():
                yield bound(*self.scores(x, y, rows, partners))
                made += 1
                if made == batches:
                    return

    def _precision(self) -> AbstractContextManager[object]:
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.x.device.type, self.autocast)

    def _note(self, values: Tensor, objectives: Tensor) -> None:
        """Keep a pass's means, and the first step at which a member's value stopped being finite."""
        # Scores can be finite where weights are not (a ReLU in bf16 makes nought of a NaN): such a member has no value.
        sound = [torch.isfinite(weight).flatten(1).all(1) for weight in self.critic.parameters()]
        values[~torch.stack(sound).all(0).cpu(), -1] = torch.nan
        broken = ~torch.isfinite(values)
        fresh = broken.any(1) & (self.diverged_at < 0)
        first = self.passes * self.sampler.batches + broken.float().argmax(1)
        self.diverged_at = torch.where(fresh, first, self.diverged_at)
        self.values = torch.cat([self.values, values.mean(1, keepdim=True)], 1)
        self.objectives = torch.cat([self.objectives, objectives.mean(1, keepdim=True)], 1)

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything a resumed fit needs to go on to the bit: weights, moments, generators, curves."""
        state = {f"critic.{name}": value for name, value in self.critic.state_dict().items()}
        state |= {"adam.mean": self.optimiser.mean, "adam.square": self.optimiser.square}
        for index, generator in enumerate(self.sampler.generators):
            state[f"generator.{index}"] = generator.get_state()
        if hasattr(self.objective, "state_dict"):
            state |= {f"objective.{name}": value for name, value in self.objective.state_dict().items()}
        own = {"values": self.values, "objectives": self.objectives, "diverged_at": self.diverged_at}
        return state | own | {"steps": torch.tensor(self.steps)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a fit where :meth:`state_dict` left it."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

        self.critic.load_state_dict(part("critic."))
        self.optimiser.mean.copy_(state["adam.mean"])
        self.optimiser.square.copy_(state["adam.square"])
        for index, generator in enumerate(self.sampler.generators):
            generator.set_state(state[f"generator.{index}"])
        if hasattr(self.objective, "load_state_dict"):
            self.objective.load_state_dict(part("objective."))
        self.values, self.objectives = state["values"], state["objectives"]
        self.diverged_at, self.steps = state["diverged_at"], int(state["steps"])
        self.optimiser.steps = self.steps


def last_value(curve: Tensor, window: int) -> Tensor:
    """Return the mean of the last ``window`` points of each member's curve, ``(members,)``."""
    return curve[:, -window:].mean(1)
