"""The whole paper at a tiny size on stand-ins: every job, artefact and claim; and every kind of job at scale paper."""

import json

import pytest

from common.evaluation.claims import read_claims
from common.evaluation.comparison import compare
from common.evaluation.published import read_published
from common.models.plain_conv import plain_conv_encoder
from common.results import Cell, store
from common.workflow.dag import Dag
from common.workflow.resolve import default_settings, resolve
from replications.irene import celeba, evaluate, experiment, figures, networks, proxy, samples, tables, updates

MODULES = {m.__name__: m for m in (celeba, evaluate, experiment, proxy, samples, updates)}
TINY = {
    "irene.proxy.batches": 5,
    "irene.proxy.steps": 5,
    "irene.updates.epochs": 1,
    "irene.samples.train_images": 400,
    "irene.biased_mnist.train_images": 80,
    "irene.biased_mnist.test_images": 60,
    "irene.biased_mnist.batch": 40,
    "irene.biased_mnist.epochs": 1,
    "irene.biased_mnist_attack.most_epochs": 2,
    "irene.celeba.train_images": 60,
    "irene.celeba.test_images": 40,
    "irene.celeba.batch": 30,
    "irene.celeba_attack.most_epochs": 2,
}


def plan_of(root, scale, overrides, seeds):
    given = {"scale": scale, "papers": "irene", "data": "standin", "device": "cpu", "seeds": seeds, "set": overrides}
    return resolve(root, {**default_settings(root), **given})


def run(plan, cell, folder):
    """Run one cell by its module's own command line."""
    job = plan.job("irene", cell)
    path = store.cell_folder(folder, job.cell) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    return MODULES[job.module].main([str(path), "--results", str(folder)])


