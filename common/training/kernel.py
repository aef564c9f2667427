"""Builds the fused kernel of bf16 critics with the machine's C compiler and hands it to whoever writes critics out.

It is for processors that multiply bf16 pairs (``avx512_bf16``) and have no units for whole matrices, where torch's own
products are faster. Without a compiler all works as before, only slower, and one line says so.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from common.models import fused
from common.results import processor

SOURCE = Path(__file__).with_name("critic_bf16.c")
# Part of the code's fingerprint, which reads Python alone: another kernel is other code.
DIGEST = "8cf06ea765dd6d991ef64759c45bcbcb80de7a3fd658495c7463a93ab1f126fd"
_NEEDS = ("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16", "fma")
_FLAGS = ("-O3", "-fno-strict-aliasing", "-shared", "-fPIC", *(f"-m{name.replace('_', '')}" for name in _NEEDS))


def suits() -> bool:
    """Return whether the kernel runs on this processor and is the fastest way there."""
    return not processor.has_matrix_units() and all(name in processor.description() for name in _NEEDS)


def use_where_it_pays() -> None:
    """Put the kernel to use if it suits the processor and can be built."""
    if suits():
        fused.use(library())


@cache
def library() -> ctypes.CDLL | None:
    """Return the built kernel, or None, saying why: no compiler, or one that fails."""
    source = SOURCE.read_bytes()
    if hashlib.sha256(source).hexdigest() != DIGEST:
        raise RuntimeError(f"{SOURCE.name} is another than common/training/kernel.py names: write its SHA-256 there")
    compiler = shlex.split(os.environ.get("CC", "")) or list(filter(shutil.which, ("cc", "gcc", "clang")))[:1]
    if not compiler:
        return _without("no C compiler found (cc, gcc, clang, or what CC names)")
    try:
        made = hashlib.sha256(source + " ".join(_FLAGS).encode()).hexdigest()
        return ctypes.CDLL(str(_built(compiler, f"{SOURCE.stem}-{made[:12]}.so")))
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip() or f"exit status {error.returncode}"
        return _without(f"{compiler[0]}: {said.splitlines()[0]}")
    except OSError as error:
        return _without(str(error))


def _built(compiler: list[str], name: str) -> Path:
    """Return the library beside Python's own compiled files or, where nothing can be written there, in a new folder.

    A folder that others may write to is not looked into: a library is code.
    """
    kept = SOURCE.parent / "__pycache__" / name
    if kept.exists():
        return kept
    try:
        kept.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(suffix=".so", dir=kept.parent)
    except OSError:
        kept = Path(tempfile.mkdtemp(prefix="critic-kernel-")) / name
        handle, temporary = tempfile.mkstemp(suffix=".so", dir=kept.parent)
    os.close(handle)
    try:
        subprocess.run([*compiler, *_FLAGS, "-o", temporary, str(SOURCE)], check=True, capture_output=True)
        Path(temporary).replace(kept)  # whole or not at all, whoever else builds it
    finally:
        Path(temporary).unlink(missing_ok=True)
    return kept


def _without(why: str) -> None:
    print(f"critics run without their fused bf16 kernel, a quarter slower: {why}", file=sys.stderr)
