"""What the page says of one paper: counts, claims, artefacts, printed numbers beside ours, downloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.evaluation.cells import CellReader, describe_data
from common.evaluation.claims import verdict_of
from common.evaluation.judged import judged_path, read_judged
from common.evaluation.published import Published, read_published
from common.evaluation.reproduced import Accepted, read_reproduced
from common.evaluation.verdicts import VERDICTS
from common.workflow.config import Artefact, PaperConfig
from common.workflow.report.claims import ClaimRow, claim_rows
from common.workflow.report.files import Download, Image, Table, download, image, read_table
from common.workflow.report.origin import ArtefactOrigin, artefact_origin
from common.workflow.report.values import ValueRow, value_rows


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
    claimed: bool
    claims: list[ClaimRow]
    values: list[ValueRow]
    artefacts: list[ArtefactView]
    downloads: list[Download]
    stand_ins: list[str]

    @property
    def claim_counts(self) -> dict[str, int]:
        """How many claims hold, fail, were not judged, were not run."""
        counts = Counter(verdict_of(claim.outcome) for claim in self.claims)
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
    files = {reading: home / name for reading, name in _accepted_files(paper).items()}
    accepted = {reading: read_reproduced(path) for reading, path in files.items()}
    values = value_rows(folder / "comparison.csv", scale, printed, accepted)
    names = [(folder / n, f"{paper.name}-{scale}-{n}") for n in ("comparison.csv", "claims.csv", "comparison.md")]
    names += [(path, f"{paper.name}-{path.name}") for path in (home / "published.csv", *files.values())]
    names += [(path, f"{paper.name}-{path.name}") for path in map(judged_path, files.values())]
    return PaperSection(
        config=paper,
        compared=(folder / "comparison.csv").exists(),
        board=Board(_count(row.fresh.verdict for row in values), scale, describe_data(records)),
        larger=[board for reading, rows in accepted.items() if (board := _larger(rows, printed, reading))],
        claimed=(folder / "claims.csv").exists(),
        claims=claim_rows(
            folder / "claims.csv",
            home / "claims.yaml",
            {reading: read_judged(judged_path(path)) for reading, path in files.items()},
        ),
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


def _accepted_files(paper: PaperConfig) -> dict[str, str]:
    """Return the name of the file of accepted numbers of each reading; the paper as written comes first."""
    return {"": "reproduced.csv"} | {reading: f"reproduced-{reading}.csv" for reading in paper.readings}


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