def record(folder, cell, scale, seed=0):
    experiment_name, variant = cell.split("/")
    where = Cell(paper="irene", experiment=experiment_name, variant=variant, scale=scale)
    return json.loads((store.cell_folder(folder, where) / f"seed={seed}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """Records of every cell that an artefact or a printed number rests on."""
    folder = tmp_path_factory.mktemp("irene") / "results"
    plan = plan_of(root, "quick", TINY, 1)
    dag = Dag(plan, "irene")
    with pytest.MonkeyPatch.context() as patch:
        # half the time went to drawing and saving 11 million weights per model; the test below starts the real one
        patch.setattr(networks, "resnet_encoder", lambda random, *_, **__: plain_conv_encoder(random, (4, 8), 3))
        for job in dag.trainings():  # as in the file: what is needed comes first
            if job.cell in dag.wanted:
                assert run(plan, job.cell, folder) == 0, job.cell
    return plan, folder


@pytest.mark.slow
class TestWhole:
    """Some forty tiny trainings: a third of a minute on a quiet core."""

    def test_every_artefact_is_made(self, whole, tmp_path):
        plan, folder = whole
        paper = plan.papers["irene"]
        for name, artefact in paper.artefacts.items():
            records = [str(folder.parent / p) for cell in artefact.cells for p in plan.records("irene", cell)]
            module, endings = (figures, ["svg", "png"]) if artefact.kind == "figure" else (tables, ["csv", "md"])
            files = [tmp_path / f"{name}.{ending}" for ending in endings]
            assert module.main([name, *map(str, files), "--title", artefact.title, "--records", *records]) == 0, name
            assert all(file.stat().st_size > 0 for file in files)

    def test_every_number_and_claim_finds_its_record_and_stand_ins_earn_nothing(self, whole, root):
        plan, folder = whole
        own = root / "replications/irene"
        rows, claims = read_published(own / "published.csv"), read_claims(own / "claims.yaml")
        found = compare(plan.papers["irene"], rows, claims, folder, "quick")
        assert {row.judgement.verdict for row in found.rows} == {"not comparable"}
        outcomes = {result.claim.id: result.outcome for result in found.claims}
        assert outcomes["C7"] == "holds", "needs no data"
        free = ("C7", "C8", "C8b", "C8c")
        assert all(o.startswith("not judged") for i, o in outcomes.items() if i not in free)

    def test_every_metric_that_a_claim_names_is_on_record(self, whole, root):
        """A claim that needs a larger scale is not judged here, and a slip in its metrics would not show."""
        plan, folder = whole
        rhos, lacking = plan.job("irene", "biased_mnist/irene").params["rhos"], []
        for claim in read_claims(root / "replications/irene/claims.yaml"):
            for quantity in claim.quantities.values():
                found = record(folder, quantity.cell, "quick")["metrics"]
                stem, _, place = quantity.metric.rpartition("_")
                known = {quantity.metric} | {f"{stem}_{rho}" for rho in rhos if place.startswith("0.")}
                if not known & set(found):  # of a rho that quick leaves out the metric at another
                    lacking.append((claim.id, quantity.metric))
        assert not lacking

    def test_a_second_run_trains_nothing(self, whole):
        plan, folder = whole
        before = record(folder, "biased_mnist/irene", "quick")["provenance"]["started"]
        assert run(plan, "biased_mnist/irene", folder) == 0
        assert record(folder, "biased_mnist/irene", "quick")["provenance"]["started"] == before

    def test_attackers_read_an_untrained_bottleneck(self, whole):
        """Two steps of training leave the colour in z for anyone to see, whatever H says."""
        _, folder = whole
        found = record(folder, "biased_mnist_attack/irene", "quick")["metrics"]
        assert found["free_linear_balanced_0.1"] > 60

    def test_methods_share_what_they_must_and_differ_where_they_should(self, whole):
        _, folder = whole
        runs = {m: record(folder, f"biased_mnist/{m}", "quick")["metrics"] for m in ("baseline", "irene", "rubi")}
        assert len({m["chance"] for m in runs.values()}) == 1, "one test colouring for all"
        curves = [record(folder, f"biased_mnist/{m}", "quick")["series"]["task_0.1"] for m in ("baseline", "irene")]
        assert curves[0] != curves[1]


FIRST_STEPS = {
    "irene.biased_mnist.rhos": [0.99],
    "irene.biased_mnist.train_images": 100,
    "irene.biased_mnist.test_images": 10,
    "irene.biased_mnist.epochs": 1,
    "irene.biased_mnist.biased_epochs": 1,
    "irene.celeba.targets": ["makeup"],
    "irene.celeba.train_images": 8,
    "irene.celeba.test_images": 8,
    "irene.celeba.batch": 4,
    "irene.celeba.epochs": 1,
    "irene.celeba.biased_epochs": 1,
}


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["biased_mnist/rebias", "biased_mnist/learnedmixin_frozen", "celeba/irene_g1"])
def test_first_steps_at_scale_paper(cell, root, tmp_path):
    """Full-size pictures and networks: seconds a step."""
    plan = plan_of(root, "paper", FIRST_STEPS, 1)
    assert run(plan, cell, tmp_path) == 0
    found = record(tmp_path, cell, "paper")
    assert found["status"] == "ok"
    assert found["params"]["side"] == {"biased_mnist": 28, "celeba": 224}[cell.split("/")[0]]


class TestBadInput:
    def test_a_side_that_does_not_divide(self, root, tmp_path, capsys):
        plan = plan_of(root, "quick", {**TINY, "irene.biased_mnist.side": 13}, 1)
        assert run(plan, "biased_mnist/irene", tmp_path) == 1
        assert capsys.readouterr().err.strip().endswith("side: 13 does not divide 28")

    def test_a_missing_set_is_one_line(self, root, tmp_path, capsys):
        plan = plan_of(root, "quick", TINY, 1)
        job = plan.job("irene", "celeba/baseline").model_copy(update={"data": "real", "dataset": "no-such-set"})
        path = tmp_path / "celeba" / "baseline" / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(job.model_dump_json(), encoding="utf-8")
        assert celeba.main([str(path), "--results", str(tmp_path)]) == 1
        message = capsys.readouterr().err.strip()
        assert "no-such-set" in message
        assert "\n" not in message
