"""What a job reads of other cells, and what its own seeds stand on: stale records and other data are refused."""

import pytest
from cells import configuration
from toy import toy_checkout
from workbench import run_snakemake

from common.data.registry import default_registry
from common.results import Origin, read
from common.workflow.job import JobConfig, Outcome, main, read_config
from common.workflow.upstream import digest_of

FILES = [file.path for file in next(iter(default_registry().entry("mnist").layouts.values()))]


def origin(kind, sha="0", name="mnist"):
    return Origin(name=name, kind=kind, sha256=sha * 64)


class Bench:
    """Two cells in one folder, made by hand: one trains, the other judges what it left."""

    def __init__(self, folder):
        self.folder, self.ran = folder, []

    def config(self, experiment, **changes):
        """Write a cell's configuration; what it says of the cell that it reads is what that one's says now."""
        cell = {"paper": "p", "experiment": experiment, "variant": "v", "scale": "quick"}
        if experiment == "judge":
            train = read_config(self.folder / "train/e/v/config.json")
            upstream = digest_of([(train.code, train.identity)])
            changes = {"needs": ["train/v"], "upstream": upstream} | changes
        return configuration(self.folder / experiment, root=self.folder, **{"cell": cell, "dataset": "mnist"} | changes)

    def run(self, path, seen, arrives=False):
        """Run a cell whose job sees data of this origin, which may come while it runs; returns its exit status."""

        def experiment(job, seeds):
            self.ran.append(seeds)
            if arrives:
                self.put()
            return {seed: Outcome({"value": 1.0}) for seed in seeds}, seen, "fp32"

        return main([str(path), "--results", str(self.folder / "r")], experiment, self.folder, "test")

    def put(self):
        """Put a data set where it is looked for."""
        for name in FILES:
            path = self.folder / "data/raw/mnist" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")

    def record(self, experiment, seed=0):
        return self.folder / f"r/quick/p/{experiment}/v/seed={seed}.json"


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def refused(capsys, *words):
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    for word in words:
        assert word in said
    return True


def test_what_is_judged_must_be_what_the_configuration_says(bench, capsys):
    train = bench.config("train", params={"slices": 3})
    assert bench.run(train, origin("real")) == 0
    bench.config("train", params={"slices": 7})  # as resolving anew leaves it, the cell itself not run again
    judge = bench.config("judge")
    assert bench.run(judge, origin("real")) == 1
    assert refused(capsys, "train/v seed 0: left by other code or parameters", "run that again")
    assert bench.ran == [[0, 1]], "before any work"
    assert not bench.record("judge").exists()
    assert bench.run(train, origin("real")) == bench.run(judge, origin("real")) == 0


@pytest.mark.parametrize(
    ("trained", "judged", "cure"),
    [
        (origin("stand-in"), origin("real"), "remove that record and run train/v again"),
        (origin("real"), origin("stand-in"), "put mnist back"),
        (origin("real"), origin("real", "1"), "remove that record and run train/v again"),
        (origin("stand-in"), origin("stand-in", "1"), ""),
        (origin("generated"), origin("generated", "1"), ""),
        (origin("real"), origin("real"), ""),
    ],
)
def test_what_is_judged_must_be_trained_on_the_same_data(bench, capsys, trained, judged, cure):
    assert bench.run(bench.config("train"), trained) == 0
    assert bench.run(bench.config("judge"), judged) == (1 if cure else 0)
    assert bench.record("judge").exists() is not bool(cure)
    if cure:
        assert refused(capsys, "train/v seed 0 was made on mnist", cure)


def test_networks_of_a_stand_in_are_not_judged_once_the_data_are_there(bench, capsys):
    train = bench.config("train")
    assert bench.run(train, origin("stand-in")) == 0
    bench.put()
    judge = bench.config("judge")
    assert bench.run(judge, origin("real")) == 1
    assert refused(capsys, "mnist (STAND-IN), whose data lie at hand by now; run train/v again first")
    assert len(bench.ran) == 1, "before any work"
    assert bench.run(train, origin("real")) == bench.run(judge, origin("real")) == 0
    assert bench.ran == [[0, 1]] * 3


