"""The DAG as a user meets it: targets, the first line, one-line errors, reruns that are right."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from workbench import ROOT, commit_all, copy_checkout, run_snakemake

TINY = (
    "infoshape.raw.n_per_class=200,infoshape.raw.batch=100,infoshape.raw.privacy_passes=2,"
    "infoshape.raw.utility_passes=2,infoshape.raw.final_batches=2,infoshape.raw.heldout=400,"
    "infoshape.classifier.n_per_class=200,infoshape.classifier.batch=80,infoshape.classifier.epochs=3,"
    "infoshape.closed_forms.n_per_class=500,"
    "infoshape.failures.rows=200,infoshape.failures.batch=20,infoshape.failures.iterations=4,"
    "infoshape.staircase.steps=10,infoshape.staircase.judged=5,infoshape.staircase.shown_every=5,"
    "infoshape.attacker.n_per_class=200,infoshape.attacker.batch=80,infoshape.attacker.epochs=2,"
    "infoshape.channel.n_per_class=200,infoshape.channel.judged=100,"
    "infoshape.channel_linear.n_per_class=200,infoshape.channel_linear.batch=100,infoshape.channel_linear.passes=2,"
    "infoshape.channel_linear.heldout=400,infoshape.channel_linear.judged=100,infoshape.channel_linear.draws=200,"
    "infoshape.alternatives.n_per_class=200,infoshape.alternatives.batch=16,infoshape.alternatives.privacy_steps=2,"
    "infoshape.alternatives.utility_steps=2,infoshape.alternatives.final_batches=2,"
    "infoshape.alternatives.probe_batch=80,infoshape.alternatives.probe_epochs=2"
)
for name in ("bounds", "bounds_b", "bounds_c"):
    TINY += "".join(f",infoshape.{name}.{key}" for key in ("n_per_class=200", "batch=80", "epochs=3"))
for letter in "abcd":
    TINY += "".join(
        f",infoshape.encoder_{letter}.{key}"
        for key in (
            "n_per_class=200",
            "batch=100",
            "privacy_passes=2",
            "final_batches=2",
            "heldout=400",
            "shown_codes=40",
        )
    )
    TINY += f",infoshape.encoder_{letter}.utility_passes={0 if letter == 'd' else 2}"


def arguments(*targets, seeds=2):
    return ["--cores", "2", *targets, "--config", "scale=quick", "papers=infoshape", f"seeds={seeds}", f"set={TINY}"]


def jobs(output):
    """Return the rules that a dry run would run, from its table of counts."""
    table = output.split("Job stats:")[1].split("\n\n")[0] if "Job stats:" in output else ""
    names = re.findall(r"^(\S+)\s+\d+$", table, flags=re.M)
    return {name for name in names if name not in ("job", "total", "all", "infoshape")}


def dry(checkout, *targets, seeds=2):
    done = run_snakemake(checkout, "-n", *arguments(*targets, seeds=seeds))
    assert done.returncode == 0, done.stderr
    return jobs(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A checkout in which one paper's everything ran once at a tiny size; each paper's own tests run the others."""
    folder = copy_checkout(tmp_path_factory.mktemp("dag") / "checkout")
    commit_all(folder)
    done = run_snakemake(folder, *arguments("all"))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_everything_runs_and_leaves_what_it_should(finished):
    figures = finished / "figures/quick/infoshape"
    for name in ("fig3_5a", "fig3_5b", "fig3_6a", "fig3_6b", *(f"fig4_{n}" for n in range(2, 10))):
        assert (figures / f"{name}.svg").read_text().startswith("<?xml")
        assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    for name in ("eq3_5", "summary"):
        assert (figures / f"{name}.csv").exists()
        assert "standard deviation over 2 seeds" in (figures / f"{name}.md").read_text()
    assert (figures / "comparison.csv").exists()
    assert (finished / "figures/quick/report/index.html").exists()
    record = json.loads((finished / "results/quick/infoshape/encoder_a/thesis/seed=1.json").read_text())
    assert record["status"] == "ok"
    assert record["provenance"]["dirty"] is False
    assert record["provenance"]["ensemble"] == 2


def test_a_second_run_has_nothing_to_do(finished):
    done = run_snakemake(finished, *arguments("all"))
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_first_line_announces_the_scale(finished):
    done = run_snakemake(finished, "-n", *arguments("all"))
    lines = [line for line in (done.stderr + done.stdout).splitlines() if "workflow specific profile" not in line]
    assert lines[0].startswith("Expunge: scale quick (set), device ")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["infoshape_fig9_9"], ["unknown 'infoshape_fig9_9'", "infoshape_fig4_9"]),
        (["all", "--config", "scal=quick"], ["unknown key 'scal'", "did you mean 'scale'"]),
        (["all", "--config", "scale=big"], ["scale", "'big'", "reduced"]),
        (["all", "--config", "papers=infoshap"], ["unknown paper 'infoshap'", "infoshape"]),
        (["all", "--config", "seeds=two"], ["seeds", "'two'"]),
        (["all", "--config", "scale=quick", "set=infoshape.raw.bach=2"], ["'bach'", "did you mean 'batch'"]),
    ],
)
def test_what_is_wrong_is_one_line_that_lists_what_is_valid(root, changed, words):
    done = run_snakemake(root, "-n", "--cores", "1", *changed)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line and "workflow specific profile" not in line]
    assert len(said) == 1
    assert said[0].startswith("expunge: ")
    for word in words:
        assert word in said[0]


