"""Networks, schedules, data and configuration of IRENE's protocol (sheet, sections 2 and 4)."""

from collections import Counter

import numpy as np
import pytest
import torch

from common.evaluation.claims import read_claims
from common.evaluation.published import read_published
from common.results import Origin
from common.training.batches import Batches
from common.training.machine import Machine
from common.training.parts import Part
from common.training.schedules import MultiStep
from common.training.trainer import Trainer
from common.workflow.config import load_paper, load_yaml, resolve_params
from common.workflow.job import Job
from common.workflow.resolve import resolve
from replications.irene import cost, faces, networks
from replications.irene.digits import Digits, colour, read_digits
from replications.irene.training import step

CPU = Machine(torch.device("cpu"), None)


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(scope="module")
def paper(root):
    return load_paper(root, "irene")


def params(paper, cell, scale="paper", **more):
    return {**resolve_params(paper, *cell.split("/"), scale, {}), **more}


class TestNetworks:
    def test_digits_network_has_the_published_size(self, paper):
        nets = networks.model(params(paper, "biased_mnist/irene"), 0, (10, 10), CPU)
        assert parameters(nets["encoder"]) + parameters(nets["target"]) == 531_210
        assert parameters(nets["private"]) == 1_290
        z, _, _ = networks.read(nets.eval(), torch.randn(2, 3, 28, 28))
        assert z.shape == (2, 128)
        assert z.abs().max() < 1, "Tanh closes F"

    def test_relu_variant(self, paper):
        nets = networks.model(params(paper, "biased_mnist/irene_relu"), 0, (10, 10), CPU)
        z, _, _ = networks.read(nets.eval(), torch.randn(2, 3, 28, 28))
        assert z.min() >= 0

    def test_biased_network_is_blind_to_shape(self):
        g = networks.biased_net(0, 10).eval()
        assert parameters(g) == 12_810
        x = torch.rand(2, 3, 8, 8)
        shuffled = x.flatten(2)[:, :, torch.randperm(64)].view_as(x)
        torch.testing.assert_close(g(x)[1], g(shuffled)[1], atol=1e-5, rtol=1e-4)

    def test_faces_network(self, paper):
        nets = networks.model(params(paper, "celeba/irene_g1"), 0, (2, 2), CPU)
        z, y, v = networks.read(nets.eval(), torch.randn(1, 3, 64, 64))
        assert (z.shape, y.shape, v.shape) == ((1, 512), (1, 2), (1, 2))

    def test_every_method_of_a_seed_starts_from_the_same_networks(self, paper):
        starts = [
            networks.model(params(paper, f"biased_mnist/{m}"), 3, (10, 10), CPU)
            for m in ("baseline", "rebias", "irene")
        ]
        first = starts[0].state_dict()
        for other in starts[1:]:
            assert all(torch.equal(value, other.state_dict()[name]) for name, value in first.items())


class TestGammaZero:
    def test_irene_without_its_term_is_the_baseline_to_the_bit(self, paper):
        """A term of weight 0 is left out; one of weight 1e-30 is computed, and adds less than rounding."""

        def trained(variant, **more):
            p = params(paper, f"biased_mnist/{variant}", **more)
            nets = networks.model(p, 0, (10, 10), CPU)
            random = torch.Generator().manual_seed(0)
            x = torch.randint(0, 2, (40, 1, 14, 14), generator=random, dtype=torch.uint8)
            y, v = (torch.randint(0, 10, (40,), generator=random) for _ in range(2))
            source = Batches({"x": x, "y": y, "v": v}, 20, torch.Generator().manual_seed(1), transform=colour)
            parts = [Part(n, net, lambda q: torch.optim.SGD(q, lr=0.1, momentum=0.9)) for n, net in nets.items()]
            Trainer(nets, parts, step(nets, p, 10, None), source, epochs=1, machine=CPU).train()
            return nets.state_dict()

        baseline = trained("baseline")
        for gamma in (0.0, 1e-30):
            ours = trained("irene", gamma=gamma)
            assert all(torch.equal(value, ours[name]) for name, value in baseline.items())
        pressed = trained("irene", gamma=0.5)
        assert not torch.equal(baseline["encoder.layers.0.weight"], pressed["encoder.layers.0.weight"])


