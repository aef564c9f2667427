"""What the page says of one paper: counts, claims, artefacts, printed numbers beside ours, downloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.evaluation import AgreementError
from common.evaluation.cells import CellReader, describe_data
from common.evaluation.judged import judged_path, read_judged
from common.evaluation.published import Published, read_published
from common.evaluation.reproduced import Accepted, read_reproduced
from common.evaluation.statistics import Summary
from common.evaluation.tables import CLAIM_COLUMNS, COMPARISON_COLUMNS
from common.evaluation.verdicts import VERDICTS, difference_to
from common.workflow.config import Artefact, PaperConfig
from common.workflow.report.files import Download, Image, Table, download, image, read_rows, read_table
from common.workflow.report.origin import ArtefactOrigin, artefact_origin
from common.workflow.report.strip import Strip, strip_of


@dataclass(frozen=True)
class ValueRow:
    """One line of comparison.csv by column, with the printed row behind it and a drawing of the difference."""

    cells: dict[str, str]
    printed: Published | None
    strip: Strip | None


@dataclass(frozen=True)
class ArtefactView:
    """One table or figure with what is on disk of it."""

    name: str
    config: Artefact
    image: Image | None
    table: Table | None
    downloads: list[Download]
    origin: ArtefactOrigin

    @property
    def wide(self) -> bool:
        """Whether it needs the full width of the page."""
        return bool(self.image and self.image.wide) or bool(self.table and len(self.table.columns) > 5)


@dataclass(frozen=True)
class Board:
    """One line of a scoreboard: how many printed numbers ended with which verdict."""

    counts: dict[str, int]
    scales: str
    data: str
    commits: str = ""
    reading: str = ""

    @property
    def total(self) -> int:
        """All printed numbers of the paper."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class PaperSection:
    """Everything that the page says of one paper."""

    config: PaperConfig
    compared: bool
    board: Board
    larger: list[Board]
    claims: list[dict[str, str]]
    standing: dict[str, list[str]]  # accepted outcomes above scale quick, by claim
    values: list[ValueRow]
    artefacts: list[ArtefactView]
    downloads: list[Download]
    stand_ins: list[str]

    @property
    def claim_counts(self) -> dict[str, int]:
        """How many claims hold, fail, were not judged, were not run."""
        counts = Counter(claim["outcome"].partition(" (")[0] for claim in self.claims)
        return {word: counts[word] for word in ("holds", "fails", "not judged", "not run")}


@dataclass(frozen=True)
class BenchmarkSection:
    """What the page says of one benchmark: figures and tables; it has no printed numbers to be held to."""

    config: PaperConfig
    artefacts: list[ArtefactView]


def benchmark_section(root: Path, scale: str, benchmark: PaperConfig) -> BenchmarkSection:
    """Gather one benchmark's section from what is on disk at ``scale``."""
    folder, reader = root / "figures" / scale / benchmark.name, CellReader(root / "results", benchmark.name, scale)
    return BenchmarkSection(
        benchmark, [_artefact(folder, name, config, reader) for name, config in benchmark.artefacts.items()]
    )


def paper_section(root: Path, scale: str, paper: PaperConfig) -> PaperSection:
    """Gather one paper's section from what is on disk at ``scale``."""
    folder, home = root / "figures" / scale / paper.name, root / "replications" / paper.name
    printed = read_published(home / "published.csv") if (home / "published.csv").exists() else []
    reader = CellReader(root / "results", paper.name, scale)
    cells = dict.fromkeys(cell for artefact in paper.artefacts.values() for cell in artefact.cells)
    records = [record for cell in cells for record in reader(*cell.split("/"))]
    values = _values(folder / "comparison.csv", paper.name, scale, printed)
    names = [(folder / n, f"{paper.name}-{scale}-{n}") for n in ("comparison.csv", "claims.csv", "comparison.md")]
    accepted = [home / name for name in _accepted_files(paper).values()]
    names += [(path, f"{paper.name}-{path.name}") for path in (home / "published.csv", *accepted)]
    names += [(path, f"{paper.name}-{path.name}") for path in map(judged_path, accepted)]
    return PaperSection(
        config=paper,
        compared=(folder / "comparison.csv").exists(),
        board=Board(_count(row.cells["verdict"] for row in values), scale, describe_data(records)),
        larger=_larger_boards(home, paper, printed),
        claims=_claims(folder / "claims.csv"),
        standing=_standing(home, paper),
        values=values,
        artefacts=[_artefact(folder, name, config, reader) for name, config in paper.artefacts.items()],
        downloads=[found for path, name in names if (found := download(path, name))],
        stand_ins=sorted({r.dataset.name for r in records if r.dataset.kind == "stand-in"}),
    )


