"""UCI Adult as binary inputs: the preprocessing of lag-fairness, which the paper's "preprocessed to binary" follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from common.data import TableSet, load
from common.results import Origin
from common.workflow.job import Job

PRIVATE, UTILITY = "sex", "income"


@dataclass(frozen=True)
class Bits:
    """One split: binary inputs (n, 102), gender (n,) with 1 for male, income (n,) with 1 for above 50K."""

    x: Tensor
    private: Tensor
    utility: Tensor


def binarise(table: TableSet) -> dict[str, Bits]:
    """Return both splits: rows with an unknown entry dropped, categories one-hot, numbers above the train median.

    Levels and medians come from the training rows. Neither gender nor income is among the inputs.
    """
    parts = {name: table.part(name).frame for name in ("train", "test")}
    known = {name: frame[~(frame == "?").any(axis=1)] for name, frame in parts.items()}
    columns: dict[str, list[np.ndarray]] = {name: [] for name in known}
    for name in known["train"].columns:
        if name in (PRIVATE, UTILITY):
            continue
        values = known["train"][name]
        if pd.api.types.is_numeric_dtype(values):
            middle = values.median()
            for split, frame in known.items():
                columns[split].append((frame[name] > middle).to_numpy()[:, None])
        else:
            levels = np.unique(values)
            for split, frame in known.items():
                columns[split].append(frame[name].to_numpy()[:, None] == levels[None])
    return {
        split: Bits(
            torch.from_numpy(np.concatenate(columns[split], 1).astype(np.uint8)),
            torch.from_numpy((frame[PRIVATE] == "Male").to_numpy().astype(np.int64)),
            torch.from_numpy((frame[UTILITY] == ">50K").to_numpy().astype(np.int64)),
        )
        for split, frame in known.items()
    }


def read_bits(job: Job) -> tuple[dict[str, Bits], Origin]:
    """Return both splits of Adult and where they come from."""
    table = load(job.config.dataset, **job.sources)
    return binarise(table), table.origin
