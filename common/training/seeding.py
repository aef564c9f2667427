"""Seeds derived by hashing, so that one role's draws never move another's."""

from __future__ import annotations

import hashlib

import torch


def derive(*parts: str | int) -> int:
    """Return a 63-bit seed from what it is for: (experiment, variant, seed, role, …)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator seeded with :func:`derive`."""
    return torch.Generator(device).manual_seed(derive(*parts))
