"""The README's scoreboards: per paper, reading and scale, how many printed numbers and claims have which verdict.

They are generated from the committed ``reproduced*.csv`` and ``judged*.csv`` files alone, so that the README says what
the records said.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from common.evaluation.accepted import SCALES
from common.evaluation.claims import OUTCOMES
from common.evaluation.judged import Judged, judged_path, read_judged
from common.evaluation.reproduced import Accepted, read_reproduced
from common.evaluation.verdicts import VERDICTS
from common.results.atomic import write_atomically
from common.workflow.config import ConfigError, load_paper, paper_names
from common.workflow.stated import in_reading

MARKS = {name: (f"<!-- {name}: begin (generated) -->", f"<!-- {name}: end -->") for name in ("scoreboard", "claims")}


def table(root: Path) -> str:
    """Return the scoreboard as markdown: one row per paper, reading and scale that has accepted numbers."""
    lines = [
        "| paper | reading | scale | data | seeds | printed numbers | " + " | ".join(VERDICTS) + " |",
        "| --- | --- | --- | --- | --- | ---: |" + " ---: |" * len(VERDICTS),
    ]
    for name in paper_names(root):
        config, found = load_paper(root, name), False
        for reading, path in _files(root, name):
            printed, rows = len(in_reading(root, config, reading)[1]), read_reproduced(path)
            for scale in SCALES:
                chosen = [row for row in rows if row.scale == scale]
                if chosen:
                    found = True
                    lines.append(_line(name, reading or "as written", scale, chosen, printed))
        if not found:
            printed = len(in_reading(root, config, "")[1])
            lines.append(f"| {name} | - | - | - | - | {printed} |" + " 0 |" * (len(VERDICTS) - 1) + f" {printed} |")
    return "\n".join(lines)


def claims_table(root: Path) -> str:
    """Return the outcomes of the claims as markdown: one row per paper, reading and scale that has accepted ones."""
    lines = [
        f"| paper | reading | scale | claims | {' | '.join(OUTCOMES)} | not accepted | which fail |",
        "| --- | --- | --- |" + " ---: |" * (len(OUTCOMES) + 2) + " --- |",
    ]
    for name in paper_names(root):
        for reading, path in _files(root, name):
            total = len(in_reading(root, load_paper(root, name), reading)[2])
            rows = read_judged(judged_path(path))
            for scale in SCALES:
                chosen = [row for row in rows if row.scale == scale]
                if chosen:
                    lines.append(_claims_line(name, reading or "as written", scale, chosen, total))
    return "\n".join(lines)


def _claims_line(paper: str, reading: str, scale: str, rows: list[Judged], total: int) -> str:
    counts = Counter(row.verdict for row in rows)
    failed = [row.claim for row in rows if row.verdict == "fails"]
    cells = " | ".join(str(n) for n in (total, *(counts[word] for word in OUTCOMES), total - len(rows)))
    return f"| {paper} | {reading} | {scale} | {cells} | {', '.join(failed) or '-'} |"


def _files(root: Path, paper: str) -> list[tuple[str, Path]]:
    """Return a paper's readings, the one as written first, each with its file of accepted numbers."""
    folder = Path(root) / "replications" / paper
    names = {"": "reproduced.csv"} | {r: f"reproduced-{r}.csv" for r in load_paper(root, paper).readings}
    return [(reading, folder / name) for reading, name in names.items()]


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
    old = new = (Path(root) / "README.md").read_text(encoding="utf-8")
    for name, content in (("scoreboard", table(root)), ("claims", claims_table(root))):
        begin, end = MARKS[name]
        if begin not in new or end not in new:
            raise ConfigError(f"README.md: the lines {begin!r} and {end!r} must stand around the table of {name}")
        head, _, rest = new.partition(begin)
        _, _, tail = rest.partition(end)
        new = f"{head}{begin}\n{content}\n{end}{tail}"
    return old, new


def write_scoreboard(root: Path) -> bool:
    """Rewrite the README's two tables; return whether they changed."""
    old, new = with_scoreboard(root)
    if old == new:
        return False
    write_atomically(Path(root) / "README.md", new)
    return True
