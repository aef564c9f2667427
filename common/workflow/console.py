"""The terminal that commands write their tables to."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

CONSOLE = Console(width=None if sys.stdout.isatty() else 140)  # a log has no width of its own


def table(title: str, columns: Sequence[str], words: int) -> Table:
    """Return an empty table whose first ``words`` columns hold words; numbers stand to the right in the others."""
    made = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        made.add_column(column, justify="left" if place < words else "right")
    return made
