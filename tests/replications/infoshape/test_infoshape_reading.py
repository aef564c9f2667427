"""Which rows, states and weights InfoShape's numbers come from."""

import math
from types import SimpleNamespace

import pytest
import torch

from common.losses.variational import donsker_varadhan
from common.results import Cell
from common.training.machine import Machine
from common.training.progress import Progress
from replications.infoshape import alternatives, attacker, channel, evaluate, method, probing
from replications.infoshape.estimation import Estimation
from replications.infoshape.experiment import Shaping
from replications.infoshape.sample import Sample

CPU = Machine(torch.device("cpu"), None)
P = {
    "n_per_class": 10,
    "train_share": 0.8,
    "heldout": 8,
    "batch": 4,
    "chart_points": 2,
    "lambda_leakage": 10.0,
    "lambda_utility": 3.0,
    "normalisers": "measured",
    "penalised": False,
    "privacy_passes": 1,
    "utility_passes": 1,
    "final_batches": 1,
    "shown_epochs": [],
}


def job(tmp_path, **changed):
    cell = Cell(paper="infoshape", experiment="encoder_b", variant="thesis", scale="quick")
    config = SimpleNamespace(
        params=P | changed,
        device="cpu",
        precision="fp32",
        cell=cell,
        checkpoint_seconds=60,
        needs=["raw/thesis", "encoder_b/thesis"],
    )
    needed = lambda _, seed: SimpleNamespace(metrics={"mi_xx": 7.0 + seed})  # noqa: E731
    return SimpleNamespace(config=config, needed=needed, checkpoint_path=lambda _: tmp_path / "c")


def shaping(tmp_path, **changed):
    work = object.__new__(Shaping)
    work.job, work.seeds, work.machine = job(tmp_path, **changed), [0, 1], CPU
    work.p = work.job.config.params
    return work


def test_critics_see_the_training_share_and_fresh_rows_are_of_another_draw(tmp_path):
    work = Estimation(job(tmp_path), [0, 1], 1)
    assert (work.sample.x.shape[1], work.fresh.x.shape[1]) == (16, 8)
    assert not set(work.sample.x.flatten().tolist()) & set(work.fresh.x.flatten().tolist())


def test_the_held_out_value_is_that_of_fresh_rows(tmp_path):
    work = Estimation(job(tmp_path), [0, 1], 1)
    asked = []

    def bounds(x, y, batches, generators):
        asked.append((x, y, batches))
        return [torch.tensor([5.0, 6.0])] * batches

    curve = torch.tensor([[9.0, 1.0, 3.0], [9.0, 2.0, 4.0]])
    fit = SimpleNamespace(bounds=bounds, x="train", y="train", values=curve, objectives=curve - 1, diverged_at=[-1, -1])
    work.note("leakage_0", fit, torch.tensor([0.5, 0.6]), (work.fresh.x, work.fresh.labels))
    assert asked[0][0] is work.fresh.x
    assert asked[0][1] is work.fresh.labels
    assert asked[0][2] == 2, "as many whole batches as eight rows hold"
    wanted = {"": 0.6, "_chart": 3.0, "_bound": 3.0, "_objective": 2.0, "_heldout": 6.0}
    assert work.metrics[1] == pytest.approx({f"leakage_0{name}": v for name, v in wanted.items()})


def test_the_repository_reports_values_and_charts_with_their_penalty(tmp_path):
    """D3: the notebook prints minus the loss, of the raw estimates and of all others."""
    work = Estimation(job(tmp_path, penalised=True), [0, 1], 1)
    curve = torch.tensor([[9.0, 1.0, 3.0], [9.0, 2.0, 4.0]])
    fit = SimpleNamespace(
        bounds=lambda *_, **__: [torch.tensor([5.0, 6.0])],
        values=curve,
        objectives=curve - 1,
        objective="penalised",
        diverged_at=[-1, -1],
    )
    work.note("mi_xx", fit, torch.tensor([0.5, 0.6]), (work.fresh.x, work.fresh.x))
    wanted = {"": 0.6, "_chart": 2.0, "_bound": 3.0, "_objective": 2.0, "_heldout": 6.0}
    assert work.metrics[1] == pytest.approx({f"mi_xx{name}": v for name, v in wanted.items()})
    work.keep_curve("mi_xx", fit)
    assert work.series[1]["mi_xx_curve"] == [8.0, 1.0, 3.0]
    assert work.bound_of(fit) == "penalised"


def test_weights_and_normalisers_of_both_readings(tmp_path):
    found = shaping(tmp_path).weights()
    assert (found["lambda_1"], found["lambda_2"]) == (10.0, 3.0), "lambda_1 weighs the leakage"
    assert found["h_x"].tolist() == [7.0, 8.0], "each seed's own I(X;X)"
    assert found["h_l"] == math.log(2)
    found = shaping(tmp_path, normalisers="repository").weights()
    assert (found["h_x"], found["h_l"]) == (8.0, 0.7)