def _artefact(folder: Path, name: str, config: Artefact, reader: CellReader) -> ArtefactView:
    """Return one artefact with its image, table, downloads and provenance."""
    files = [download(folder / f"{name}{end}", f"{folder.name}-{name}{end}") for end in (".csv", ".md")]
    return ArtefactView(
        name=name,
        config=config,
        image=image(folder, name),
        table=read_table(folder / f"{name}.csv"),
        downloads=[file for file in files if file],
        origin=artefact_origin(config.cells, reader),
    )


def _values(path: Path, paper: str, scale: str, printed: Sequence[Published]) -> list[ValueRow]:
    """Return the rows of a comparison; without one, every printed number as not run."""
    by_key = {row.key: row for row in printed}
    if not path.exists():
        return [ValueRow(_not_run(paper, scale, row), row, None) for row in printed]
    rows = []
    for line in read_rows(path, COMPARISON_COLUMNS)[1]:
        cells = dict(zip(COMPARISON_COLUMNS, line, strict=True))
        if cells["verdict"] not in VERDICTS:
            raise AgreementError(f"{path}: verdict {cells['verdict']!r} is unknown; delete it and run compare again")
        row = by_key.get((cells["artefact"], cells["entry"], cells["metric"]))
        rows.append(ValueRow(cells, row, _strip(row, cells)))
    return rows


def _not_run(paper: str, scale: str, row: Published) -> dict[str, str]:
    """Return the cells of a printed number of which nothing is known at this scale."""
    known = {
        "paper": paper,
        "artefact": row.artefact,
        "entry": row.entry,
        "metric": row.metric,
        "published": f"{row.value:.6g}",
        "published_spread": "" if row.spread is None else f"{row.spread:.6g}",
        "scale": scale,
        "verdict": "not run",
    }
    return {column: known.get(column, "") for column in COMPARISON_COLUMNS}


def _strip(row: Published | None, cells: dict[str, str]) -> Strip | None:
    """Return the drawing of a row's difference, recomputed from the digits of the table."""
    if row is None or not cells["reproduced"]:
        return None
    n = int(cells["n_seeds"].partition(" ")[0])
    sd = float(cells["reproduced_sd"]) if cells["reproduced_sd"] else None
    difference = difference_to(row, Summary(float(cells["reproduced"]), sd, n)) if sd is not None else None
    interval = difference.interval() if difference else None
    return strip_of(float(cells["delta"]), interval, row.tolerance)


def _claims(path: Path) -> list[dict[str, str]]:
    """Return the rows of claims.csv by column; none where there is no such file."""
    if not path.exists():
        return []
    return [dict(zip(CLAIM_COLUMNS, line, strict=True)) for line in read_rows(path, CLAIM_COLUMNS)[1]]


def _standing(home: Path, paper: PaperConfig) -> dict[str, list[str]]:
    """Return what became of each claim in accepted runs above scale quick, in words, with the reading and the seeds."""
    found: dict[str, list[str]] = {}
    for reading, name in _accepted_files(paper).items():
        for row in read_judged(judged_path(home / name)):
            if row.scale != "quick":
                of = f", {reading}" if reading else ""
                found.setdefault(row.claim, []).append(f"{row.scale}{of}: {row.outcome}, {row.seeds} seeds")
    return found


def _accepted_files(paper: PaperConfig) -> dict[str, str]:
    """Return the name of the file of accepted numbers of each reading; the paper as written comes first."""
    return {"": "reproduced.csv"} | {reading: f"reproduced-{reading}.csv" for reading in paper.readings}


def _larger_boards(home: Path, paper: PaperConfig, printed: Sequence[Published]) -> list[Board]:
    """Return one board per reading that has accepted runs above scale quick."""
    boards = (
        _larger(read_reproduced(home / name), printed, reading) for reading, name in _accepted_files(paper).items()
    )
    return [board for board in boards if board is not None]


def _larger(accepted: Sequence[Accepted], printed: Sequence[Published], reading: str) -> Board | None:
    """Return the board of the accepted runs above scale quick, the largest scale of each printed number."""
    order = {"reduced": 0, "paper": 1}
    best: dict[tuple[str, str, str], Accepted] = {}
    for row in sorted((row for row in accepted if row.scale in order), key=lambda row: order[row.scale]):
        best[row.key[:3]] = row
    if not best:
        return None
    verdicts = [best[row.key].verdict if row.key in best else "not run" for row in printed]
    return Board(
        counts=_count(verdicts),
        scales=_words(row.scale for row in best.values()),
        data="; ".join(sorted({word for row in best.values() for word in row.data.split("; ") if word})),
        commits=_words(word for row in best.values() for word in row.commit.split("; ")),
        reading=reading,
    )


def _count(verdicts: Iterable[str]) -> dict[str, int]:
    """Return how often each verdict occurs, in their order."""
    counts = Counter(verdicts)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def _words(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(word for word in words if word))
