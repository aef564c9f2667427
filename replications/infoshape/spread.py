"""Whether the spread over seeds explains a published single value: the table between the markers of the README.

The thesis prints one run of each. With our mean, sd and n, one new run falls into mean ± t sd sqrt(1 + 1/n) in 95 %
of cases (t with n - 1 degrees of freedom); a printed value inside it needs no other explanation than its seed.
``python -m replications.infoshape.spread`` rewrites the table from ``published.csv`` and the accepted numbers.
"""

from __future__ import annotations

import csv
import math
import sys
from decimal import Decimal
from pathlib import Path

from scipy.stats import t as student

from common.evaluation.published import read_published
from common.results.atomic import write_atomically

FOLDER = Path(__file__).resolve().parent
BEGIN, END = "<!-- spread: begin (generated) -->", "<!-- spread: end -->"
CLAIMS = {
    "fig3_2": "C1, C1b",
    "fig3_5a": "C4a, C4d",
    "fig3_5b": "C4b, C4c",
    "fig3_6b": "C4b, C4e",
    "fig4_2": "C5a",
    "fig4_3": "C5b, C5c",
    "fig4_5": "C6a, C6b, C6c, C6d",
    "fig4_6": "C7, C9, C9b",
    "fig4_7": "C8a",
    "fig4_8": "C8b",
    "fig4_9": "C8c, C8d, C8e, C9b",
}
OURS = {"as written": "reproduced.csv", "batched": "reproduced-batched.csv", "repository": "reproduced-repository.csv"}
SCALES = ("paper", "reduced")  # the first that has a number counts


def explained(printed: str, mean: float, sd: float, n: int, level: float = 0.95) -> tuple[bool, float]:
    """Return whether one new run would fall as far from the mean as the ``printed`` value does, and its t.

    The value is taken at the end of its rounding interval that lies nearest to the mean; t is infinite at sd 0.
    """
    value, half = float(printed), 0.5 * 10.0 ** int(Decimal(printed).as_tuple().exponent)
    gap = math.copysign(max(0.0, abs(value - mean) - half), value - mean)
    if sd == 0:
        return gap == 0, math.copysign(math.inf, gap) if gap else 0.0
    found = gap / (sd * math.sqrt(1 + 1 / n))
    return abs(found) <= float(student.ppf(0.5 + level / 2, n - 1)), found


def accepted(path: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    """Return the accepted numbers by artefact, entry and metric, of the largest scale."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            key = (row["artefact"], row["entry"], row["metric"])
            if row["scale"] not in SCALES:
                continue
            if key not in found or SCALES.index(row["scale"]) < SCALES.index(found[key]["scale"]):
                found[key] = row
    return found


def cell(printed: str, row: dict[str, str] | None) -> str:
    """Return our number with its spread, and whether it explains the printed one."""
    if row is None:
        return "not run"
    mean, n = float(row["mean"]), int(row["n"])
    if n < 2 or not row["sd"]:
        return f"{mean:.4g} (n={n}, {row['scale']}): no spread"
    sd = float(row["sd"])
    inside, found = explained(printed, mean, sd, n)
    return f"{mean:.4g} ± {sd:.2g} (n={n}, {row['scale']}): {'yes' if inside else '**no**'}, t = {found:+.1f}"


def table(folder: Path = FOLDER) -> str:
    """Return the markdown table: every printed number with its claim, in each reading that has accepted numbers."""
    ours = {name: accepted(folder / file) for name, file in OURS.items() if (folder / file).exists()}
    lines = [f"| claim | printed | value | {' | '.join(ours)} |", f"| --- | --- | ---: |{' --- |' * len(ours)}"]
    for row in read_published(folder / "published.csv"):
        if row.artefact not in CLAIMS:
            continue  # eq. (3.5) is a closed form: no seed enters what is printed
        name = f"{row.artefact} {row.entry}, {row.metric}"
        cells = " | ".join(cell(row.printed, found.get(row.key)) for found in ours.values())
        lines.append(f"| {CLAIMS[row.artefact]} | {name} | {row.printed} | {cells} |")
    return "\n".join(lines)


def main() -> int:
    """Rewrite the table in the README; one line says if its markers are missing."""
    path = FOLDER / "README.md"
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        print(f"{path.name}: the lines {BEGIN} and {END} are missing; put them where the table goes", file=sys.stderr)
        return 1
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    write_atomically(path, f"{head}{BEGIN}\n{table()}\n{END}{tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