class TestSchedules:
    def test_digits(self, paper):
        p = params(paper, "biased_mnist/irene")
        rates = [p["lr"] * MultiStep(p["milestones"]).factor(e, 0, 1) for e in range(p["epochs"])]
        assert rates[:40] == [0.1] * 40
        assert rates[40:60] == pytest.approx([0.01] * 20)
        assert rates[60:] == pytest.approx([0.001] * 20)

    @pytest.mark.parametrize(("variant", "drops"), [("baseline", [11, 21, 31]), ("baseline_repository", [12, 28, 44])])
    def test_faces_with_a_constant_validation_loss(self, paper, variant, drops):
        from common.training.schedules import Plateau

        p = params(paper, f"celeba/{variant}")
        rule = Plateau("validation", p["patience"], cooldown=p["cooldown"], stop_below=p["stop_below"])
        found, epoch = [], 0
        while not rule.stop:
            epoch += 1
            before = rule.drops
            rule.after_epoch({"validation": [1.0]}, p["lr"])
            found += [epoch] * (rule.drops - before)
        assert found == drops
        assert epoch == drops[-1], "training ends with the drop below 0.001"


@pytest.fixture
def digits():
    """Balanced labels and blank pictures: the colouring is what is looked at."""
    labels = {"train": torch.arange(10).repeat(900), "test": torch.arange(10).repeat(300)}
    grey = {split: torch.zeros(len(y), 1, 2, 2, dtype=torch.uint8) for split, y in labels.items()}
    p = {"train_images": 9000, "test_images": 3000, "fixed_test": False}
    return Digits(grey, labels, Origin(name="none", kind="generated", sha256="0" * 64), p)


class TestDigits:
    @pytest.mark.parametrize("rho", [0.1, 0.5, 0.9, 0.99])
    def test_share_of_own_colours(self, digits, rho):
        data = digits.train(0, rho, CPU.device)
        assert float((data["y"] == data["v"]).double().mean()) == pytest.approx(rho, abs=1e-3)

    def test_the_test_set_is_uncorrelated_and_the_same_for_every_rho(self, digits):
        data = digits.test(0, CPU.device)
        counts = Counter(zip(data["y"].tolist(), data["v"].tolist(), strict=True))
        # own colour first, the rest in blocks of ceil(270 / 9) = 30
        assert set(counts.values()) == {30}
        assert torch.equal(digits.test(0, CPU.device)["v"], data["v"])
        assert not torch.equal(digits.test(1, CPU.device)["v"], data["v"])
        digits.p["fixed_test"] = True
        assert torch.equal(digits.test(1, CPU.device)["v"], data["v"])

    def test_the_attackers_colours_are_independent_of_the_digit(self, digits):
        data = digits.recoloured(0, CPU.device)
        assert float((data["y"] == data["v"]).double().mean()) == pytest.approx(0.1, abs=1e-3)

    def test_fewer_rows_are_drawn_per_seed(self, digits):
        digits.p["train_images"] = 100
        first, second = digits.rows("train", 0), digits.rows("train", 1)
        assert len(set(first.tolist())) == 100
        assert not torch.equal(first, second)

    @pytest.mark.parametrize(("train", "subset"), [(60_000, False), (10, True)])
    def test_digits_that_are_left_out_make_a_subset(self, root, tmp_path, train, subset):
        given = {"scale": "quick", "papers": "irene", "data": "standin", "device": "cpu"}
        plan = resolve(root, {**load_yaml(root / "config/default.yaml"), **given})
        job = Job(plan.job("irene", "biased_mnist/baseline"), tmp_path, tmp_path, root)
        p = {**job.config.params, "train_images": train, "test_images": 10_000}
        assert read_digits(job, p).origin.subset is subset

    def test_coloured_batch(self):
        grey = torch.tensor([[[[0, 7]]]], dtype=torch.uint8)
        x = colour({"x": grey, "v": torch.tensor([3])})["x"]
        wanted = torch.tensor([[225, 225, 0], [255, 255, 255]]).float().T / 127.5 - 1
        torch.testing.assert_close(x, wanted[None, :, None, :])


