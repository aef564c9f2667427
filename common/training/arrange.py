"""Where convolutions run fast: precision, memory layout, compiled and concurrent execution, chosen by device.

Measured on cores without matrix units (avx512_bf16 alone), seconds of a training step, batch 100 / 64:

====================  ========  ============  ==========  ===============
network               fp32      channels-last bf16        channels-last
====================  ========  ============  ==========  ===============
four 7x7 convolutions 2.1       2.4           1.1         1.3
… through spectra     0.30
ResNet-18, 32x32      2.2       2.0           1.14        1.06
====================  ========  ============  ==========  ===============

So: bf16 pays for convolutions wherever the processor has bf16 products at all, large kernels without matrix units are
better off with spectra in fp32 (:mod:`common.models.spectral`), and small kernels like channels last. The CUDA ways are
written to run on any recent GPU; without one their callers get the plain way, with equal results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import nn

from common.models.few_places import hasten_few_places
from common.models.small_images import guard_small_images
from common.results import processor
from common.training.machine import Machine, has_matrix_units, prepare

Model = TypeVar("Model", bound=nn.Module)
Result = TypeVar("Result")
LARGE = 5  # kernels from this size on go through spectra in fp32 on a CPU


def has_bf16_products(device: torch.device) -> bool:
    """Return whether the device multiplies bf16 faster than fp32, with matrix units or without."""
    return has_matrix_units(device) or (device.type == "cpu" and processor.has_bf16_products())


def prepare_for_convolutions(device: str = "auto", precision: str = "auto", kernel: int = 3) -> Machine:
    """Return the machine as :func:`common.training.machine.prepare` does, with ``auto`` decided for convolutions.

    ``kernel`` is the size that most of the work is in. ``fp32`` and ``bf16`` mean what they say.
    """
    machine = prepare(device, precision)
    if precision == "auto" and machine.autocast is None and kernel < LARGE and has_bf16_products(machine.device):
        return replace(machine, autocast=torch.bfloat16)
    return machine


def arrange(model: Model, machine: Machine) -> Model:
    """Move a model to the machine's device, its convolutions to the layout that is fast there, and guard them.

    In bf16 on a CPU images smaller than a kernel are convolved in fp32 (:mod:`common.models.small_images`); in fp32
    there, those that leave few places are one matrix product (:mod:`common.models.few_places`).
    A convolution with channels-last weights gives channels-last results, whatever its input: the images need nothing.
    """
    kernels = [max(m.kernel_size) for m in model.modules() if isinstance(m, nn.Conv2d)]
    model = model.to(machine.device)
    if machine.device.type == "cpu":
        (hasten_few_places if machine.autocast is None else guard_small_images)(model)
    if kernels and (machine.device.type == "cuda" or max(kernels) < LARGE):
        model = model.to(memory_format=torch.channels_last)
    return model


def compiled(function: Callable[..., Result], machine: Machine, **options: Any) -> Callable[..., Result]:
    """Return ``function`` replayed as CUDA graphs where launching its kernels is what takes the time; itself on a CPU.

    For forward passes of small stacks: shapes must not change from call to call.
    """
    if machine.device.type != "cuda":
        return function
    return torch.compile(function, mode="reduce-overhead", **options)


def side_by_side(tasks: Sequence[Callable[[], Result]], machine: Machine) -> list[Result]:
    """Run independent tasks on streams of their own and wait for all; one after another on a CPU."""
    if machine.device.type != "cuda":
        return [task() for task in tasks]
    here = torch.cuda.current_stream(machine.device)
    results, streams = [], [torch.cuda.Stream(machine.device) for _ in tasks]
    for task, stream in zip(tasks, streams, strict=True):
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            results.append(task())
    for stream in streams:
        here.wait_stream(stream)
    return results
