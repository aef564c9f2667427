"""Parameters of attribute unlearning's cells as jobs and the plan have them, and what a network counts."""

from contextlib import contextmanager

import torch

from common.training.machine import Machine
from common.workflow.config import resolve_params

CPU = Machine(torch.device("cpu"), None)
SCALES = ("paper", "reduced", "quick")


def params(paper, cell, scale="paper", **more):
    return {**resolve_params(paper, *cell.split("/"), scale, {}), **more}


def known(paper, cell, scale="paper", **more):
    """Return what the plan knows of a cell: its own parameters over those of the cells that it reads."""
    name, variant = cell.split("/")
    read = {}
    for needed in paper.experiments[name].needs_of(variant):
        read = {**known(paper, needed, scale), **read}
    return {**read, **params(paper, cell, scale), **more}


def count(*nets):
    return sum(p.numel() for net in nets for p in net.parameters())


@contextmanager
def multiply_adds():
    """Count those of convolutions and linear layers, into the list given."""
    found = []

    def note(module, _, out):
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            found.append(module.weight[0].numel() * out[0].numel())

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        yield found
    finally:
        hook.remove()
