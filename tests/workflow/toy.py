"""A paper of two small experiments in a checkout of its own: what the workflow does with any paper, in seconds."""

import shutil

from workbench import copy_checkout

CONFIG = """\
name: toy
title: Toy
citation: Us
generated: [drawn]
readings: [repo]
experiments:
  coin:
    module: replications.toy.experiment
    dataset: drawn
    params: {lr: 0.1, wait: 0.0, sides: [0.5, 0.5]}
    variants: {thesis: {}, repo: {lr: 0.2}}
    scales: {quick: {seeds: 1}}
  judge:
    module: replications.toy.experiment
    dataset: drawn
    needs: ["coin/{variant}"]
    params: {k: 1}
    variants: {thesis: {}, repo: {}}
    scales: {quick: {seeds: 1}}
artefacts:
  table1:
    title: Toy table
    kind: table
    cells: [judge/thesis]
    values: {a: "coin/thesis:a"}
"""

EXPERIMENT = '''\
"""A coin that is tossed, after a wait for a file to go away where one is asked for."""

import sys
import time
from pathlib import Path

from common.results import Origin
from common.workflow.job import Outcome, main

ROOT = Path(__file__).resolve().parents[2]


def run(job, seeds):
    """Give each seed the parameters as metrics."""
    while job.config.params.get("wait") and (ROOT / "hold").exists():
        time.sleep(0.05)
    found = {key: float(value) for key, value in job.config.params.items() if isinstance(value, (int, float))}
    origin = Origin(name="drawn", kind="generated", sha256="0" * 64)
    return {seed: Outcome({"a": 1.0 + seed, **found}) for seed in seeds}, origin, "fp64"


if __name__ == "__main__":
    sys.exit(main(None, run, ROOT, __doc__))
'''

TABLES = '''\
"""The table of the toy paper."""

import sys

import pandas as pd

from common.results.select import of
from common.results.tables import spread, write_table


def table1(records):
    return pd.DataFrame([("a", spread(of(records, "judge"), "k"))], columns=["row", "value"])


if __name__ == "__main__":
    sys.exit(write_table(None, "toy", {"table1": table1}, __doc__))
'''

PUBLISHED = """\
artefact,entry,metric,direction,value,spread,spread_kind,n_runs,where,tolerance,note
table1,a,heads,,1.0,,none,,Table 1,0.5,rounding
"""

COST = """\
from common.workflow.cost import Work


def work(experiment, params):
    return Work(0, 0)
"""


def toy_checkout(folder):
    """Copy the checkout with the toy paper for its only one."""
    copy_checkout(folder)
    shutil.rmtree(folder / "replications")
    home = folder / "replications/toy"
    home.mkdir(parents=True)
    (home.parent / "__init__.py").write_text("")
    (home / "__init__.py").write_text("")
    (home / "config.yaml").write_text(CONFIG)
    (home / "experiment.py").write_text(EXPERIMENT)
    (home / "tables.py").write_text(TABLES)
    (home / "cost.py").write_text(COST)
    (home / "claims.yaml").write_text("[]\n")
    (home / "published.csv").write_text(PUBLISHED)
    return folder