def test_every_target_has_a_dry_run(finished):
    from common.workflow.dag import targets
    from common.workflow.resolve import default_settings, resolve

    plan = resolve(finished, {**default_settings(finished), "scale": "quick", "set": TINY, "seeds": 2})
    names = targets(plan)
    assert {"all", "report", "docs", "compare", "infoshape", "infoshape_fig4_3"} <= set(names)
    assert {f"{paper}_compare" for paper in plan.papers} <= set(names)
    assert len(plan.papers) > 1
    done = run_snakemake(finished, "-n", "--cores", "2", *names, "--config", "scale=quick", "seeds=2", f"set={TINY}")
    assert done.returncode == 0, done.stderr


def test_rules_that_one_paper_alone_has_stand_in_its_folder(finished):
    rules = finished / "replications/infoshape/rules.smk"
    rules.write_text(
        "rule infoshape_extra:\n    input: PAPERS[0].records\n    output: 'figures/quick/infoshape/extra.csv'\n"
        "    shell: 'wc {input} > {output}'\n"
    )
    try:
        assert dry(finished, "infoshape_extra") == {"infoshape_extra"}
    finally:
        rules.unlink()


def test_a_benchmark_that_was_drawn_is_shown_and_not_run_by_all(finished):
    home, drawn = finished / "benchmarks/removal", finished / "figures/quick/removal/frontier.svg"
    shutil.copytree(ROOT / "benchmarks/removal", home, ignore=shutil.ignore_patterns("README.md", "__pycache__"))
    try:
        assert dry(finished, "all") == set()
        drawn.parent.mkdir(parents=True)
        drawn.write_text("drawn")
        assert dry(finished, "all") == {"report"}
        assert {"removal_frontier", "removal_adult_attack_none"} <= dry(finished, "benchmark")
    finally:
        shutil.rmtree(home.parent)
        shutil.rmtree(drawn.parent, ignore_errors=True)


class TestReruns:
    """Each case edits a finished checkout, asks what would run, and puts the file back."""

    @pytest.fixture
    def edit(self, finished):
        undo = []

        def change(name, old, new):
            path = finished / name
            text = path.read_text()
            assert old in text
            undo.append((path, text, path.stat()))
            path.write_text(text.replace(old, new, 1))

        yield change
        for path, text, _ in reversed(undo):
            path.write_text(text)

    def test_comment_in_an_imported_file(self, finished, edit):
        edit(
            "common/losses/variational.py",
            "    return joint.mean(-1) - log_mean_exp(marginal)",
            "    # why\n    return joint.mean(-1) - log_mean_exp(marginal)",
        )
        assert dry(finished, "all") == {"docs"}  # the reference shows the source; nothing is computed again

    def test_touch(self, finished):
        (finished / "common/losses/variational.py").touch()
        (finished / "replications/infoshape/experiment.py").touch()
        assert dry(finished, "all") == set()

    def test_plotting_redraws_and_retrains_nothing(self, finished, edit):
        edit("common/plotting/series.py", "alpha=0.22", "alpha=0.33")
        would = dry(finished, "all")
        assert {"infoshape_fig4_5", "infoshape_fig4_6"} <= would
        assert not {name for name in would if name.endswith("_thesis")}

    def test_code_and_style_of_the_pages_make_them_again_and_nothing_else(self, finished, edit):
        edit("common/workflow/report/strip.py", "150, 22", "150, 23")
        assert dry(finished, "all") == {"report", "docs"}, "the reference shows the source"
        edit("common/workflow/docs/guide.css", "{", "{ ")
        assert dry(finished, "docs") == {"docs"}

    def test_semantic_edit_of_a_loss_reruns_what_imports_it(self, finished, edit):
        edit("common/losses/variational.py", "(partition - target).square()", "(partition - target).abs()")
        would = dry(finished, "all")
        assert {f"infoshape_encoder_{x}_thesis" for x in "abcd"} | {"infoshape_raw_thesis"} <= would
        assert "infoshape_closed_forms_thesis" not in would
        assert "infoshape_eq3_5" not in would

    def test_semantic_edit_of_a_probe_reruns_the_probing_alone(self, finished, edit):
        edit("common/evaluation/probes.py", "points: int = 101", "points: int = 51")
        would = dry(finished, "all")
        assert "infoshape_classifier_thesis" in would
        assert not {name for name in would if re.match(r"infoshape_(raw|encoder_.|closed_forms)_thesis", name)}

    def test_changed_key_of_one_experiment_reruns_that_one_and_what_reads_it(self, finished, edit):
        edit("replications/infoshape/config.yaml", "lambda_leakage: 100.0", "lambda_leakage: 90.0")
        would = {name for name in dry(finished, "all") if name.endswith("_thesis")}
        assert would == {"infoshape_encoder_c_thesis", "infoshape_bounds_c_thesis"}

    def test_changed_printed_value_judges_again_and_retrains_nothing(self, finished, edit):
        edit("replications/infoshape/published.csv", "4.03", "4.04")
        would = dry(finished, "all")
        assert would == {"infoshape_compare", "infoshape_fig4_8", "report"}, "the figure that shows the printed value"

    def test_another_seed_extends(self, finished):
        would = dry(finished, "infoshape_raw_thesis", seeds=3)
        assert would == {"infoshape_raw_thesis"}
        old = (finished / "results/quick/infoshape/raw/thesis/seed=0.json").read_text()
        done = run_snakemake(finished, *arguments("infoshape_raw_thesis", seeds=3))
        assert done.returncode == 0, done.stderr[-2000:]
        assert (finished / "results/quick/infoshape/raw/thesis/seed=0.json").read_text() == old
        new = json.loads((finished / "results/quick/infoshape/raw/thesis/seed=2.json").read_text())
        assert new["provenance"]["ensemble"] == 1


