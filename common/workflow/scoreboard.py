"""The README's scoreboard: per paper, reading and scale, how many printed numbers have which verdict.

It is generated from the committed ``reproduced*.csv`` files alone, so that the README says what the records said.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from common.evaluation.published import read_published
from common.evaluation.reproduced import SCALES, Accepted, read_reproduced
from common.evaluation.verdicts import VERDICTS
from common.results.atomic import write_atomically
from common.workflow.config import ConfigError, load_paper, paper_names

BEGIN, END = "<!-- scoreboard: begin (generated) -->", "<!-- scoreboard: end -->"


def table(root: Path) -> str:
    """Return the scoreboard as markdown: one row per paper, reading and scale that has accepted numbers."""
    lines = [
        "| paper | reading | scale | data | seeds | printed numbers | " + " | ".join(VERDICTS) + " |",
        "| --- | --- | --- | --- | --- | ---: |" + " ---: |" * len(VERDICTS),
    ]
    for name in paper_names(root):
        folder = Path(root) / "replications" / name
        printed = len(read_published(folder / "published.csv"))
        found = False
        for reading in ("", *load_paper(root, name).readings):
            path = folder / (f"reproduced-{reading}.csv" if reading else "reproduced.csv")
            rows = read_reproduced(path) if path.exists() else []
            for scale in SCALES:
                chosen = [row for row in rows if row.scale == scale]
                if chosen:
                    found = True
                    lines.append(_line(name, reading or "as written", scale, chosen, printed))
        if not found:
            lines.append(f"| {name} | - | - | - | - | {printed} |" + " 0 |" * (len(VERDICTS) - 1) + f" {printed} |")
    return "\n".join(lines)


def _line(paper: str, reading: str, scale: str, rows: list[Accepted], printed: int) -> str:
    counts = Counter(row.verdict for row in rows)
    counts["not run"] += printed - len(rows)
    data = ", ".join(sorted({word for row in rows for word in row.data.split("; ")}))
    seeds = sorted({row.n for row in rows})
    span = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    cells = " | ".join(str(counts[verdict]) for verdict in VERDICTS)
    return f"| {paper} | {reading} | {scale} | {data} | {span} | {printed} | {cells} |"


def with_scoreboard(root: Path) -> tuple[str, str]:
    """Return the README as it is and as it should be."""
    old = (Path(root) / "README.md").read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ConfigError(f"README.md: the lines {BEGIN!r} and {END!r} must stand around the scoreboard")
    head, _, rest = old.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return old, f"{head}{BEGIN}\n{table(root)}\n{END}{tail}"


def write_scoreboard(root: Path) -> bool:
    """Rewrite the README's scoreboard; return whether it changed."""
    old, new = with_scoreboard(root)
    if old == new:
        return False
    write_atomically(Path(root) / "README.md", new)
    return True
