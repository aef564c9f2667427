import json
import math
import os
import shutil

import pytest
from cells import ORIGIN, configuration

from common.data.errors import DataError
from common.results import provenance, read
from common.training.checkpoint import load_tensors
from common.workflow import clock
from common.workflow.job import JobConfig, Outcome, main


@pytest.fixture
def cell(tmp_path):
    """Write a resolved configuration and return a function that runs it, with what it ran."""

    def write(**changes):
        return configuration(tmp_path, **{"seeds": 3} | changes)

    def run(path, *arguments, outcome=lambda seed: Outcome({"value": float(seed)})):
        ran = []

        def experiment(job, seeds):
            ran.extend(seeds)
            return {seed: outcome(seed) for seed in seeds}, ORIGIN, "fp32"

        status = main([str(path), "--results", str(tmp_path / "r"), *arguments], experiment, tmp_path, "test")
        return status, ran

    return write, run, tmp_path / "r/quick/p/e/v"


def test_seeds_on_record_are_kept_and_others_added(cell):
    write, run, folder = cell
    assert run(write(seeds=2)) == (0, [0, 1])
    first = (folder / "seed=0.json").read_bytes()
    assert run(write(seeds=2)) == (0, [])
    assert run(write(seeds=4)) == (0, [2, 3])
    assert (folder / "seed=0.json").read_bytes() == first
    assert read(folder / "seed=2.json").provenance.ensemble == 2


def test_git_is_asked_once_for_all_seeds(cell, monkeypatch):
    write, run, folder = cell
    asked = []
    monkeypatch.setattr(provenance, "commit_of", lambda root: asked.append(root) or provenance.Source("0" * 40, False))
    assert run(write()) == (0, [0, 1, 2])
    assert len(asked) == 1
    assert {read(folder / f"seed={seed}.json").provenance.commit for seed in range(3)} == {"0" * 40}


def test_the_commit_is_that_of_the_start(cell, monkeypatch):
    write, run, folder = cell
    lies_there = ["a" * 40, False]
    monkeypatch.setattr(provenance, "commit_of", lambda root: provenance.Source(*lies_there))

    def edited_meanwhile(seed):
        lies_there[:] = "b" * 40, True
        return Outcome({"value": 1.0})

    assert run(write(seeds=1), outcome=edited_meanwhile)[0] == 0
    made = read(folder / "seed=0.json").provenance
    assert (made.commit, made.dirty) == ("a" * 40, False)


@pytest.mark.parametrize("change", [{"version": 2}, {"params": {"lr": 0.2}}, {"precision": "bf16"}, {"upstream": "x"}])
def test_other_code_parameters_or_upstream_run_again(cell, change):
    write, run, _ = cell
    run(write())
    assert run(write(**change)) == (0, [0, 1, 2])


def test_code_that_changed_since_it_was_resolved_is_refused(cell, capsys):
    write, run, folder = cell
    path = write()
    source = path.parents[2] / "m.py"
    source.write_text('"""Only a docstring, which changes no number."""\n' + source.read_text())
    assert run(path, "--seeds", "0") == (0, [0])
    source.write_text("VERSION = 2\n")
    assert run(path) == (1, []), "its records would be stamped with the fingerprint of the old code"
    said = capsys.readouterr().err
    assert said.startswith("e/v: the code of m has changed since this configuration was resolved")
    assert "python -m common.workflow resolve" in said
    assert said.count("\n") == 1
    assert sorted(found.name for found in folder.glob("seed=*")) == ["seed=0.json"]
    source.unlink()
    assert run(path) == (1, [])
    assert "no first-party module 'm'" in capsys.readouterr().err


def test_a_missing_tensor_file_runs_its_seed_again(cell):
    write, run, folder = cell
    run(write())
    for seed in (0, 2):
        (folder / f"seed={seed}.safetensors").write_bytes(b"x")
    assert run(write(weights=True)) == (0, [1])


def test_chosen_seeds_alone(cell):
    write, run, _ = cell
    assert run(write(), "--seeds", "7", "1", "7") == (0, [1, 7])


def test_a_seed_that_is_no_number(cell, capsys):
    write, run, _ = cell
    with pytest.raises(SystemExit):
        run(write(), "--seeds", "one")
    assert "'one' is not a seed" in capsys.readouterr().err