@pytest.mark.parametrize("asked", [False, True])
def test_the_encoder_descends_the_bound_or_the_penalised_objective(tmp_path, monkeypatch, asked):
    work = shaping(tmp_path, penalised=asked)
    work.epoch, work.sample = 0, Sample(torch.zeros(2, 8, 20), torch.zeros(2, 8, 1))
    work.fresh, work.net = work.sample, method.encoder([torch.Generator()] * 2)
    work.adam = SimpleNamespace(step=lambda: None)
    fits = iter(SimpleNamespace(objective=name) for name in ("leakage's", "utility's"))
    monkeypatch.setattr(work, "fit", lambda *_: next(fits), raising=False)
    monkeypatch.setattr(work, "note", lambda *_: None, raising=False)
    seen = []
    monkeypatch.setattr(method, "encoder_gradient", lambda *given: seen.append(given) or (None, None))
    work.one_epoch()
    assert seen[0][-1] == (("leakage's", "utility's") if asked else (donsker_varadhan,) * 2)
    assert (seen[0][3].objective, seen[0][4].objective) == ("leakage's", "utility's")


def test_a_classifier_is_fitted_to_all_but_the_rows_that_judge_it(monkeypatch):
    rows = torch.arange(20.0)[None, :, None]
    fitted = []

    def fit(x, y, *_):
        fitted.append((x, y))
        return lambda v: -v

    monkeypatch.setattr(probing, "fit_binary_probes", fit)
    (found,) = probing.probe(Sample(rows, (rows >= 10).float()), 0.2, None, [None], [torch.Generator()])
    assert fitted[0][0].flatten().tolist() == [*range(8), *range(10, 18)]
    assert fitted[0][1].flatten().tolist() == [0] * 8 + [1] * 8
    assert found.auc == 0, "the logits fall where the label rises: judged on 8, 9, 18 and 19"


def test_the_codes_that_are_classified_are_those_before_and_after_training(tmp_path, monkeypatch):
    monkeypatch.setattr(
        evaluate, "codes_of", lambda _, seeds, __, epoch, x: torch.full((1, x.shape[1], 3), 1.0 * epoch)
    )
    seen = []

    def probe(coded, *_):
        seen.append(coded.x)
        verdict = evaluate.BinaryVerdict(0.1 * len(seen), math.log(2), 0.5, [], [])
        return [verdict]

    monkeypatch.setattr(evaluate, "probe", probe)
    given = job(tmp_path, hidden=2, epochs=1, lr=1.0, momentum=0.0, test_share=0.2)
    found = evaluate.run(given, [0])[0][0].metrics
    assert seen[0].shape == (1, 20, 20)
    assert [v.unique().tolist() for v in seen[1:]] == [[0], [-1]]
    assert [found[f"auc_{name}"] for name in ("raw", "untrained", "trained")] == pytest.approx([0.1, 0.2, 0.3])
    assert found["ce_bound_trained"] == pytest.approx(0)


def test_an_attackers_test_rows_are_in_the_units_of_the_rows_he_has():
    train, test = torch.tensor([[[0.0], [2.0], [4.0]]]), torch.tensor([[[10.0], [12.0]]])
    seen, unseen = attacker.standardised(train, test)
    assert seen.flatten().tolist() == [-1, 0, 1]
    assert unseen.flatten().tolist() == [4, 5]


def test_other_estimators_weigh_leakage_and_utility_as_the_configuration_says(tmp_path, monkeypatch):
    work = object.__new__(alternatives.Shaping)
    work.p = P | {
        "h_x": 8.0,
        "privacy_steps": 1,
        "utility_steps": 1,
        "critic_lr": 1e-3,
        "estimator": "remine",
        "alpha": 0.1,
    }
    work.seeds, work.variant, work.device = [0], "remine", torch.device("cpu")
    work.whole = Sample(torch.randn(1, 20, 20), (torch.arange(20) >= 10).float()[None, :, None])
    work.net, work.metrics, work.progress = method.encoder([torch.Generator()]), [{}], Progress("x", 2)
    work.adam = torch.optim.SGD(work.net.parameters(), lr=0.0)
    seen, true = [], method.lagrangian
    monkeypatch.setattr(method, "lagrangian", lambda *given: seen.append(given) or true(*given))
    work.p["final_batches"] = 2
    work.one_epoch(0)
    leaked, gained, *rest = seen[0]
    assert rest == [8.0, math.log(2), 10.0, 3.0]
    assert work.metrics[0]["leakage_0"] == pytest.approx(float((leaked + seen[1][0]).detach()) / 2)
    assert work.metrics[0]["utility_0"] == pytest.approx(float((gained + seen[1][1]).detach()) / 2)


def test_what_a_channels_code_tells_of_the_label_by_quadrature():
    """One coordinate, x_1 + x_11: variances 0.02 and 3.98 of the components, and the noise's on top."""
    w = torch.zeros(1, 20)
    w[0, [0, 10]] = 1.0
    sigma = 0.5
    z = torch.linspace(-15, 15, 20_001, dtype=torch.float64)
    logs = [torch.distributions.Normal(0.0, math.sqrt(v + sigma**2)).log_prob(z) for v in (0.02, 3.98)]
    mixture = torch.logaddexp(*logs) - math.log(2)
    wanted = sum(0.5 * float(torch.trapezoid(one.exp() * (one - mixture), z)) for one in logs)
    _, label = channel.linear_information(w, sigma, 40_000, torch.Generator().manual_seed(0))
    assert label == pytest.approx(wanted, abs=0.01)
