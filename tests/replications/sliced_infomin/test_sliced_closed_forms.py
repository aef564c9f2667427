"""Rivals, judges, networks and data of sliced infomin against closed forms, exact tables and the leak test."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from common.data import load
from common.estimators import create
from common.losses.club import club
from common.losses.correlation import maximal_correlation
from common.losses.distance import distance_correlation
from common.losses.sliced import standardise
from common.training.seeding import generator
from replications.sliced_infomin import conv_nets, demo, power
from replications.sliced_infomin.fair_nets import FairNet, MemberAdam, encoder
from replications.sliced_infomin.fair_tables import adult, census, standardised
from replications.sliced_infomin.judge import Codes, Reading, Settings, judge, strongest
from replications.sliced_infomin.pictures import SHARED, pie_expression, pie_files
from replications.sliced_infomin.rivals import METHODS, NeuralRenyi, NeuralTC, VariationalCLUB, make_infomin


def leaks(table):
    """Return the inputs that are the target or the attribute over again."""
    roles = (("target", table.y), ("attribute", table.t))
    return [
        f"{name} = {role}"
        for k, name in enumerate(table.names)
        for role, column in roles
        if abs(np.corrcoef(table.x[:, k], column[:, 0])[0, 1]) > 0.99
    ]


def draws(n):
    return [generator("sliced-test", k) for k in range(n)]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


class TestRivals:
    def test_every_method_has_one_value_per_member_and_a_gradient_unless_none(self):
        z = torch.randn(2, 60, 5, generator=draws(1)[0], requires_grad=True)
        t = (z[..., :1] + torch.randn(2, 60, 1, generator=draws(2)[1])).detach()
        for name in METHODS:
            infomin = make_infomin(name, 5, 1, draws(2), slices=4, l2=1)
            infomin.max_step(z.detach(), t, draws(2))
            value = infomin(z, t, draws(2))
            assert value.shape == (2,), name
            if name != "none":
                (grad,) = torch.autograd.grad(value.sum(), z)
                assert grad.isfinite().all(), name
                assert grad.abs().sum() > 0, name

    def test_pearson_is_the_mean_over_all_pairs(self):
        z, t = (torch.randn(1, 40, d, generator=g) for d, g in zip((3, 2), draws(2), strict=True))
        wanted = np.abs(np.corrcoef(z[0].T.numpy(), t[0].T.numpy())[:3, 3:]).mean()
        assert float(make_infomin("pearson", 3, 2, draws(1))(z, t)) == pytest.approx(wanted, abs=1e-6)

    def test_distance_correlation_is_the_estimators_and_is_clamped_before_the_root(self):
        z = torch.randn(50, 4, generator=draws(1)[0])
        t = z[:, :1] ** 2
        wanted = create("distance_correlation").estimate(standardise(z), standardise(t))
        assert float(distance_correlation(standardise(z), standardise(t))) == pytest.approx(wanted, abs=1e-5)
        found = [torch.randn(2, 12, 3, generator=g, requires_grad=True) for g in draws(20)]
        values = torch.cat([distance_correlation(v, torch.randn(2, 12, 2, generator=draws(1)[0])) for v in found])
        assert (values >= 0).all()
        assert (values < 1e-3).any(), "independent data are clamped now and then"
        values.sum().backward()
        assert all(v.grad.isfinite().all() for v in found)

    def test_tc_is_nought_at_perfect_discrimination_and_ln_2_at_none(self):
        def equal(z, t, mixed):  # the evidence of a pair being a mixed one: whether its sides differ
            return torch.cat([torch.where((z - v).abs()[..., 0] < 1e-6, -100.0, 100.0) for v in (t, mixed)], 1)

        tc = NeuralTC(1, 1, 1, draws(1))
        z = torch.arange(400.0)[None, :, None]
        for p in tc.parameters():
            nn.init.zeros_(p)
        assert float(tc(z, z, draws(1)).detach()) == pytest.approx(-math.log(2), abs=1e-6)
        tc.evidence = equal
        # a few of 400 pairs are fixed points of both permutations: each costs 100 / 800
        assert float(tc(z, z, draws(1))) > -1.0

    def test_club_of_the_true_conditional_is_above_the_information(self):
        rho, g = 0.8, draws(1)[0]
        z = torch.randn(1, 40_000, 1, generator=g, dtype=torch.float64)
        t = rho * z + math.sqrt(1 - rho**2) * torch.randn(z.shape, generator=g, dtype=torch.float64)
        value = float(club(t, rho * z, torch.full_like(z, math.log(1 - rho**2))))
        assert value == pytest.approx(rho**2 / (1 - rho**2), rel=0.05)
        assert value > -0.5 * math.log(1 - rho**2)

    def test_l2_counts_real_updates_and_the_max_step_climbs(self):
        z, t = torch.randn(1, 300, 4, generator=draws(1)[0]), torch.randn(1, 300, 1, generator=draws(2)[1])
        t = t + 2 * z[..., :1]
        for kind in (NeuralRenyi, NeuralTC, VariationalCLUB):
            one, many = kind(4, 1, 1, draws(1)), kind(4, 1, 60, draws(1), lr=5e-3)
            before = [p.detach().clone() for p in one.parameters()]
            one.max_step(z, t, draws(1))
            moved = max(float((p.detach() - q).abs().max()) for p, q in zip(one.parameters(), before, strict=True))
            assert moved == pytest.approx(5e-4, rel=1e-2), "Adam's first step is the rate itself"
            start = float(many.climbed(z, t, draws(1)).detach())
            many.max_step(z, t, draws(1))
            assert float(many.climbed(z, t, draws(1)).detach()) > start + 0.05, kind


class TestReadingsOfTheMetric:
    """One-sided (the code: correlation ratio of T on Z) against two-sided (the definition: HGR)."""

    @staticmethod
    def read(z, t, two_sided):
        cut = len(z) // 2
        codes = Codes(z[None, :cut], t[None, :cut], z[None, cut:], t[None, cut:])
        settings = Settings((64,), steps=250, batch=256, lr=5e-3, rounds=60)
        return float(judge(codes, settings, [("sliced-test", two_sided)], two_sided).value)

    def test_a_code_of_the_square_is_seen_by_two_sides_alone(self):
        t = torch.randn(4000, 1, generator=draws(1)[0])
        z = t**2
        assert self.read(z, t, two_sided=False) < 0.15
        assert self.read(z, t, two_sided=True) > 0.9

    def test_gaussian_pair_has_the_same_value_either_way(self):
        z, e = torch.randn(2, 6000, 1, generator=draws(1)[0])
        t = 0.7 * z + math.sqrt(1 - 0.49) * e
        for two_sided in (False, True):
            assert self.read(z, t, two_sided) == pytest.approx(0.7, abs=0.06)

    def test_binary_attribute_has_one_exact_value(self):
        table = torch.tensor([[0.20, 0.05], [0.10, 0.15], [0.05, 0.45]], dtype=torch.float64)
        p_z, p_t = table.sum(1), table.sum(0)
        mean = table[:, 1] / p_z  # E[T | Z], T in {0, 1}
        eta = ((p_z * (mean - p_t[1]) ** 2).sum() / (p_t[0] * p_t[1])).sqrt()
        torch.testing.assert_close(eta, maximal_correlation(table))

    def test_an_independent_pair_reads_as_noise(self):
        z, t = torch.randn(4000, 5, generator=draws(1)[0]), torch.randn(4000, 1, generator=draws(2)[1])
        assert self.read(z, t, two_sided=False) < 4 / math.sqrt(2000)

    def test_the_strongest_reader_is_chosen_by_rows_that_are_not_the_scored_ones(self):
        held = [torch.tensor(v) for v in ([0.5, 0.1], [0.4, 0.3])]
        value = [torch.tensor(v) for v in ([0.2, 0.9], [0.8, 0.25])]
        readings = {name: Reading(h, v, v / 2) for name, h, v in zip(("a", "b"), held, value, strict=True)}
        judged = strongest(readings)
        assert judged.chosen == ["a", "b"]
        torch.testing.assert_close(judged.value, torch.tensor([0.2, 0.25]))
        torch.testing.assert_close(judged.last, torch.tensor([0.1, 0.125]))

    def test_what_lies_in_a_quiet_direction_is_missed_by_the_codes_reader_and_found_by_the_others(self):
        """Nine loud coordinates and the attribute in a difference of two that are equal to a thousandth."""
        z, t = torch.randn(3000, 10, generator=draws(1)[0]), torch.randn(3000, 1, generator=draws(2)[1])
        z[:, 9:] = z[:, 8:9] + 1e-3 * t
        codes = Codes(z[None, :2000], t[None, :2000], z[None, 2000:], t[None, 2000:])
        judged = judge(codes, Settings((32,), steps=300, batch=256, rounds=60), [("sliced-test",)])
        found = {name: float(reading.value) for name, reading in judged.readings.items()}
        assert found["code"] < 0.2
        assert found["turned"] > 0.95
        assert found["linear"] > 0.99
        assert float(judged.value) > 0.99

    def test_a_column_that_is_constant_in_a_part_is_refused(self):
        """Rows in the order of their class: readers would be fitted to some classes and scored on others."""
        z, t = torch.randn(1, 100, 3, generator=draws(1)[0]), (torch.arange(100) >= 85).float()[None, :, None]
        mixed = t[:, torch.randperm(100, generator=draws(2)[1])]
        Codes(z, mixed, z, mixed)
        for name, parts in {
            "member 0: what is to be read is constant in the rows to fit to": (t, mixed),
            "constant in the held-out fifth": (t.flip(1), mixed),
            "constant in the test rows": (mixed, torch.zeros_like(t)),
        }.items():
            with pytest.raises(ValueError, match=name):
                Codes(z, parts[0], z, parts[1])

    def test_decorrelated_codes_are_a_rotation_and_a_scale(self):
        mixed = torch.randn(1, 500, 6, generator=draws(1)[0]) @ torch.randn(6, 6, generator=draws(2)[1])
        y = torch.randn(1, 500, 1, generator=draws(1)[0])
        turned = Codes(mixed, y, mixed[:, :100], y[:, :100]).decorrelated()
        known = turned.train[0, : turned.cut]
        torch.testing.assert_close(known.mT @ known / len(known), torch.eye(6), rtol=0, atol=1e-4)
        torch.testing.assert_close(turned.test, turned.train[:, :100])


def test_correlation_with_itself_mixes_both_divisors():
    x = torch.randn(50, 1, generator=draws(1)[0], dtype=torch.float64)
    assert float((standardise(x) ** 2).mean()) == pytest.approx(49 / 50, abs=1e-12)


class TestNetworks:
    def test_sizes_are_the_published_ones(self):
        assert parameters(encoder(32, draws(1))) == 62_880
        g = draws(1)[0]
        assert parameters(conv_nets.domain_encoder(128, g)) == pytest.approx(26.1e6, rel=0.005)
        assert parameters(conv_nets.auto_encoder(256, g)) == pytest.approx(2.65e6, rel=0.005)
        assert parameters(conv_nets.decoder(259, g)) == pytest.approx(7.5e6, rel=0.01)

    def test_shapes(self):
        g = draws(1)[0]
        x = torch.rand(2, 3, 32, 32)
        assert conv_nets.domain_encoder(128, g, 0.0625)(x).shape == (2, 128)
        z = conv_nets.auto_encoder(16, g, 0.125, colours=3)(x)
        picture = conv_nets.decoder(16, g, 0.125, colours=3)(z)
        assert picture.shape == x.shape
        assert 0 <= float(picture.detach().min()) <= float(picture.detach().max()) <= 1

    def test_each_member_has_its_own_plateau_as_torchs(self):
        net = FairNet(3, make_infomin("none", 80, 1, draws(2)), draws(2))
        dummy = [torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0) for _ in range(2)]
        torchs = [torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=2) for o in dummy]
        for losses in ([1.0, 1.0], [0.9, 1.1], [0.8, 1.0], [0.7, 1.2], [0.7, 1.0], [0.7, 0.5], [0.7, 0.6], [0.7, 0.6]):
            net.plateau(torch.tensor(losses), patience=2)
            for schedule, loss in zip(torchs, losses, strict=True):
                schedule.step(loss)
        wanted = [o.param_groups[0]["lr"] for o in dummy]
        torch.testing.assert_close(net.rate, torch.tensor(wanted))
        assert wanted[0] < 1

    def test_a_members_rate_scales_its_step_alone(self):
        scale = torch.tensor([1.0, 0.1])
        p = nn.Parameter(torch.zeros(2, 3))
        adam = MemberAdam([p], lr=0.5, scale=scale)
        p.grad = torch.ones(2, 3)
        adam.step()
        torch.testing.assert_close(p.detach(), -torch.tensor([[0.5], [0.05]]).expand(2, 3))

    def test_the_snapshot_is_a_copy_of_the_best_epoch(self):
        net = FairNet(3, make_infomin("none", 80, 1, draws(2)), draws(2))
        first = net.encoder.layers[0].weight.detach().clone()
        net.keep_best(torch.tensor([1.0, 1.0]), 0)
        with torch.no_grad():
            net.encoder.layers[0].weight.add_(1.0)
        net.keep_best(torch.tensor([2.0, 0.5]), 1)
        kept = net.final()[0].layers[0].weight
        assert torch.equal(kept[0], first[0])
        assert torch.equal(kept[1], first[1] + 1)
        assert net.kept_epoch.tolist() == [0, 1]

    def test_a_member_without_a_snapshot_costs_no_other_its_own(self):
        net = FairNet(3, make_infomin("none", 80, 1, draws(2)), draws(2))
        first = net.encoder.layers[0].weight.detach().clone()
        net.keep_best(torch.tensor([1.0, math.nan]), 0)
        with torch.no_grad():
            net.encoder.layers[0].weight.add_(1.0)
        found = net.final()[0].layers[0].weight
        assert torch.equal(found[0], first[0])
        assert torch.equal(found[1], first[1] + 1), "the last state of the one that diverged before its first"


class TestLeak:
    """The authors' Adult loader hands the label to the encoder; the clean form hands it nothing undeclared."""

    @pytest.fixture
    def people(self):
        return load("adult", policy="standin").frame.head(3000)

    def test_clean_adult_holds_nothing_but_the_declared_attribute(self, people):
        table = adult(people, leaky=False)
        assert leaks(table) == ["age = attribute"]
        assert table.x.shape[1] == 14

    def test_leaky_adult_is_the_published_sixteen_inputs(self, people):
        table = adult(people, leaky=True)
        assert table.x.shape[1] == 16
        assert leaks(table) == ["age = attribute", "income = target", "age again = attribute"]

    def test_census_has_32_inputs_and_its_attribute_is_the_last(self):
        table = census(load("us-census-tract", policy="standin").frame)
        assert table.x.shape[1] == 32
        assert "Poverty" not in table.names
        assert table.names[-1] == "share of men"
        assert "share of men = attribute" in leaks(table)
        assert not {"Men", "Women", "State", "County", "CensusId"} & set(table.names)

    def test_training_statistics_serve_both_splits_unless_asked_otherwise(self):
        frame = pd.DataFrame({"age": [20, 30, 40, 50], "sex": ["a", "b", "a", "b"], "income": ["<=50K", ">50K"] * 2})
        train, test = adult(frame, leaky=False), adult(frame.assign(age=frame["age"] + 100), leaky=False)
        ours, own = (standardised(train, test, own=o)[1] for o in (False, True))
        assert ours.t.mean() > 5
        assert abs(own.t.mean()) < 1e-12


