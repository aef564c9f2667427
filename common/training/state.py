"""What outlives an interruption of a :class:`common.training.trainer.Trainer`, and how one takes it up again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from common.training.trainer import Trainer

State = tuple[dict[str, Tensor], dict[str, Any]]  # tensors, and notes as JSON knows them


def state_of(trainer: Trainer) -> State:
    """Return everything a resumed run needs, for a checkpoint."""
    tensors = {f"model:{k}": v for k, v in trainer.model.state_dict().items()}
    for part in trainer.parts:
        tensors |= {f"part:{part.name}:{k}": v for k, v in part.tensors().items()}
    tensors |= {f"source:{k}": v for k, v in trainer.source.state_dict().items()}
    tensors |= {f"generator:{k}": g.get_state() for k, g in trainer.generators.items()}
    tensors |= {f"watch:{k}": v for k, v in trainer.watch.state_dict().items()}
    tensors |= {f"history:{k}": v for k, v in trainer.history.tensors().items()}
    tensors["torch"] = torch.get_rng_state()
    if trainer.machine.device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(trainer.machine.device)
    return tensors, _notes(trainer)


def _notes(trainer: Trainer) -> dict[str, Any]:
    return {
        "epoch": trainer.epoch,
        "steps": trainer.steps,
        "in_epoch": trainer.in_epoch,
        "taken": trainer.taken if trainer.in_epoch else 0,
        "ended": trainer.ended,
        "history": trainer.history.epochs,
        "causes": trainer.watch.names,
        "stopped": {str(k): v for k, v in trainer.stopped.items()},
        "schedules": {part.name: part.schedule.state_dict() for part in trainer.parts},
        "done": trainer.progress.done if trainer.progress is not None else 0,
    }


def take_up(trainer: Trainer, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Take up :func:`state_of`: what follows is what would have followed, to the bit."""

    def part_of(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    trainer.model.load_state_dict(part_of("model:"))
    for part in trainer.parts:
        part.load_tensors(part_of(f"part:{part.name}:"))
        part.schedule.load_state_dict(notes["schedules"][part.name])
    trainer.epoch, trainer.steps, trainer.in_epoch = notes["epoch"], notes["steps"], notes["in_epoch"]
    trainer.taken, trainer.ended = notes["taken"], notes["ended"]
    trainer.source.load_state_dict(part_of("source:"))
    for name, generator in trainer.generators.items():
        generator.set_state(tensors[f"generator:{name}"])
    trainer.watch.load_state_dict(part_of("watch:"), notes["causes"], notes["stopped"])
    trainer.history.load(part_of("history:"), notes["history"])
    if trainer.members > 1:
        for member in trainer.stopped:
            trainer.frozen.add(member)
    torch.set_rng_state(tensors["torch"])
    if trainer.machine.device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], trainer.machine.device)
    if trainer.progress is not None:
        trainer.progress.resume_at(notes["done"])


def end_of(trainer: Trainer) -> State:
    """Return the model and what a finished run found, without what training on would need."""
    return {f"model:{k}": v.detach().clone() for k, v in trainer.model.state_dict().items()}, _notes(trainer)


def stand_at_end(trainer: Trainer, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Stand where a finished run ended, as :func:`end_of` kept it."""
    trainer.model.load_state_dict({k.removeprefix("model:"): v for k, v in tensors.items()})
    trainer.epoch, trainer.steps, trainer.ended = notes["epoch"], notes["steps"], notes["ended"]
    trainer.history.load({}, notes["history"])
    trainer.watch.stopped = {int(k): v for k, v in notes["stopped"].items()}
    if trainer.progress is not None:
        trainer.progress.resume_at(notes["done"])
