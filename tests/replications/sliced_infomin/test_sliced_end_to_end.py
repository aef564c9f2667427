"""Every experiment of sliced infomin end to end at a tiny size: jobs leave records, records make figures and tables."""

import dataclasses

import numpy as np
import pytest
import torch

from common.results import read, record_path, write
from common.training.checkpoint import Checkpoint
from common.training.machine import prepare
from common.training.progress import Progress
from common.training.state import state_of
from common.workflow.config import load_paper, load_yaml
from common.workflow.job import Job, read_config
from common.workflow.resolve import resolve
from replications.sliced_infomin import (
    adaptation,
    demo,
    disentangle,
    evaluate,
    fairness,
    figures,
    power,
    tables,
    timing,
)
from replications.sliced_infomin.fair_tables import load_rows
from replications.sliced_infomin.pictures import Attributed, Domains, Labelled

FAIR = "epochs=3 snapshot_from=1 train_rows=400 test_rows=150 epoch_rows=200 batch=80 slices=5"
JUDGE = "steps=20 batch=60 rounds=5"
PICTURES = "judge_rows=60 judge_steps=10 judge_rounds=5"
TINY = {
    "census": FAIR,
    "adult": FAIR,
    "adult_clean": FAIR,
    "census_judge": JUDGE,
    "adult_judge": JUDGE,
    "adult_clean_judge": JUDGE,
    "timing": "train_rows=400 test_rows=100 slices=5 repeats=1",
    "demo": "steps=6 max_rows=80 batch=60 slices=4",
    "power": "n=40 trials=3 levels=2 slices=4 neural_steps=2",
    "domains": "epochs=2 milestones=[1] batch=8 max_rows=16 slices=4 width=0.0625 tsne_points=12",
    "objects": "epochs=1 batch=8 max_rows=16 slices=4 width=0.0625 tsne_points=12",
    "dsprites": f"epochs=2 milestones=[1] batch=16 max_rows=32 slices=4 width=0.0625 {PICTURES}",
    "faces": f"epochs=1 batch=16 max_rows=32 slices=4 width=0.0625 {PICTURES}",
}
MODULES = {
    "census": fairness,
    "adult": fairness,
    "adult_clean": fairness,
    "census_judge": evaluate,
    "adult_judge": evaluate,
    "adult_clean_judge": evaluate,
    "timing": timing,
    "demo": demo,
    "power": power,
}


@pytest.fixture(scope="module")
def plan(root):
    pairs = [f"sliced_infomin.{name}.{pair}" for name, text in TINY.items() for pair in text.split() if "[" not in pair]
    settings = load_yaml(root / "config/default.yaml")
    given = {"scale": "quick", "papers": "sliced_infomin", "seeds": 2, "data": "standin", "device": "cpu"}
    return resolve(root, {**settings, **given, "set": ",".join(pairs)})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def launch(plan, results, cell, *more):
    experiment = cell.split("/")[0]
    folder = results / "quick" / "sliced_infomin" / cell
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(plan.job("sliced_infomin", cell).model_dump_json())
    status = MODULES[experiment].main([str(path), "--results", str(results), *more])
    assert status == 0
    return [folder / f"seed={k}.json" for k in range(2)]


def job_of(plan, results, cell):
    path = results / f"{cell.replace('/', '-')}.json"
    path.write_text(plan.job("sliced_infomin", cell).model_dump_json())
    return Job(read_config(path), results, results, plan.root)


