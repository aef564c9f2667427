"""Section 3.3: the two parts of the network trained end to end, in turns, or side by side.

``raw``: one graph, every loss reaches everything below it, one backward pass (the paper's "raw"). ``lower`` and
``upper``: the step of Phi with its auxiliary network, and that of Omega on the features handed to it. In turns, Omega
follows Phi on the same batch; side by side, it works on the previous batch's features while Phi is at the next, so that
neither waits for the other's backward pass. Omega sees the same features in the same order either way: the weights are
the same (a test holds that to the bit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from common.losses.supcon import supcon
from common.training.machine import Machine
from common.training.routing import reverse_gradient
from replications.attribute_unlearning.method import TEMPERATURE, Lambdas, reconstruction_error

Batch = tuple[Tensor, Tensor, Tensor]  # images in [0, 1], task y, attribute z


def detachment_loss(nets: nn.ModuleDict, h: Tensor, batch: Batch, lambdas: Lambdas) -> Tensor:
    """Return eq. (3) as one scalar whose single backward pass gives every part what ``method.detachment`` routes to it.

    The attribute's head is below a gradient reversal, so one pass serves both sides of the game. The ceiling on that
    loss, which acts on a head that reads nothing yet or no more, is left out: it costs neither seconds nor memory.
    """
    x, y, z = batch
    to_x = reconstruction_error(nets["decoder"](h), x)
    to_y = supcon(nets["task_head"](h), y, TEMPERATURE)
    to_z = supcon(nets["attribute_head"](reverse_gradient(h, lambdas.l3)), z, TEMPERATURE)
    return lambdas.l1 * to_x + lambdas.l2 * to_y + to_z


@dataclass(frozen=True)
class Handed:
    """What Phi hands to Omega: features, labels and, on CUDA, the moment they are ready."""

    h: Tensor
    y: Tensor
    ready: Any = None


class Parts:
    """A split network with an optimiser for each part, and the steps that train it."""

    def __init__(self, nets: nn.ModuleDict, lambdas: Lambdas, machine: Machine, lr: float = 0.1) -> None:
        self.nets, self.lambdas, self.machine = nets, lambdas, machine
        below = [p for name, net in nets.items() if name != "classifier" for p in net.parameters()]
        sgd = partial(torch.optim.SGD, lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
        self.lower_optimiser, self.upper_optimiser = sgd(below), sgd(list(nets["classifier"].parameters()))

    def raw(self, batch: Batch) -> None:
        """Take one step end to end."""
        with self._precision():
            h = self.nets["extractor"](batch[0])
            loss = detachment_loss(self.nets, h, batch, self.lambdas)
            loss = loss + cross_entropy(self.nets["classifier"](h).float(), batch[1])
        loss.backward()
        _apply(self.lower_optimiser)
        _apply(self.upper_optimiser)

    def lower(self, batch: Batch) -> Handed:
        """Take one step of Phi and the auxiliary network; return the features that they were taken on."""
        with self._precision():
            h = self.nets["extractor"](batch[0])
            loss = detachment_loss(self.nets, h, batch, self.lambdas)
        handed = Handed(h.detach(), batch[1], _moment(self.machine))
        loss.backward()
        _apply(self.lower_optimiser)
        return handed

    def upper(self, handed: Handed) -> Any:
        """Take one step of Omega; return, on CUDA, the moment it is done."""
        if handed.ready is not None:
            stream = torch.cuda.current_stream(self.machine.device)
            stream.wait_event(handed.ready)
            for tensor in (handed.h, handed.y):
                tensor.record_stream(stream)  # or its memory could be taken again while this stream still reads it
        with self._precision():
            loss = cross_entropy(self.nets["classifier"](handed.h).float(), handed.y)
        loss.backward()
        _apply(self.upper_optimiser)
        return _moment(self.machine)

    def _precision(self) -> AbstractContextManager[object]:
        if self.machine.autocast is None:
            return nullcontext()
        return torch.autocast(self.machine.device.type, self.machine.autocast)


def _apply(optimiser: torch.optim.Optimizer) -> None:
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _moment(machine: Machine) -> Any:
    """Return an event on the current stream, or None where there are no streams."""
    if machine.device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(machine.device))
    return event


def end_to_end(parts: Parts, batches: Iterable[Batch]) -> None:
    """Train on one graph."""
    for batch in batches:
        parts.raw(batch)


def in_turns(parts: Parts, batches: Iterable[Batch]) -> None:
    """Train Phi, then Omega, on each batch: decoupled, but one after the other."""
    for batch in batches:
        parts.upper(parts.lower(batch))


def side_by_side(parts: Parts, batches: Iterable[Batch]) -> None:
    """Train Phi on a batch while Omega trains on the features of the one before.

    Two threads; on CUDA each issues to a stream of its own, on a CPU each has half of torch's threads. Phi is never
    more than one batch ahead. An error in either part ends both and is raised here.
    """
    device, threads = parts.machine.device, torch.get_num_threads()
    streams = [torch.cuda.Stream(device) if device.type == "cuda" else None for _ in range(2)]
    if device.type == "cuda":
        for stream in streams:
            stream.wait_stream(torch.cuda.current_stream(device))

    def lower(batch: Batch, done: Any) -> Handed:
        with _on(streams[0]):
            if done is not None:
                torch.cuda.current_stream(device).wait_event(done)
            return parts.lower(batch)

    def upper(handed: Handed) -> Any:
        with _on(streams[1]):
            return parts.upper(handed)

    share: Callable[[], None] = partial(torch.set_num_threads, max(1, threads // 2))
    try:
        with ThreadPoolExecutor(2, initializer=share) as pool:
            waiting: Handed | None = None
            done = None
            for batch in batches:
                ahead = pool.submit(lower, batch, done)
                behind = pool.submit(upper, waiting) if waiting is not None else None
                waiting, done = ahead.result(), behind.result() if behind is not None else None
            if waiting is not None:
                pool.submit(upper, waiting).result()
    finally:
        torch.set_num_threads(threads)
    if device.type == "cuda":
        for stream in streams:
            torch.cuda.current_stream(device).wait_stream(stream)


def _on(stream: Any) -> AbstractContextManager[object]:
    return nullcontext() if stream is None else torch.cuda.stream(stream)
