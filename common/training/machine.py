"""What a job asks of its machine: device, precision, threads, fast products, and an allocator that keeps its pages."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

import torch

from common.results import processor
from common.training.kernel import use_where_it_pays


@dataclass(frozen=True)
class Machine:
    """Where a job runs: the device, the dtype for matrix products (``None`` = plain fp32), and its name."""

    device: torch.device
    autocast: torch.dtype | None

    @property
    def dtype(self) -> str:
        """Name of the dtype that matrix products run in."""
        return "bf16" if self.autocast == torch.bfloat16 else "fp32"


def has_matrix_units(device: torch.device) -> bool:
    """Return whether bf16 products have hardware of their own: CUDA from Ampere on, CPUs with AMX."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return processor.has_matrix_units()


def prepare(device: str = "auto", precision: str = "auto") -> Machine:
    """Choose device and precision, hold torch to the threads the job was given, and set up the allocator.

    Raises OSError where a CUDA device is asked for and none is there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise OSError("device=cuda, but torch finds no CUDA device; use device=cpu or device=auto")
    chosen = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    bf16 = precision == "bf16" or (precision == "auto" and has_matrix_units(chosen))
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    _keep_pages()
    _fast_fp32_products()
    if bf16 and chosen.type == "cpu":
        use_where_it_pays()
    return Machine(chosen, torch.bfloat16 if bf16 else None)


def _fast_fp32_products() -> None:
    """Send fp32 matrix products to oneDNN on processors where MKL leaves AVX-512 unused: all but Intel's own.

    Torch has no switch for the library alone; what it has is the leave to use bf16 inside fp32 products, which only AMX
    takes up, so that elsewhere nothing but the library changes. That is checked here rather than believed. Measured on
    a Zen 5 core: 1024 x 1024 products at 213 GFLOP/s where MKL reaches 97, stacked ones of 100 x 100 at 169 and 84.
    """
    if has_matrix_units(torch.device("cpu")) or not _mkl_holds_back():
        return
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    if not _products_are_exact():
        torch.backends.mkldnn.matmul.fp32_precision = "none"


def _mkl_holds_back() -> bool:
    """Return whether this processor has AVX-512 and is not Intel's."""
    return not processor.is_intel() and torch.backends.cpu.get_cpu_capability() == "AVX512"


def _products_are_exact() -> bool:
    """Return whether a product of fp32 matrices is good to fp32: bf16 inside would err a thousand times as much."""
    a = torch.linspace(0.1, 1, 64 * 64).view(64, 64)
    exact = a.double() @ a.double()
    return bool(((a @ a).double() - exact).abs().max() < 1e-5 * exact.abs().max())


def _keep_pages() -> None:
    """Tell glibc to keep freed memory: a step's tensors of megabytes are else mapped and faulted anew each step.

    Measured on two cores: a stacked critic step at batch 4,000 takes 6.4 ms per member instead of 11.2.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return  # another C library: nothing to set, only slower
    m_trim_threshold, m_mmap_threshold = -1, -3
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)