def test_fairness_records_and_a_seed_alone_is_the_seed_of_a_stack(plan, results, tmp_path):
    for data, method in (("census", "slice"), ("census", "renyi_2"), ("adult", "tc"), ("adult_clean", "vclub")):
        trained = [read(path) for path in launch(plan, results, f"{data}/{method}")]
        judged = [read(path) for path in launch(plan, results, f"{data}_judge/{method}")]
        assert all(r.status == "ok" and 0 <= r.metrics["rho_zt"] <= 1 for r in judged)
        for before, after in zip(trained, judged, strict=True):
            assert after.metrics["rho_zy_code"] == pytest.approx(before.metrics["head_zy"], abs=1e-5)
        if (data, method) in (("census", "slice"), ("adult", "tc")):
            for cell in (f"{data}/{method}", f"{data}_judge/{method}"):
                launch(plan, tmp_path, cell, "--seeds", "1")
            alone = read(record_path(tmp_path, plan.cell("sliced_infomin", f"{data}_judge/{method}"), 1))
            for name in ("rho_zy_by_trained_along", "rho_zt_code", "rho_zt_by_linear"):
                assert alone.metrics[name] == pytest.approx(judged[1].metrics[name], abs=0.02), (data, name)


def test_a_stack_that_diverges_before_its_first_curve_leaves_records(plan, results, tmp_path):
    job = plan.job("sliced_infomin", "census/slice")
    path = tmp_path / "census/slice/config.json"
    path.parent.mkdir(parents=True)
    path.write_text(job.model_copy(update={"params": {**job.params, "lr": 1e30}}).model_dump_json())
    assert fairness.main([str(path), "--results", str(tmp_path)]) == 0
    for seed in (0, 1):
        found = read(record_path(tmp_path, job.cell, seed))
        assert (found.status, found.metrics, found.series["val_utility"]) == ("diverged", {}, [])


def test_a_seed_is_judged_though_another_of_its_stack_diverged(plan, results, tmp_path):
    for path in launch(plan, tmp_path, "census/pearson")[1:]:
        lost = read(path).model_copy(update={"status": "diverged", "message": "step 5: loss is nan", "metrics": {}})
        write(tmp_path, lost)
        path.with_suffix(".safetensors").unlink()
    kept, lost = (read(path) for path in launch(plan, tmp_path, "census_judge/pearson"))
    assert kept.status == "ok"
    assert (lost.status, lost.message) == ("diverged", "census/pearson: step 5: loss is nan")


def test_cells_made_in_one_process_are_those_made_apart(plan, tmp_path):
    """Nothing of a cell is left for the next: no random state, no switch."""
    cells = ("adult/slice", "adult/vclub", "adult/none")
    apart = {cell: [read(path) for path in launch(plan, tmp_path / "apart", cell)] for cell in cells}
    paths = []
    for cell in cells:
        paths.append(tmp_path / cell / "config.json")
        paths[-1].parent.mkdir(parents=True)
        paths[-1].write_text(plan.job("sliced_infomin", cell).model_dump_json())
    together = tmp_path / "together"
    assert fairness.main([*map(str, reversed(paths)), "--results", str(together)]) == 0
    for cell, alone in apart.items():
        for seed in (0, 1):
            found = read(record_path(together, plan.cell("sliced_infomin", cell), seed))
            assert (found.metrics, found.series) == (alone[seed].metrics, alone[seed].series), cell


def test_a_job_that_reads_codes_takes_them_as_they_were_trained(plan, results):
    """Codes of the saved encoder are those of the encoder that was saved."""
    launch(plan, results, "census/none")
    task = evaluate.Evaluation(job_of(plan, results, "census_judge/none"), [0, 1])
    assert task.z.shape == (2, task.train.x.shape[1], 80)
    paths = [record_path(results, plan.cell("sliced_infomin", "census/none"), k) for k in (0, 1)]
    found = torch.tensor([read(path).metrics["head_zy"] for path in paths])
    torch.testing.assert_close(task.own_head().value, found, rtol=0, atol=1e-5)