def test_seeds_of_a_stand_in_are_made_anew_under_auto_alone(bench):
    for policy in ("standin", "auto"):
        bench.run(bench.config("train", data=policy), origin("stand-in"))
    bench.put()
    bench.ran.clear()
    assert bench.run(bench.config("train", data="auto", seeds=3), origin("real")) == 0
    assert bench.ran == [[0, 1, 2]]
    assert {read(bench.record("train", seed)).dataset.kind for seed in range(3)} == {"real"}
    bench.run(bench.config("train", data="standin"), origin("stand-in"))
    bench.ran.clear()
    assert bench.run(bench.config("train", data="standin"), origin("stand-in")) == 0
    assert bench.ran == []


def test_data_that_come_with_a_later_seed_make_the_earlier_ones_anew(bench):
    bench.run(bench.config("train"), origin("stand-in"))
    assert bench.run(bench.config("train", seeds=3), origin("real"), arrives=True) == 0
    assert bench.ran == [[0, 1], [2], [0, 1]]


@pytest.mark.parametrize("seen", [origin("stand-in"), origin("real", "1")])
def test_a_later_seed_on_other_data_is_refused(bench, capsys, seen):
    bench.run(bench.config("train"), origin("real"))
    assert bench.run(bench.config("train", seeds=3), seen) == 1
    assert refused(capsys, "train/v seed 0 was made on mnist (real)", "they do not belong together")
    assert not bench.record("train", 2).exists()


def test_what_was_interrupted_on_a_stand_in_is_not_taken_up_on_data(bench):
    from common.workflow.job import Job

    job = Job(read_config(bench.config("train")), bench.folder, bench.folder, bench.folder)
    before = job.checkpoint_path([0])
    assert job.checkpoint_path([0]) == before
    bench.put()
    assert job.checkpoint_path([0]) != before


LOADING = '''\
"""Trains on a set, or what stands in for it, as it lies there."""

import sys
from pathlib import Path

from common.results import Origin
from common.workflow.job import Outcome, main

ROOT = Path(__file__).resolve().parents[2]


def run(job, seeds):
    """Say what lies there."""
    kind = "real" if (ROOT / "data/raw/mnist").exists() else "stand-in"
    origin = Origin(name="mnist", kind=kind, sha256=str(len(kind) % 2) * 64)
    return {seed: Outcome({"a": 1.0, "k": 1.0}) for seed in seeds}, origin, "fp64"


if __name__ == "__main__":
    sys.exit(main(None, run, ROOT, __doc__))
'''


def test_data_put_in_place_are_trained_on_by_the_next_plain_run(tmp_path):
    folder = toy_checkout(tmp_path / "checkout")
    (folder / "replications/toy/experiment.py").write_text(LOADING)
    arguments = ("--cores", "1", "toy_table1", "--config", "scale=quick", "data_mirrors=none")
    records = {cell: folder / f"results/quick/toy/{cell}/thesis/seed=0.json" for cell in ("coin", "judge")}

    def kinds():
        return [read(path).dataset.kind for path in records.values()]

    assert run_snakemake(folder, *arguments).returncode == 0
    assert kinds() == ["stand-in"] * 2
    assert "Nothing to be done" in run_snakemake(folder, *arguments).stderr
    for name in FILES:
        path = folder / "data/raw/mnist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    done = run_snakemake(folder, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "data at hand by now (mnist)" in done.stderr
    assert kinds() == ["real"] * 2
    assert not (folder / "results/quick/toy/coin/repo").exists(), "what was not asked for is not made"
    again = run_snakemake(folder, *arguments)
    assert "Nothing to be done" in again.stderr
    assert "by now" not in again.stderr


def test_the_digest_of_what_is_read_survives_the_way_through_files(root):
    from common.workflow.resolve import default_settings, resolve

    for scale in ("quick", "reduced", "paper"):
        plan = resolve(root, {**default_settings(root), "scale": scale, "device": "cpu"})
        for name in (*plan.papers, *plan.benchmarks):
            for experiment, block in plan.config(name).experiments.items():
                for variant in block.variants:
                    job = plan.job(name, f"{experiment}/{variant}")
                    again = JobConfig.model_validate_json(job.model_dump_json())
                    assert digest_of([(job.code, job.identity)]) == digest_of([(again.code, again.identity)])