class TestFaces:
    def test_equal_cells(self):
        cells = np.repeat([0, 1, 2, 3], [50, 30, 8, 20])
        rows = faces.equal_cells(np.arange(1000, 1108), cells, 0)
        assert np.bincount(cells[rows - 1000]).tolist() == [8] * 4
        with pytest.raises(ValueError, match="cannot be balanced"):
            faces.equal_cells(np.arange(3), np.array([0, 1, 2]), 0)

    def test_what_the_target_alone_gives_away(self):
        y, v = torch.tensor([0] * 6 + [1] * 4), torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 1])
        known = {"y": y, "v": v}
        assert faces.guess_from_target([known], known) == pytest.approx(70.0)
        # of each gender (2 of 5 with y = 0 and v = 0 | 4 of 5 with v = 1) the likelier target: 3 of 5 and 4 of 5 right
        assert faces.guess_from_target([known], known, balanced=True) == pytest.approx(70.0)

    def test_the_balanced_guess_takes_equal_priors(self):
        """Three quarters are of v = 0: plainly nobody is ever taken for 1, under equal priors those with y = 1 are."""
        y, v = torch.tensor([0] * 6 + [1] * 6), torch.tensor([0] * 9 + [1] * 3)
        known = {"y": y, "v": v}
        assert faces.guess_from_target([known], known) == pytest.approx(75.0)
        assert faces.guess_from_target([known], known, balanced=True) == pytest.approx(100 * (6 / 9 + 1) / 2)


class TestPublished:
    def test_table_1_is_whole_and_every_number_has_a_place(self, root, paper):
        rows = read_published(root / "replications/irene/published.csv")
        assert sum(row.artefact == "table1" for row in rows) == 42
        assert {r.entry for r in rows if r.artefact == "table1"} == set(paper.artefacts["table1"].values)
        assert all(row.tolerance for row in rows)

    def test_claims_are_there_and_read_metrics_that_every_scale_that_judges_them_has(self, root, paper):
        claims = read_claims(root / "replications/irene/claims.yaml")
        assert {f"C{k}" for k in range(1, 11)} <= {claim.id.rstrip("abcd") for claim in claims}
        scales = ("quick", "reduced", "paper")
        rhos = {scale: set(params(paper, "biased_mnist/irene", scale)["rhos"]) for scale in scales}
        for claim in claims:
            judged = scales[scales.index(claim.least_scale) :]
            for quantity in claim.quantities.values():
                place = quantity.metric.rpartition("_")[2]
                if quantity.experiment.startswith("biased_mnist") and place != "gap":
                    assert all(float(place) in rhos[scale] for scale in judged)
        asked = {q.metric.rpartition("_")[2] for c in claims if c.id in ("C3a", "C3e") for q in c.quantities.values()}
        assert {float(rho) for rho in asked} == rhos["paper"], "the claim is about every rho of Figure 4"

    def test_cost_of_the_published_protocol(self, paper):
        """Sheet, section 5: 1.2e16 operations per run and rho as direct sums, all in 7x7 convolutions."""
        found = cost.work("biased_mnist", params(paper, "biased_mnist/baseline"))
        assert found.steps == 7 * 80 * 600
        assert found.large_flop == pytest.approx(7 * 1.2e16, rel=0.05)
        assert not found.stacked
        faces_work = cost.work("celeba", params(paper, "celeba/irene_g1"))
        assert 3 * 7e16 < faces_work.conv_flop < 3 * 11e16, "three targets"
