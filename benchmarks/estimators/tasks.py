"""The task list of the package ``benchmark-mi`` (Czyż et al., arXiv:2306.11078): samples with known information.

The package states all forty tasks but names no core list; ``CORE`` is ours, one or two tasks of every family.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CORE = (
    "1v1-normal-0.75",
    "1v1-additive-0.1",
    "1v1-bimodal-0.75",
    "asinh-student-identity-1-1-1",
    "swissroll_x-normal_cdf-1v1-normal-0.75",
    "multinormal-dense-5-5-0.5",
    "multinormal-dense-25-25-0.5",
    "multinormal-sparse-5-5-2-2.0",
    "multinormal-sparse-25-25-2-2.0",
    "student-identity-3-3-2",
    "student-identity-5-5-2",
    "half_cube-multinormal-sparse-5-5-2-2.0",
    "spiral-multinormal-sparse-3-3-2-2.0",
    "spiral-normal_cdf-multinormal-sparse-5-5-2-2.0",
)


@dataclass(frozen=True)
class Task:
    """A name, its information in nats, and a sampler."""

    name: str
    truth: float
    sampler: object

    def sample(self, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw ``rows`` pairs."""
        x, y = self.sampler.sample(rows, seed=seed)  # type: ignore[attr-defined]
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def load_tasks(names: list[str] | None = None) -> list[Task]:
    """Return all forty tasks, or those named; raise ValueError for a name that is not there."""
    from bmi.benchmark import BENCHMARK_TASKS

    missing = set(names or ()) - BENCHMARK_TASKS.keys()
    if missing:
        raise ValueError(f"no such task: {sorted(missing)}; there are {sorted(BENCHMARK_TASKS)}")
    chosen = names or list(BENCHMARK_TASKS)
    return [Task(name, float(BENCHMARK_TASKS[name].mutual_information), BENCHMARK_TASKS[name]) for name in chosen]