def test_figures_and_tables_of_what_needs_no_pictures(plan, results, tmp_path):
    paths = {cell: launch(plan, results, cell) for cell in ("timing/ours", "demo/slice", "demo/club", "power/ours")}
    launch(plan, results, "census/slice")
    paths["census_judge/slice"] = launch(plan, results, "census_judge/slice")
    for cell, record in paths.items():
        assert read(record[0]).status == "ok", cell
    drawn = {"fig_demo": ["demo/slice", "demo/club"], "fig_power": ["power/ours"], "fig_slices": ["census_judge/slice"]}
    for name, cells in drawn.items():
        given = [str(path) for cell in cells for path in paths[cell]]
        assert figures.main([name, str(tmp_path / f"{name}.png"), "--records", *given]) == 0
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    given = [str(path) for cell in ("census_judge/slice", "timing/ours") for path in paths[cell]]
    for name in ("table4", "table4_time", "table_census", "readings", "notebooks"):
        out = tmp_path / f"{name}.csv"
        assert tables.main([name, str(out), "--records", *given]) == 0
        assert "±" in out.read_text(), name


def toy_pictures(n, colours, classes):
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (n, colours, 32, 32), generator=g).to(torch.uint8)
    return Labelled(x, torch.arange(n) % classes)


@pytest.mark.parametrize("cell", ["domains/mm_slice", "domains/mm_club"])
def test_adaptation_trains_and_an_interrupted_run_ends_the_same(plan, results, tmp_path, cell):
    job, machine = job_of(plan, results, cell), prepare("cpu", "fp32")
    data = Domains(*(toy_pictures(n, 3, 10) for n in (48, 24, 32, 24)), 10)

    def task():
        return adaptation.Adaptation(job, 0, data, machine)

    whole = task()
    trainer = whole.trainer(Progress("whole", 10)).run()
    outcome = whole.outcome(trainer)
    assert outcome.status == "ok"
    assert len(outcome.series["tsne_x"]) == 24

    checkpoint, broken = Checkpoint(tmp_path / "checkpoint.safetensors"), task().trainer(Progress("broken", 10))

    def interrupt():
        if broken.steps == 2:
            checkpoint.save(*state_of(broken))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken.train(interrupt)
    again = task().trainer(Progress("again", 10)).run(checkpoint)
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


@pytest.mark.parametrize("cell", ["dsprites/slice", "dsprites/vclub", "faces/slice"])
def test_disentangling_swaps_pictures(plan, results, cell):
    job, machine = job_of(plan, results, cell), prepare("cpu", "fp32")
    colours, classes = (3, 2) if cell.startswith("faces") else (1, 3)
    data = Attributed(toy_pictures(96, colours, classes), toy_pictures(60, colours, classes), ("a",) * classes)
    task = disentangle.Disentangling(job, 0, data, machine)
    outcome = task.outcome(task.trainer(Progress("toy", 10)).run(), show=True)
    assert outcome.status == "ok"
    assert len(outcome.series["swap_g12"]) == 8 * colours * 32 * 32
    assert 0 <= min(outcome.series["swap_g12"]) <= max(outcome.series["swap_g12"]) <= 255
    assert np.isfinite(list(outcome.metrics.values())).all()


def test_readers_of_disentangled_codes_see_every_class_though_the_pictures_lie_in_their_order(plan, results):
    """dSprites lies shape by shape, and a split's parts are sorted: the first rows would be squares alone."""
    pictures = toy_pictures(96, 1, 3)
    order = pictures.y.argsort()
    data = Attributed(Labelled(pictures.x[order], pictures.y[order]), toy_pictures(60, 1, 3), ("a", "b", "c"))
    chosen = []
    for cell in ("dsprites/slice", "dsprites/vclub"):
        task = disentangle.Disentangling(job_of(plan, results, cell), 1, data, prepare("cpu", "fp32"))
        chosen.append(task.judged_rows)
        told = task.y[task.judged_rows]
        assert len(told) == 60
        cut = int(0.8 * len(told))
        for part in (told[:cut], told[cut:]):
            assert part.bincount(minlength=3).float().div(len(part)).min() > 0.1
    assert torch.equal(*chosen), "every method of a seed is judged on the same pictures"
    assert len(chosen[0].unique()) == 60


@pytest.fixture(scope="module")
def paper_plan(root):
    settings = load_yaml(root / "config/default.yaml")
    given = {"scale": "paper", "papers": "sliced_infomin", "data": "standin", "device": "cpu"}
    return resolve(root, {**settings, **given})


