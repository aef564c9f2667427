"""The fairness tables as the paper uses them: US Census (tract or county file) and Adult, leaky or clean.

US Census: Y = poverty, T = share of men, appended to the inputs as their last column. Adult: Y = income, T = age. The
authors' loader rebuilds the inputs from all columns, income among them, and appends age once more: 16 inputs that hold
the label once and the attribute twice. ``leaky`` reproduces that; otherwise income is no input and age is one once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.data import load
from common.results import Origin
from common.training.seeding import derive
from common.workflow.job import Job

CENSUS_DROPPED = ("CensusId", "CensusTract", "State", "County", "Poverty", "Men", "Women")


@dataclass(frozen=True)
class Table:
    """One split of a table: inputs (n, d), target (n, 1), attribute (n, 1), in fp64, and the inputs' names."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    t: NDArray[np.float64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Standardised tables of a stack of seeds: each (members, n, columns) in fp32."""

    x: Tensor
    y: Tensor
    t: Tensor

    def part(self, start: int, stop: int | None = None) -> Rows:
        """Return consecutive rows of every member in one piece of memory: batches are drawn from it as one table."""
        return Rows(*(v[:, start:stop].contiguous() for v in (self.x, self.y, self.t)))

    def to(self, device: torch.device) -> Rows:
        """Move to a device."""
        return Rows(self.x.to(device), self.y.to(device), self.t.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return {"x": self.x, "y": self.y, "t": self.t}


def census(frame: pd.DataFrame) -> Table:
    """Return the file's 31 features and the share of men as the last of 32 inputs; rows with gaps are dropped."""
    frame = frame.dropna()
    share = (frame["Men"] / (frame["Men"] + frame["Women"])).to_numpy(float)[:, None]
    # the authors' loader takes "-log" of income; the sign is lost in standardised inputs of a network
    frame = frame.assign(Income=-np.log(frame["Income"]))
    y = frame["Poverty"].to_numpy(float)[:, None]
    frame = frame.drop(columns=[c for c in CENSUS_DROPPED if c in frame])
    return Table(np.hstack([frame.to_numpy(float), share]), y, share, (*frame.columns, "share of men"))


def adult(frame: pd.DataFrame, leaky: bool) -> Table:
    """Return Adult with categories as their numbers; ``leaky`` keeps income among the inputs and age in them twice."""
    coded = frame.copy()
    for name in coded.columns:
        if not pd.api.types.is_numeric_dtype(coded[name]):
            coded[name] = pd.Categorical(coded[name]).codes
    y = np.where(frame["income"] == ">50K", 1.0, -1.0)[:, None]
    age = coded["age"].to_numpy(float)[:, None]
    if leaky:
        return Table(np.hstack([coded.to_numpy(float), age]), y, age, (*coded.columns, "age again"))
    inputs = coded.drop(columns="income")
    return Table(inputs.to_numpy(float), y, age, tuple(inputs.columns))


def standardised(train: Table, test: Table, own: bool) -> tuple[Table, Table]:
    """Return both splits in units of the training rows; ``own`` takes each by its own mean and spread (the code's)."""

    def units(part: Table, by: Table) -> Table:
        scaled = []
        for values, of in ((part.x, by.x), (part.y, by.y), (part.t, by.t)):
            spread = of.std(0, ddof=1)
            scaled.append((values - of.mean(0)) / np.where(spread > 0, spread, 1.0))
        return Table(*scaled, part.names)

    return units(train, train), units(test, test if own else train)


def load_rows(job: Job, seeds: list[int], p: dict[str, Any]) -> tuple[Rows, Rows, Origin, tuple[str, ...]]:
    """Return training and test rows of each seed, the data's origin, and the inputs' names; ``p`` says which rows.

    The tract file and Adult keep the paper's consecutive rows; the county file, 20 times smaller, is split anew by each
    seed (README, D3).
    """
    source = load(job.config.dataset, **job.sources)
    table = adult(source.frame, p["leaky"]) if "income" in source.frame else census(source.frame)
    total, wanted = len(table.y), p["train_rows"] + p["test_rows"]
    pairs = []
    for seed in seeds:
        if total >= wanted:
            chosen, cut = np.arange(wanted), p["train_rows"]
        else:
            chosen = np.random.default_rng(derive("sliced_infomin", "split", seed)).permutation(total)
            cut = round(0.8 * total)
        train, test = (_take(table, rows) for rows in (chosen[:cut], chosen[cut:]))
        pairs.append(standardised(train, test, p["own_statistics"]))
    parts = [_stack([pair[k] for pair in pairs]) for k in (0, 1)]
    printed = p["published_rows"] if p["published_rows"] <= len(source.frame) else 0  # else the set itself is marked
    origin = source.origin.using(min(total, wanted), printed)  # rows with gaps are no subset's mark
    return parts[0], parts[1], origin, table.names


def _take(table: Table, rows: NDArray) -> Table:
    return Table(table.x[rows], table.y[rows], table.t[rows], table.names)


def _stack(tables: list[Table]) -> Rows:
    return Rows(*(torch.tensor(np.stack([getattr(t, k) for t in tables]), dtype=torch.float32) for k in "xyt"))
