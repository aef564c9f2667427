"""The code that runs must be that of the configuration: its fingerprint is what a record is stamped with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from common.workflow.config import ConfigError
from common.workflow.fingerprint import fingerprint

if TYPE_CHECKING:
    from common.workflow.job import JobConfig


def check_code(config: JobConfig, root: Path) -> None:
    """Raise :class:`ConfigError`, before a run, where the code below ``root`` is not what was resolved.

    A configuration that was written before an edit would have the records of the edited code pass for those of the old.
    """
    try:
        found = fingerprint(config.module, root)
    except ModuleNotFoundError as error:
        raise ConfigError(f"module: {error}") from None
    if found != config.code:
        raise ConfigError(
            f"the code of {config.module} has changed since this configuration was resolved; give the run's command "
            "again, or by hand resolve again: python -m common.workflow resolve"
        )
