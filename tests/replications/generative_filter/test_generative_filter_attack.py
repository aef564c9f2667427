"""Attackers, released codes and label information against known answers."""

import math

import numpy as np
import pytest
import torch

from common.training.seeding import generator
from replications.generative_filter import attack, information
from replications.generative_filter.codes import class_statistics, label
from replications.generative_filter.method import LinearFilter, classifier
from replications.generative_filter.release import Released


class TestLabels:
    def test_attributes_of_digits(self):
        digits = torch.arange(10)
        assert label("circle", digits).nonzero()[:, 0].tolist() == [0, 6, 8, 9]
        assert label("large", digits).tolist() == [0] * 5 + [1] * 5
        assert label("odd", digits).tolist() == [0, 1] * 5

    def test_class_statistics(self):
        precision = torch.tensor([[[1.0], [2.0], [5.0]]])
        shares, means = class_statistics(precision, torch.tensor([[0, 0, 1]]), 2)
        torch.testing.assert_close(shares, torch.tensor([[2 / 3, 1 / 3]]))
        torch.testing.assert_close(means, torch.tensor([[[1.5], [5.0]]]))


class TestReleased:
    def test_is_the_filter_that_was_trained(self):
        filt = LinearFilter(4, 4, 3, [generator("r", k) for k in range(4)])
        codes, y = torch.randn(2, 6, 4), torch.randint(0, 3, (2, 6))
        released = Released(codes, None, y, {"A": filt.A.detach().view(2, 2, 4, 7)})
        found = released.whole([generator("n", 0), generator("n", 1)])
        noise = torch.stack([torch.randn(6, 8, generator=generator("n", k)) for k in range(2)])[..., :4]
        each = [v.repeat_interleave(2, 0) for v in (codes, noise, y)]
        torch.testing.assert_close(found, each[0] + filt.shift(each[1], each[2]).detach())

    def test_budget_zero_is_the_identity(self):
        codes, y = torch.randn(1, 6, 4), torch.zeros(1, 6, dtype=torch.long)
        for state in ({"A": torch.zeros(1, 1, 4, 6)}, {"sigma": torch.zeros(1, 1)}):
            torch.testing.assert_close(Released(codes, None, y, state).whole([generator("n")])[0], codes[0])


