"""A checkout of one paper that does not exist, with its golden records: what the agreement's commands are shown."""

import json
import shutil
from pathlib import Path

from common.results import read, write
from common.workflow.resolve import default_settings, resolve

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests/golden"
QUICK = ("--config", "scale=quick")
PAPER = ("--config", "scale=paper")
HEAD = "| date | paper | row | scale | was | is | why |\n| --- | --- | --- | --- | --- | --- | --- |\n"


def build(folder):
    """Lay the checkout into a folder: configuration, code, records of both scales, nothing accepted."""
    paper = folder / "replications/golden"
    paper.mkdir(parents=True)
    for name in ("config.yaml", "published.csv", "claims.yaml"):
        shutil.copy(GOLDEN / name, paper / name)
    config = paper / "config.yaml"
    config.write_text(config.read_text().replace("module: none", "module: replications.golden"))
    (paper / "__init__.py").write_text("AUC = 0.9\n")
    (folder / "config").mkdir()
    shutil.copy(ROOT / "config/default.yaml", folder / "config/default.yaml")
    (folder / "CORRECTIONS.md").write_text(HEAD)
    for scale in ("quick", "paper"):
        copy_records(folder, scale)


def copy_records(house, scale):
    """Lay the golden records of a scale into a checkout, as left by its own code and parameters."""
    plan = resolve(house, {**default_settings(house), "scale": scale})
    for path in sorted((GOLDEN / "records" / scale).rglob("seed=*.json")):
        record = read(path)
        job = plan.job("golden", f"{record.experiment}/{record.variant}")
        made = record.provenance.model_copy(update={"code": job.code})
        write(house / "results", record.model_copy(update={"provenance": made, "params": job.identity}))


def move(house, cell, auc):
    """Give the finished seeds of a cell at scale paper another AUC each: ``auc(seed)``."""
    for path in sorted((house / "results/paper/golden" / cell).glob("seed=*.json")):
        record = json.loads(path.read_text())
        if record["metrics"]:
            record["metrics"]["auc"] = auc(record["seed"])
            path.write_text(json.dumps(record))


def edit_records(house, scale, change):
    """Let ``change`` edit every record of a scale as the dictionary that it is."""
    for path in sorted((house / "results" / scale).rglob("seed=*.json")):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))
