"""What the processor says of itself, without importing torch: Linux's ``/proc/cpuinfo``."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def description() -> str:
    """Return the kernel's text on the processors; empty where the system has none."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


def is_intel() -> bool:
    """Return whether Intel made it."""
    return "GenuineIntel" in description()


def has_matrix_units() -> bool:
    """Return whether it has units for products of bf16 matrices (AMX)."""
    return "amx_bf16" in description()


def has_bf16_products() -> bool:
    """Return whether it multiplies bf16 at all; one that does not emulates it, some ninety times slower than fp32."""
    return has_matrix_units() or "avx512_bf16" in description()
