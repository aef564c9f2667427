"""One loop for plain, adversarial and stacked training.

A paper writes a *step function*: from a batch to routes (:class:`common.training.routing.Route`), each a loss with the
parts it trains. The routes of one list make one *turn*: gradients are gathered, then the parts that received one take
an optimiser step. A step function that is a generator yields several turns, each of which is stepped before the next
is computed: ``k`` inner steps of a critic, then one of the encoder. Gradient reversal and detached heads are plain
tensor code in it.

>>> def step(batch):
...     z = encoder(batch["x"])
...     yield [Route(cross_entropy(head(z), batch["y"]), to=("encoder", "head"), name="task")]

A stack of ``members`` models gives losses ``(members,)``; they are summed for the gradient and kept apart otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.training.batches import Batch, Source
from common.training.checkpoint import Checkpoint
from common.training.divergence import Frozen, Watch, weights_as_losses
from common.training.history import History
from common.training.machine import Machine
from common.training.parts import Part, by_name
from common.training.progress import Progress
from common.training.routing import Route, send
from common.training.state import state_of, take_up

Turn = Sequence[Route]
Step = Callable[[Batch], Turn | Iterator[Turn]]
Found = Mapping[str, float | Sequence[float]]
AfterEpoch = Callable[["Trainer"], Found | None]


class Trainer:
    """Trains the ``parts`` of ``model`` with ``step`` for ``epochs`` epochs of ``source``; resumable at any step.

    ``model`` holds all that training changes, buffers too (a frozen network it reads stays outside, in eval mode).
    ``after_epoch(trainer)`` may return metrics: they join ``history`` and feed the plateau rule. ``generators`` are
    those the step function draws from, by name: they are saved with the rest. A loss above ``limit`` in size has
    exploded. ``seed`` starts torch's own generator, which dropout draws from.

    Afterwards ``history[name][epoch][member]`` holds the mean losses and the metrics, ``stopped`` says at which step
    and why a member diverged, ``ended`` why training ended before its time.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: Sequence[Part],
        step: Step,
        source: Source,
        *,
        epochs: int,
        machine: Machine,
        members: int = 1,
        after_epoch: AfterEpoch | None = None,
        generators: Mapping[str, torch.Generator] | None = None,
        progress: Progress | None = None,
        limit: float = 1e8,
        seed: int | None = None,
    ) -> None:
        self.model, self.parts, self.step_function, self.source = model, list(parts), step, source
        self.epochs, self.machine, self.members = epochs, machine, members
        self.after_epoch, self.generators, self.progress = after_epoch, dict(generators or {}), progress
        self._named = by_name(self.parts)
        if members > 1:
            _check_stack(self._named, members)
        self.epoch = self.steps = 0
        self.in_epoch, self.taken = False, 0
        self.ended = ""
        self.history = History(members, machine.device)
        self.watch = Watch(members, limit, machine.device)
        self.frozen = Frozen(model, members)
        # reading a loss makes a GPU wait: there the look is taken now and then, and at the end of an epoch
        self._look_every = 1 if machine.device.type == "cpu" else 50
        if seed is not None:
            torch.manual_seed(seed)

    @property
    def planned(self) -> int:
        """Batches of the whole run."""
        return self.epochs * len(self.source)

    @property
    def stopped(self) -> dict[int, str]:
        """Members that diverged: the step and the cause."""
        return self.watch.stopped

    def status(self, member: int = 0) -> tuple[str, str]:
        """Return a record's status and message for one member."""
        return ("diverged", self.stopped[member]) if member in self.stopped else ("ok", "")

    def run(self, checkpoint: Checkpoint | None = None) -> Trainer:
        """Train to the end, from where ``checkpoint`` left off if it holds something."""
        if checkpoint is None:
            return self.train()
        if (found := checkpoint.resume()) is not None:
            take_up(self, *found)
        return self.train(lambda: checkpoint.offer(partial(state_of, self)))

    def train(self, after_step: Callable[[], object] | None = None) -> Trainer:
        """Train to the end from where it stands, calling ``after_step`` when a batch, or an epoch, is done with."""
        for _ in self.stepwise():
            if after_step is not None:
                after_step()
        return self

    def stepwise(self) -> Iterator[int]:
        """Train, pausing with the number of steps when a batch is done with; its last one's epoch is then closed."""
        while not self.finished:
            self.model.train()
            if not self.in_epoch:
                self.source.start_epoch()
                self.in_epoch, self.taken = True, 0
            while self.taken < len(self.source) and not self.finished:
                self._one_batch(self.source.take())
                self.taken += 1
                self._report()
                if self.taken < len(self.source) and not self.finished:
                    yield self.steps
            self._end_epoch()
            yield self.steps

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return bool(self.ended) or self.epoch >= self.epochs

    def precision(self) -> AbstractContextManager[object]:
        """Return the context in which products run in the machine's dtype."""
        if self.machine.autocast is None:
            return nullcontext()
        return torch.autocast(self.machine.device.type, self.machine.autocast)

    @contextmanager
    def evaluating(self) -> Iterator[nn.Module]:
        """Give the model in eval mode, without gradients, in the machine's precision, for an evaluation hook."""
        was = self.model.training
        self.model.eval()
        try:
            with torch.no_grad(), self.precision():
                yield self.model
        finally:
            self.model.train(was)

    def _one_batch(self, batch: Batch) -> None:
        for part in self.parts:
            part.set_rate(self.epoch, self.steps, self.planned)
        for turn in self._turns(batch):
            self._take_turn(turn)
            if self.ended:
                return
        self.steps += 1

    def _turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the step function's turns; autocast (and its cache of weights) ends before each is stepped."""
        with self.precision():
            made: Any = self.step_function(batch)
        if isinstance(made, Sequence):
            yield made
            return
        while True:
            with self.precision():
                turn = next(made, None)
            if turn is None:
                return
            yield turn

    def _take_turn(self, turn: Turn) -> None:
        found = [self._per_member(route) for route in turn]
        losses = torch.stack(found) if len(found) > 1 else found[0][None]
        names = [route.name for route in turn]
        self.watch.mark(self.steps, names, losses)
        if self.steps % self._look_every == 0:
            self._look()
            if self.ended:
                return
        on_gpu = self.machine.device.type != "cpu"  # where a member's end may not be known yet
        self.history.add(names, losses, self.watch.alive if on_gpu or self.stopped else None)
        chosen = {name for route in turn for name in route.to}
        moved = [part for part in self.parts if part.name in chosen]
        for part in moved:
            for parameter in part.parameters:  # the optimiser's own zero_grad does this at ten times the price
                parameter.grad = None
        send(turn, self._named)
        for part in moved:
            part.optimiser.step()
        if self.frozen.kept:
            self.frozen.put_back()

    def _per_member(self, route: Route) -> Tensor:
        loss = route.loss.detach().float()
        wanted = () if self.members == 1 else (self.members,)
        if loss.shape not in (wanted, (self.members,)):
            raise ValueError(f"{route.name}: a loss is {wanted or 'a scalar'}, one per member; got {tuple(loss.shape)}")
        return loss.reshape(self.members)

    def _look(self) -> None:
        """Stop the members that went bad: alone in a stack, and the whole run where none is left."""
        for member in self.watch.fresh():
            if self.members > 1:
                self.frozen.add(member)
        if len(self.stopped) == self.members:
            self.ended = "diverged"

    def _report(self) -> None:
        if self.progress is not None:
            self.progress.advance(1)

    def _end_epoch(self) -> None:
        if not self.ended:  # the next step's losses would tell of spoilt weights; after the last one nothing would
            self.watch.mark(self.steps - 1, *weights_as_losses(self._named, self.members))
        self._look()
        self.in_epoch = False
        self.history.close_epoch()
        if self.ended:
            self._count_as_done()
            return
        found = self.after_epoch(self) if self.after_epoch is not None else None
        self.history.note(found or {})
        self.epoch += 1
        for part in self.parts:
            part.schedule.after_epoch(self.history.last(), part.rates[0])
            if part.schedule.stop:
                self.ended = f"the rate of {part.name} fell below its limit after epoch {self.epoch}"
        if self.ended:
            self._count_as_done()

    def _count_as_done(self) -> None:
        """Count the batches that an early end leaves out as done, or time left would go on counting them."""
        if self.progress is not None:
            self.progress.advance(self.planned - self.epoch * len(self.source) - self._left_over())

    def _left_over(self) -> int:
        """Return the batches already counted of an epoch that did not reach its end."""
        return self.taken if self.ended == "diverged" else 0


def _check_stack(parts: Mapping[str, Iterable[Tensor]], members: int) -> None:
    for name, parameters in parts.items():
        for parameter in parameters:
            if parameter.ndim == 0 or len(parameter) != members:
                raise ValueError(f"part {name!r}: {tuple(parameter.shape)} has no leading axis of {members} members")
