"""What the settings of a cell may be: an unknown value is one line that names it, before anything is loaded."""

from __future__ import annotations

from common.workflow.allowed import above_zero, at_least
from common.workflow.config import ConfigError
from common.workflow.job import Job

LEAST = {"batch": 2, "folds": 2, "lambda1": 0, "lambda2": 0}
# with nothing of one of these a job would end well, and would have trained or read nothing
LEAST |= dict.fromkeys(("train_rows", "known_rows", "test_rows", "width", "side", "slices", "auxiliary_hidden"), 1)
LEAST |= dict.fromkeys(("epochs", "critic_steps", "vae_epochs", "filter_steps", "filter_inner_steps"), 1)
LEAST |= dict.fromkeys(("patience", "most_epochs", "rounds"), 1)
POSITIVE = ("lr", "filter_lr")


def check(job: Job) -> None:
    """Hold the settings of a cell to what they may be.

    Raises:
        ConfigError: The first one that is not, with what is valid. A strength below 0 would turn its term's sign, and
            strengths are the names of what is released.
    """
    experiment, p = job.config.cell.experiment, job.config.params
    at_least(experiment, p, LEAST)
    above_zero(experiment, p, POSITIVE)
    if not 0 <= p.get("rho", 0) <= 1:
        raise ConfigError(f"{experiment}: rho: {p['rho']!r}; valid: 0 to 1")
    if "strengths" in p:
        _check_strengths(experiment, p["method"], p["strengths"])


def _check_strengths(experiment: str, method: str, strengths: list) -> None:
    names = {f"{s:g}" for s in strengths if isinstance(s, (int, float)) and s >= 0}
    if not strengths or len(names) < len(strengths):
        raise ConfigError(f"{experiment}: strengths: {strengths!r}; valid: a list of numbers from 0, each once")
    if method == "generative_filter" and not max(strengths) > 0:
        raise ConfigError(f"{experiment}: strengths: {strengths!r}; valid: for the filter, one above 0 among them")