def test_several_cells_are_made_in_turn_and_an_error_in_one_hinders_no_other(tmp_path, capsys):
    def made(variant):
        cell = {"paper": "p", "experiment": "e", "variant": variant, "scale": "quick"}
        return configuration(tmp_path / variant, root=tmp_path, cell=cell, seeds=1)

    def experiment(job, seeds):
        if job.config.cell.variant == "bad":
            raise DataError("no such set")
        return {seed: Outcome({"value": 1.0}) for seed in seeds}, ORIGIN, "fp32"

    paths = [made("good"), tmp_path / "none/e/v/config.json", made("bad"), made("better")]
    results = tmp_path / "r"
    assert main([*map(str, paths), "--results", str(results)], experiment, tmp_path, "test") == 1
    missing, failed = capsys.readouterr().err.splitlines()
    assert "no such configuration" in missing
    assert failed == "e/v: no such set"
    found = sorted(path.parent.name for path in results.rglob("seed=0.json"))
    assert found == ["better", "good"]


def test_a_diverged_seed_is_a_record_not_a_crash(cell):
    write, run, folder = cell
    bad = {1: Outcome({}, status="diverged", message="step 7: not finite")}
    status, _ = run(write(), outcome=lambda seed: bad.get(seed, Outcome({"value": 1.0})))
    assert status == 0
    assert read(folder / "seed=1.json").message == "step 7: not finite"
    assert read(folder / "seed=2.json").status == "ok"


class TestLost:
    """Of three seeds the middle one diverged in the cell that is needed."""

    @pytest.fixture
    def two(self, tmp_path):
        """Return what runs the cell ``e/v`` after ``first/v`` has lost seed 1, with the seeds it was given."""
        first = {"paper": "p", "experiment": "first", "variant": "v", "scale": "quick"}
        needed = configuration(tmp_path / "first", root=tmp_path, cell=first, seeds=3)
        bad = {1: Outcome({}, status="diverged", message="step 7: not finite")}

        def run(path, own, **more):
            ran = []

            def experiment(job, seeds):
                ran.append(seeds)
                return {seed: own.get(seed, Outcome({"value": 1.0})) for seed in seeds}, ORIGIN, "fp32"

            assert main([str(path), "--results", str(tmp_path / "r")], experiment, tmp_path, "test", **more) == 0
            return ran

        run(needed, bad)
        path = configuration(tmp_path, seeds=3, needs=["first/v"], weights=True)
        return lambda **more: run(path, {}, **more)

    def test_its_record_says_so_and_the_others_are_run(self, two, tmp_path):
        assert two() == [[0, 2]]
        folder = tmp_path / "r/quick/p/e/v"
        lost = read(folder / "seed=1.json")
        assert (lost.status, lost.message, lost.metrics) == ("diverged", "first/v: step 7: not finite", {})
        assert lost.dataset == ORIGIN
        assert load_tensors(folder / "seed=1.safetensors") == ({}, {})
        assert read(folder / "seed=2.json").provenance.ensemble == 2
        (folder / "seed=0.safetensors").touch()
        (folder / "seed=2.safetensors").touch()
        assert two() == [], "it is on record"

    def test_a_job_that_judges_what_is_left_gets_it(self, two):
        assert two(judges_diverged=True) == [[0, 1, 2]]


def test_a_record_of_another_schema_is_kept_aside(cell, capsys):
    write, run, folder = cell
    run(write())
    old = json.dumps({"schema_version": 0, "precious": 1})
    (folder / "seed=1.json").write_text(old)
    assert run(write()) == (0, [1])
    said = capsys.readouterr().err
    assert "schema 0" in said
    assert len(said.strip().splitlines()) == 1
    [kept] = folder.glob("seed=1.json.unreadable-*")
    assert kept.read_text() == old
    assert read(folder / "seed=1.json").metrics == {"value": 1.0}


def test_the_record_of_another_seed_is_none_of_this_one(cell, capsys):
    write, run, folder = cell
    run(write(seeds=1))
    shutil.copy(folder / "seed=0.json", folder / "seed=1.json")
    assert run(write(seeds=2)) == (0, [1])
    assert "p/e/v seed 0 at quick, not of p/e/v seed 1 at quick" in capsys.readouterr().err
    assert read(folder / "seed=1.json").seed == 1
    [kept] = folder.glob("seed=1.json.unreadable-*")
    assert read(kept).seed == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such configuration"), ("{", "Invalid JSON"), ("{}", "Field required"), ('{"speed": 1}', "speed")],
)
def test_a_broken_configuration_is_one_line(tmp_path, capsys, content, words):
    path = tmp_path / "e/v/config.json"
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content)
    assert main([str(path)], lambda job, seeds: ({}, ORIGIN, ""), tmp_path, "test") == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "e/v" in said
    assert words in said or "Field required" in said


