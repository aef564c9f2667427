"""What this machine does in a second, measured once: the plan's jobs are held against it."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from common.results.atomic import write_atomically


@dataclass(frozen=True)
class Rates:
    """What this machine does: operations a second, in small stacked networks and in convolutions, and fixed seconds."""

    flop_per_second: float
    seconds_per_step: float
    start_seconds: float
    conv_per_second: float
    large_per_second: float


def measured_rates(root: Path, device: str, precision: str) -> Rates:
    """Return this machine's rates at a precision, measured in a few seconds and kept below ``results/`` until deleted.

    Each precision (``auto``, ``fp32``, ``bf16``) is measured for itself: between two a factor of two is common.
    """
    import torch

    name = f"rates-{platform.node() or 'machine'}-{device}-{precision}-{torch.__version__}.json"
    path = Path(root) / "results" / name
    kept = _kept(path)
    if kept is not None:
        return kept
    small, large = _step_seconds(device, precision, 64), _step_seconds(device, precision, 4000)
    flop = (4000 - 64) * _FLOP_PER_ROW
    conv, spectral = (_convolution_rate(device, precision, *shape) for shape in _CONVOLUTIONS)
    found = Rates(flop / max(large - small, 1e-6), small, 3.0, conv, spectral)
    write_atomically(path, json.dumps(asdict(found)))
    return found


def _kept(path: Path) -> Rates | None:
    """Return the rates in a file, or None where it is not there, damaged, or of another version: measure again."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    names = {field.name for field in fields(Rates)}
    fits = isinstance(kept, dict) and kept.keys() == names
    return Rates(**kept) if fits and all(isinstance(rate, float) and rate > 0 for rate in kept.values()) else None


# 23-100-100-1 critic, joint and marginal pair per row, forward and backward (3x): see the paper's sheet, compute.
_FLOP_PER_ROW = 2 * 12_400 * 2 * 3


def _step_seconds(device: str, precision: str, batch: int) -> float:
    """Return the least seconds of one optimiser step of one critic at a batch size, on one thread.

    On a CPU they are processor seconds: what else the machine does just then must not enter the estimate.
    """
    import torch

    from common.estimators.critic_fit import CriticFit
    from common.losses.variational import remine
    from common.models.stacked import StackedJointCritic
    from common.training.machine import prepare

    machine = prepare(device, precision)
    torch.set_num_threads(1)  # as jobs run: one thread each, side by side
    clock = time.process_time if machine.device.type == "cpu" else time.perf_counter
    x, y = torch.randn(1, 8000, 20, device=machine.device), torch.randn(1, 8000, 3, device=machine.device)
    generators = [torch.Generator(machine.device).manual_seed(0)]
    critic = StackedJointCritic(20, 3, [100, 100], [torch.Generator().manual_seed(0)]).to(machine.device)
    fit = CriticFit(x, y, critic, remine, batch=batch, lr=1e-4, generators=generators, autocast=machine.autocast)
    fit.train(2)
    per_step = []
    for _ in range(5):
        begun = clock()
        passes = max(1, 8 // fit.sampler.batches)
        fit.train(fit.passes + passes)
        per_step.append((clock() - begun) / (passes * fit.sampler.batches))
    return min(per_step)


# kernel, channels, side, images: the first stage of a ResNet, and the middle of the plain 7x7 network
_CONVOLUTIONS = ((3, 64, 32, 16), (7, 48, 28, 32))


def _convolution_rate(device: str, precision: str, kernel: int, channels: int, side: int, images: int) -> float:
    """Return operations a second, as direct sums, of a convolution with BatchNorm and ReLU, forward and backward."""
    import torch

    from common.models.plain_conv import PlainConvEncoder
    from common.training.arrange import arrange, prepare_for_convolutions

    machine = prepare_for_convolutions(device, precision, kernel)
    torch.set_num_threads(1)
    net = arrange(PlainConvEncoder((channels, channels), kernel, inputs=channels), machine)
    x = torch.randn(images, channels, side, side, device=machine.device, requires_grad=True)
    clock = time.process_time if machine.device.type == "cpu" else time.perf_counter

    def step() -> float:
        begun = clock()
        with torch.autocast(machine.device.type, machine.autocast, enabled=machine.autocast is not None):
            loss = net(x).float().sum()
        loss.backward()
        if machine.device.type == "cuda":
            torch.cuda.synchronize()
        return clock() - begun

    step()
    least = min(step() for _ in range(3))
    return 2 * 3 * 2 * images * (side * kernel * channels) ** 2 / least  # multiply-add, passes, layers
