"""Takes up critic fits where an interrupted job left them: the fits of the current stage and the job's own state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from common.estimators.critic_fit import CriticFit
from common.training.checkpoint import Checkpoint
from common.training.progress import Progress


class ResumableFits:
    """Trains named critic fits under one checkpoint.

    ``own`` returns the job's own tensors and notes (what it has found so far); a fit's name must say which stage
    it belongs to. :meth:`next_stage` forgets the fits of a stage that is over.
    """

    def __init__(
        self, checkpoint: Checkpoint, own: Callable[[], tuple[dict[str, Tensor], dict[str, Any]]], progress: Progress
    ) -> None:
        self.checkpoint, self.own, self.progress = checkpoint, own, progress
        self.fits: dict[str, CriticFit] = {}
        self._saved: dict[str, dict[str, Tensor]] = {}

    def resume(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the job's own tensors and notes of an interrupted run, keeping its fits for :meth:`train`."""
        found = self.checkpoint.resume()
        if found is None:
            return None
        tensors, notes = found
        self.progress.resume_at(notes["done"])
        for name in notes["fits"]:
            prefix = f"fit:{name}:"
            self._saved[name] = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        return {k: v for k, v in tensors.items() if not k.startswith("fit:")}, notes["own"]

    def train(self, name: str, fit: CriticFit, passes: int) -> CriticFit:
        """Train ``fit`` to ``passes``, from where it was interrupted if it was."""
        if name in self._saved:
            fit.load_state_dict(self._saved.pop(name))
        self.fits[name] = fit
        return fit.train(passes, on_pass=self._after_pass)

    def next_stage(self) -> None:
        """Forget the fits of the stage that is over."""
        self.fits.clear()
        self._saved.clear()

    def _after_pass(self, fit: CriticFit) -> None:
        self.progress.advance(fit.sampler.batches * len(fit.x))
        self.checkpoint.offer(self.state)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything a resumed job needs."""
        tensors, notes = self.own()
        for name, fit in self.fits.items():
            tensors |= {f"fit:{name}:{key}": value for key, value in fit.state_dict().items()}
        return tensors, {"own": notes, "fits": list(self.fits), "done": self.progress.done}
