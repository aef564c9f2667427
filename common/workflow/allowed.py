"""What settings may be: the checks that papers' ``settings.py`` are made of, each error one line with what is valid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from common.workflow.config import ConfigError, suggest


def one_of(experiment: str, p: Mapping[str, Any], key: str, valid: Sequence[Any]) -> None:
    """Hold a setting, where the cell has it, to one of those that there are; raises ConfigError."""
    if key in p and p[key] not in valid:
        names = [str(value) for value in valid if value != ""]
        raise ConfigError(f"{experiment}: {key}: {p[key]!r}; {suggest(str(p[key]), names)}")


def at_least(experiment: str, p: Mapping[str, Any], least: Mapping[str, float], *, whole: bool = False) -> None:
    """Hold those settings that the cell has to numbers from ``least[key]`` on; raises ConfigError at the first."""
    for key, lowest in least.items():
        number(f"{experiment}: {key}", p.get(key, lowest), lowest, whole=whole)


def above_zero(experiment: str, p: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Hold those settings that the cell has to numbers above 0; raises ConfigError at the first."""
    for key in keys:
        number(f"{experiment}: {key}", p.get(key, 1), 0, above=True)


def number(where: str, value: Any, least: float, *, whole: bool = False, above: bool = False) -> None:
    """Hold one value to a number from ``least`` on, or above it; raises ConfigError, which begins with ``where``."""
    if not is_number(value, whole) or not value >= least or (above and value == least):
        valid = f"above {least}" if above else f"{'a whole number, ' * whole}{least} or more"
        raise ConfigError(f"{where}: {value!r}; valid: {valid}")


def is_number(value: Any, whole: bool = False) -> bool:
    """Return whether a setting is a number, which true and false are not."""
    return isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