class TestDemo:
    def test_it_starts_at_the_printed_information(self):
        theta = torch.full((2,), demo.START)
        assert demo.information(theta) == pytest.approx(-math.log(1 - math.sin(1.1) ** 2), abs=1e-6)
        assert demo.information(theta) == pytest.approx(1.581, abs=1e-3)

    def test_samples_have_the_stated_correlation_and_the_map_is_invertible(self):
        x, y = demo.draw(torch.full((2,), demo.START), 20_000, draws(1)[0])
        assert float(torch.corrcoef(torch.stack([x[0, :, 0], y[0, :, 0]]))[0, 1]) == pytest.approx(0.8912, abs=0.01)
        shown = demo.g2(y).double()
        q = torch.stack([shown[..., 0].log(), torch.atanh(shown[..., 1].clamp(-1 + 1e-7, 1 - 1e-7))], -1)
        back = q @ torch.linalg.inv(torch.tensor(demo.MIX, dtype=torch.float64))
        inner = (y[..., 1].abs() < 1) & (y[..., 0].abs() < 1)  # fp32's tanh saturates beyond
        torch.testing.assert_close(back[inner], y[inner].double(), rtol=1e-2, atol=1e-2)


def test_links_of_the_power_figure_have_unit_variance():
    u = torch.randn(400_000, generator=draws(1)[0])
    for name, link in power.LINKS.items():
        assert float(link(u).var()) == pytest.approx(1, abs=0.05), name


def test_nine_classes_are_shared():
    assert len(SHARED) == 9
    assert not {"frog", "monkey"} & set(SHARED)


def test_the_loader_of_pie_reads_expressions_from_names(tmp_path):
    name = tmp_path / "session" / "001" / "001_01_02_051_06_crop_128.png"
    name.parent.mkdir(parents=True)
    name.touch()
    (name.parent / "notes.png").touch()
    assert pie_files(tmp_path) == [name]
    assert pie_expression(name) == 1