class TestAttackers:
    def test_they_find_what_is_there_and_nothing_else(self):
        """Member 0 sees the label, member 1 noise: accuracy 1 and chance; the bound ln 2 and at most about 0."""
        y = torch.randint(0, 2, (1, 4000), generator=generator("y")).expand(2, -1)
        seen = torch.stack([2.0 * y[0] - 1, torch.randn(4000, generator=generator("x"))])[..., None]
        net = classifier(1, 2, [generator("net", k) for k in range(2)])
        attack.fit(
            net, lambda rows: seen.gather(1, rows[..., None]), y, attack.Settings(200, 256, 0.02), [generator("o")]
        )
        found = attack.judge(net, [seen], y, 2)
        assert found.accuracy[0] == 1
        assert abs(found.accuracy[1] - 0.5) < 0.04
        entropy = attack.entropy(y[0], 2)
        assert entropy - found.cross_entropy[0] == pytest.approx(math.log(2), abs=0.02)
        assert entropy - found.cross_entropy[1] < 0.01

    def test_on_few_raw_rows_one_who_stops_reads_more(self):
        """One who goes on to the end learns them by heart."""
        g, d = generator("few"), 40
        weight = torch.randn(d, generator=g) / d**0.5
        x = {split: torch.randn(1, n, d, generator=g) for split, n in (("train", 1500), ("test", 4000))}
        y = {split: (v @ weight + torch.randn(v.shape[:2], generator=g) > 0.4).long() for split, v in x.items()}
        found = []
        for share in (0.0, 0.2):
            net = classifier(d, 2, [generator("net")], 60)
            how = attack.Settings(400, 128, 2e-2, share)
            attack.fit(net, lambda rows: x["train"][:, rows[0]], y["train"], how, [generator("order")])
            found.append(attack.judge(net, [x["test"]], y["test"], 2).accuracy[0])
        assert found[1] > found[0] + 0.02

    def test_each_member_keeps_the_network_that_read_the_rows_held_back_best(self):
        net = classifier(1, 2, [generator("net", k) for k in range(2)])
        codes, labels = torch.randn(2, 50, 1, generator=generator("x")), torch.zeros(2, 50, dtype=torch.long)
        watched = attack.Watched(net, codes, labels)
        seen = []
        for bias in ((3.0, -3.0), (-1.0, 2.0)):  # member 0 reads best at the first look, member 1 at the second
            with torch.no_grad():
                net.layers[-1].bias[:, 0, 0] = torch.tensor(bias)
            watched.look()
            seen.append([p.detach().clone() for p in net.parameters()])
        watched.restore()
        for p, first, second in zip(net.parameters(), *seen, strict=True):
            torch.testing.assert_close(p[0], first[0])
            torch.testing.assert_close(p[1], second[1])

    def test_nothing_held_back_leaves_the_draws_as_they_were(self):
        y = torch.randint(0, 2, (1, 100), generator=generator("y"))
        rows = []
        for share in (0.0, 0.2):
            net = classifier(1, 2, [generator("net")])
            seen = []
            release = lambda r: seen.append(r) or torch.zeros(*r.shape, 1)  # noqa: E731, B023
            attack.fit(net, release, y, attack.Settings(50, 8, 0.01, share), [generator("o")])
            rows.append(seen)
        assert rows[0][0].tolist() == [torch.randint(100, (8,), generator=generator("o")).tolist()]
        watched = set(rows[1][0].flatten().tolist())
        assert len(watched) == 20
        assert not watched & {row for batch in rows[1][1:] for row in batch.flatten().tolist()}

    def test_hard_auroc_is_balanced_accuracy(self):
        x = torch.randn(600, 3, generator=generator("x"))
        y = (x[:, 0] + torch.randn(600, generator=generator("e")) > 0.5).long()
        _, balanced, hard, scored = attack.boosted(x[:400], y[:400], x[400:], y[400:], 5, 0)
        assert hard == pytest.approx(balanced)
        assert scored > hard

    def test_ln_10_bounds_case_1(self):
        digits = torch.arange(10).repeat(5)
        assert attack.entropy(digits, 10) == pytest.approx(math.log(10))


class TestInformation:
    """A two-dimensional code whose correlation is the label's: I(z; y) by integration."""

    rho = 0.9

    def sample(self, n):
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, n)
        a, b = rng.normal(size=(2, n))
        sign = np.where(y == 1, self.rho, -self.rho)
        return np.stack([a, sign * a + math.sqrt(1 - self.rho**2) * b], 1), y

    def truth(self):
        g = np.linspace(-7, 7, 801)
        u, v = np.meshgrid(g, g)

        def density(r):
            return np.exp(-(u**2 - 2 * r * u * v + v**2) / (2 * (1 - r**2))) / (2 * math.pi * math.sqrt(1 - r**2))

        p, q = density(self.rho), density(-self.rho)
        return float((0.5 * (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q)))).sum() * (g[1] - g[0]) ** 2)

    def test_both_forms_agree_with_the_integral(self):
        z, y = self.sample(3000)
        assert information.mixed_information(z, y) == pytest.approx(self.truth(), abs=0.05)
        assert information.lnc_information(z, y) == pytest.approx(self.truth(), abs=0.08)

    def test_independent_labels_carry_nothing(self):
        z, y = self.sample(2000)[0], np.random.default_rng(1).integers(0, 2, 2000)
        assert abs(information.mixed_information(z, y)) < 0.03
        assert abs(information.lnc_information(z, y)) < 0.08

    def test_literal_form_breaks_the_entropy_bound(self):
        """Labels among LNC's scalars: more nats than the label has, where a code shows its sign."""
        z = np.random.default_rng(2).normal(size=(1000, 10))
        y = (z[:, 0] > 0).astype(int)
        assert information.lnc_literal(z, y) > math.log(2) > information.mixed_information(z, y)
