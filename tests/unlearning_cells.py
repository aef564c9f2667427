"""Parameters of attribute unlearning's cells as jobs and the plan have them, and what a network counts."""

from unittest.mock import patch

import torch
from torch.utils.flop_counter import FlopCounterMode

from common.models import few_places
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


def multiply_adds(module, x):
    """Return those of one pass, as torch counts the operations that it makes, and what leaves it."""
    every_tap = patch.object(few_places, "FEW", 0)  # the plan is of the network as written, taps in the padding as well
    with every_tap, FlopCounterMode(display=False) as counter, torch.no_grad():
        out = module(x)
    return counter.get_total_flops() / 2, out