class TestCommands:
    """``python -m common.workflow`` over the finished checkout."""

    @staticmethod
    def run(folder, *words):
        command = [sys.executable, "-m", "common.workflow", *words]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)

    CONFIG = ("--config", "scale=quick", "papers=infoshape", "seeds=2", f"set={TINY}")

    def test_verify_finds_everything_and_says_what_is_lacking(self, finished):
        done = self.run(finished, "verify", *self.CONFIG)
        assert (done.returncode, done.stdout) == (0, "verify: all there at quick\n")
        record = finished / "results/quick/infoshape/correlation/thesis/seed=1.json"
        text = record.read_text()
        record.unlink()
        try:
            done = self.run(finished, "verify", *self.CONFIG)
            assert done.returncode == 1
            assert "correlation/thesis/seed=1.json: no such record" in done.stdout
        finally:
            record.write_text(text)

    def test_plan_counts_what_is_left_to_run(self, finished):
        done = self.run(finished, "plan", *self.CONFIG)
        assert done.returncode == 0, done.stderr
        lines = {line.split("│")[2].strip(): line for line in done.stdout.splitlines() if line.count("│") > 6}
        assert "0 of 2" in lines["encoder_a/thesis"]
        assert "2 of 2" in lines["encoder_a/derange"]
        assert "on request" in lines["encoder_a/derange"]

    def test_compare_accept_and_scoreboard(self, finished):
        done = self.run(finished, "compare", "infoshape", *self.CONFIG)
        assert done.returncode == 0, done.stderr
        assert "I(X;L)" in done.stdout
        for path in finished.glob("replications/infoshape/reproduced*.csv"):  # what was accepted of runs of full size
            kept = [line for line in path.read_text().splitlines() if ",quick," not in line]
            path.write_text("\n".join(kept) + "\n")
        done = self.run(finished, "accept", *self.CONFIG)
        assert done.returncode == 0, done.stderr
        done = self.run(finished, "regress", *self.CONFIG)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "rows at quick stand as accepted" in done.stdout
        lines = (finished / "replications/infoshape/reproduced.csv").read_text().splitlines()
        assert lines[0] == "artefact,entry,metric,mean,sd,n,scale,data,device,commit,verdict,direction"
        assert sum(",quick," in line for line in lines) > 20, "this scale's numbers stand beside the others'"
        assert self.run(finished, "scoreboard").returncode == 0
        assert "| infoshape | as written | quick |" in (finished / "README.md").read_text()

    def test_gallery_takes_the_figures(self, finished):
        assert self.run(finished, "gallery", *self.CONFIG).returncode == 0
        assert (finished / "figures/gallery/infoshape_fig4_5.png").exists()

    def test_resolve_prints_commands_that_run_by_hand(self, finished):
        done = self.run(finished, "resolve", *self.CONFIG)
        assert (
            "python -m replications.infoshape.experiment results/quick/infoshape/raw/thesis/config.json" in done.stdout
        )

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("compare", "infoshap"), "unknown paper 'infoshap'"),
            (("compare", "--config", "scale"), "'scale' is not key=value"),
            (("plan", "--config", "seeds=many"), "seeds"),
        ],
    )
    def test_slips_are_one_line(self, finished, words, said):
        done = self.run(finished, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("expunge: ")
        assert len(done.stderr.strip().splitlines()) == 1
        assert said in done.stderr

    def test_help_names_every_command(self, finished):
        said = self.run(finished, "--help").stdout
        for word in ("plan", "compare", "accept", "regress", "verify", "resolve", "report", "scoreboard", "gallery"):
            assert word in said
