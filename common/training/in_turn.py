"""Several runs of one job under one checkpoint: what does not stack well loops over its seeds inside the job."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from common.training.checkpoint import Checkpoint
from common.training.state import State, end_of, stand_at_end, state_of, take_up
from common.training.trainer import Trainer

_SEPARATOR = "\x1f"  # between a run's name and a tensor's: no name has it, and one run's may begin as another's


class InTurn:
    """Runs trainers one after another; an interrupted job takes up the one under way and keeps those finished.

    It loses the checkpoint's interval at most, of a run that is finished as of one under way.

    Of a finished run the model, its history and how it ended are kept, not its optimisers. The trainers share one
    ``Progress`` over the whole job, or have none.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._finished: dict[str, State] = {}
        self._under_way: dict[str, State] = {}
        if (found := checkpoint.resume()) is not None:
            self._split(*found)

    def run(self, name: str, trainer: Trainer) -> Trainer:
        """Train to the end, or bring back how it ended; each run of the job has a name of its own."""
        if name in self._finished:
            stand_at_end(trainer, *self._finished[name])
            return trainer
        if name in self._under_way:
            take_up(trainer, *self._under_way.pop(name))
        trainer.train(lambda: self.checkpoint.offer(lambda: self._all(name, trainer)))
        self._finished[name] = end_of(trainer)
        self.checkpoint.offer(lambda: self._all(None, None))  # of a job of seconds nothing is written but its weights
        return trainer

    def _all(self, name: str | None, trainer: Trainer | None) -> State:
        runs = dict(self._finished)
        if name is not None and trainer is not None:
            runs[name] = state_of(trainer)
        tensors = {f"{run}{_SEPARATOR}{key}": value for run, (own, _) in runs.items() for key, value in own.items()}
        return tensors, {"runs": {run: notes for run, (_, notes) in runs.items()}, "finished": list(self._finished)}

    def _split(self, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
        mine: dict[str, dict[str, Tensor]] = {run: {} for run in notes["runs"]}
        for name, value in tensors.items():
            run, _, key = name.partition(_SEPARATOR)
            mine[run][key] = value
        for run, own in notes["runs"].items():
            place = self._finished if run in notes["finished"] else self._under_way
            place[run] = (mine[run], own)
