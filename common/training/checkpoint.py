"""Checkpoints: named tensors and a little JSON in one safetensors file, replaced atomically, never pickled.

The format has no checksum of its own: a digest over tensors and notes stands with the notes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from common.results.atomic import write_atomically


def save_tensors(path: Path, tensors: dict[str, Tensor], notes: dict[str, Any] | None = None) -> None:
    """Write tensors and JSON ``notes`` to ``path``: a reader sees the old file or the new one, never half."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps(notes or {})
    # one entry: the library writes several in an order of their own at each time, and files of one content shall be one
    said = json.dumps({"notes": text, "sha256": _digest(tensors, text)})
    write_atomically(path, save(tensors, {"notes": said}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and notes of a file that :func:`save_tensors` wrote; a broken one raises ``OSError``.

    So does one without a digest: whatever left it, its code is not the code that asks for it.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            said = json.loads((stream.metadata() or {}).get("notes", "{}"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        text = said.get("notes") if isinstance(said, dict) else None
        if not isinstance(text, str) or said.get("sha256") != _digest(tensors, text):
            raise ValueError("it has no digest, or another than its content's")
        return tensors, json.loads(text)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such tensors; run the experiment that leaves them") from None
    except (SafetensorError, ValueError, RecursionError) as error:
        raise OSError(f"{path}: not a readable tensor file ({error}); delete it and run again") from None


def _digest(tensors: dict[str, Tensor], notes: str) -> str:
    """Return the sha256 of the notes and of every tensor's name, type, shape and bytes."""
    found = hashlib.sha256(notes.encode())
    for name, value in sorted(tensors.items()):
        found.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


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
