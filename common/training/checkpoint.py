"""Checkpoints: named tensors and a little JSON in one safetensors file, replaced atomically, never pickled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from common.results.atomic import write_atomically


def save_tensors(path: Path, tensors: dict[str, Tensor], notes: dict[str, Any] | None = None) -> None:
    """Write tensors and JSON ``notes`` to ``path``: a reader sees the old file or the new one, never half."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, save(tensors, {"notes": json.dumps(notes or {})}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and notes of a file that :func:`save_tensors` wrote; a broken one raises ``OSError``."""
    try:
        with safe_open(path, framework="pt") as stream:
            notes = json.loads((stream.metadata() or {}).get("notes", "{}"))
            return {name: stream.get_tensor(name) for name in stream.keys()}, notes  # noqa: SIM118
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such tensors; run the experiment that leaves them") from None
    except (SafetensorError, json.JSONDecodeError) as error:
        raise OSError(f"{path}: not a readable tensor file ({error}); delete it and run again") from None


class Checkpoint:
    """A file that a long run refreshes every ``interval`` seconds and takes up again after an interruption."""

    def __init__(self, path: Path, interval: float = 120.0) -> None:
        self.path, self.interval = Path(path), interval
        self._last = time.monotonic()

    def resume(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return what an interrupted run left, or ``None`` where there is nothing to take up."""
        return load_tensors(self.path) if self.path.exists() else None

    def offer(self, state: Callable[[], tuple[dict[str, Tensor], dict[str, Any]]]) -> None:
        """Save ``state()`` if the last save is longer ago than the interval."""
        if time.monotonic() - self._last >= self.interval:
            self.save(*state())

    def save(self, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
        """Save now, whatever the interval."""
        save_tensors(self.path, tensors, notes)
        self._last = time.monotonic()