def test_needs_that_were_not_declared_are_refused(tmp_path):
    from common.workflow.config import ConfigError
    from common.workflow.job import Job

    config = JobConfig.model_validate(
        {
            "cell": {"paper": "p", "experiment": "e", "variant": "v", "scale": "quick"},
            "module": "m", "code": "c", "seeds": 1, "dataset": "d", "needs": ["a/b"], "params": {},
            "device": "cpu", "precision": "fp32", "data": "auto", "data_mirrors": [],
        }
    )  # fmt: skip
    with pytest.raises(ConfigError, match="'x/y' is not among its needs"):
        Job(config, tmp_path, tmp_path, tmp_path).needed("x/y", 0)


def test_a_missing_data_set_is_one_line_and_leaves_no_record(cell, capsys):
    from common.data.errors import NotAtHandError

    write, run, folder = cell

    def missing(seed):
        raise NotAtHandError("mnist: train-images-idx3-ubyte.gz is not at hand; put it in data/raw or set data=standin")

    status, _ = run(write(), outcome=missing)
    said = capsys.readouterr().err
    assert status == 1
    assert "mnist" in said
    assert "set data=standin" in said
    assert said.count("\n") == 1
    assert not list(folder.glob("seed=*.json"))


class TestWhatRunOwes:
    def test_a_metric_that_is_not_finite_is_a_divergence_and_costs_no_other_seed(self, cell):
        write, run, folder = cell
        found = {0: Outcome({"corr": math.nan, "kept": 2.0}), 1: Outcome({"corr": 0.5}), 2: Outcome({"corr": math.inf})}
        assert run(write(), outcome=found.get)[0] == 0
        records = [read(folder / f"seed={seed}.json") for seed in range(3)]
        assert [r.status for r in records] == ["diverged", "ok", "diverged"]
        assert (records[0].message, records[0].metrics) == ("corr is nan", {"kept": 2.0})

    def test_a_seed_without_an_outcome_is_told_after_the_others_are_written(self, cell, capsys):
        write, _, folder = cell

        def forgets(job, seeds):
            return {seed: Outcome({"value": 1.0}) for seed in seeds if seed != 1}, ORIGIN, "fp32"

        assert main([str(write()), "--results", str(folder.parents[3])], forgets, folder.parents[4], "test") == 1
        assert sorted(path.name for path in folder.glob("seed=*")) == ["seed=0.json", "seed=2.json"]
        assert "no outcome of seed 1" in capsys.readouterr().err

    def test_an_interruption_by_hand_is_one_line(self, cell, capsys):
        write, _, folder = cell

        def interrupted(job, seeds):
            raise KeyboardInterrupt

        assert main([str(write()), "--results", str(folder.parents[3])], interrupted, folder.parents[4], "test") == 130
        assert capsys.readouterr().err == "interrupted; given again, the command goes on where it was\n"
        assert not [*folder.glob(".checkpoint*")], "nothing to go on from, nothing left behind"


@pytest.mark.parametrize("dirty", [True, False])
def test_a_resumed_run_tells_what_all_its_sessions_cost_and_were_made_of(cell, monkeypatch, dirty):
    write, _, folder = cell
    path, now = write(seeds=1), [1000.0]
    lay_there = iter([provenance.Source("a" * 40, dirty), provenance.Source("b" * 40, False)])
    monkeypatch.setattr(provenance, "commit_of", lambda root: next(lay_there))
    monkeypatch.setattr(clock.time, "time", lambda: now[0])

    def killed(job, seeds):
        kept = job.checkpoint_path(seeds)
        kept.write_bytes(b"half way")
        os.utime(kept, (1040, 1040))  # 40 s of work are kept, of 50
        now[0] = 1050.0
        raise KeyboardInterrupt

    def goes_on(job, seeds):
        return {seed: Outcome({"value": 1.0}) for seed in seeds}, ORIGIN, "fp32"

    arguments = [str(path), "--results", str(folder.parents[3])]
    assert main(arguments, killed, folder.parents[4], "test") == 130
    began = json.loads(next(folder.glob(".checkpoint-*.clock.json")).read_text())["started"]
    now[0] = 5000.0
    assert main(arguments, goes_on, folder.parents[4], "test") == 0
    made = read(folder / "seed=0.json").provenance
    assert 40 <= made.seconds < 60
    assert made.started == began
    assert (made.commit, made.dirty) == ("b" * 40, dirty)
    assert not [*folder.glob(".checkpoint*")]