def with_params(job, **changed):
    return dataclasses.replace(job, config=job.config.model_copy(update={"params": {**job.config.params, **changed}}))


def first_step(trainer):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.train(stop)
    assert trainer.steps == 1
    assert not trainer.stopped


def test_fairness_starts_at_scale_paper(paper_plan, tmp_path):
    for cell in ("adult/slice", "census/tc_20"):
        job = job_of(paper_plan, tmp_path, cell)
        task = fairness.Fairness(job, [0, 1, 2, 3, 4])
        trainer = task.trainer()
        assert trainer.planned == 500 * (task.fit.x.shape[1] // 500)
        first_step(trainer)


def test_image_tasks_start_at_scale_paper(paper_plan, tmp_path):
    """Full networks and schedule, batches of a few pictures: what a CPU can do of the first step."""
    machine = prepare("cpu", "fp32")
    job = with_params(job_of(paper_plan, tmp_path, "domains/mm_slice"), batch=2, max_rows=8)
    data = Domains(*(toy_pictures(8, 3, 10) for _ in range(4)), 10)
    first_step(adaptation.Adaptation(job, 0, data, machine).trainer(Progress("paper", 10)))
    job = with_params(job_of(paper_plan, tmp_path, "dsprites/slice"), batch=4, max_rows=16)
    sprites = Attributed(toy_pictures(16, 1, 3), toy_pictures(16, 1, 3), ("a", "b", "c"))
    first_step(disentangle.Disentangling(job, 0, sprites, machine).trainer(Progress("paper", 10)))


def test_the_slice_drives_the_demos_information_to_nought(plan, results):
    job = job_of(plan, results, "demo/slice")
    job = with_params(job, steps=300, lr=3e-3, max_rows=500, batch=250, slices=20)
    outcome = demo.minimise(job, 0, Progress("demo", 300))
    assert outcome.metrics["mi_first"] == pytest.approx(1.581, abs=1e-3)
    assert outcome.metrics["mi_last"] < 0.01


def test_a_missing_set_is_one_clear_line(plan, tmp_path, capsys):
    config = plan.job("sliced_infomin", "adult/none").model_copy(
        update={"data": "real", "data_mirrors": (), "dataset": "us-census-tract"}
    )
    path = tmp_path / "config.json"
    path.write_text(config.model_dump_json())
    assert fairness.main([str(path), "--results", str(tmp_path)]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "acs2015_census_tract_data.csv" in said[0]


def test_the_protocol_is_the_sheets(root):
    paper = load_paper(root, "sliced_infomin")
    p = paper.experiments["census"].params
    assert (p["epochs"], p["batch"], p["lr"], p["patience"], p["snapshot_from"]) == (500, 500, 5e-4, 50, 100)
    assert {
        k: v["beta"] for k, v in paper.experiments["census"].variants.items() if k in ("slice", "renyi_2", "tc_3")
    } == {
        "slice": 0.75,
        "renyi_2": 0.15,
        "tc_3": 0.10,
    }
    for name in ("census", "adult"):  # beta on I(Z;T) is 1 / beta on the utility
        made = paper.experiments[name].variants
        assert made["slide_beta"] == made["slice"] | {"beta": pytest.approx(1 / made["slice"]["beta"])}
    assert paper.experiments["dsprites"].params["slices"] == 250
    assert paper.experiments["adult"].params["leaky"]
    assert not paper.experiments["adult_clean"].params["leaky"]


@pytest.mark.parametrize(("published", "subset"), [(550, False), (551, True), (10**9, False)])
def test_a_run_on_fewer_rows_than_published_of_a_file_that_has_them_is_one_on_a_subset(
    plan, results, published, subset
):
    job = job_of(plan, results, "adult/none")  # 400 + 150 rows
    job.config.params["published_rows"] = published
    assert load_rows(job, [0], job.config.params)[2].subset is subset
