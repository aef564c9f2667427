"""The analytic max step and its value against what can be known: the authors' formula, the generic solve, gradients."""

import math

import numpy as np
import pytest
import torch

from common.losses.sliced import fit_slices, slice_features, solve_canonical
from common.training.seeding import generator
from replications.sliced_infomin.method import RIDGE, ScalarSlices, SlicedInfomin, solve_scalar
from replications.sliced_infomin.rivals import METHODS, make_infomin
from replications.sliced_infomin.timing import in_own_precision


def draws(n):
    return [generator("sliced-test", k) for k in range(n)]


def scalar_pair(n=400, d=6, members=2):
    g = generator("sliced-test", "data", n)
    z = torch.randn(members, n, d, generator=g)
    t = torch.tanh(z[..., :1] * z[..., 1:2]) + 0.3 * torch.randn(members, n, 1, generator=g)
    return z, t


def authors_cca(h1, h2, r=1e-3):
    """Return the first canonical correlation as the authors compute it, in float64 (covariances over n - 1)."""
    m = len(h1)
    a, b = h1 - h1.mean(0), h2 - h2.mean(0)
    s12, s11, s22 = a.T @ b / (m - 1), a.T @ a / (m - 1), b.T @ b / (m - 1)
    roots = []
    for s in (s11, s22):
        values, vectors = np.linalg.eigh(s + r * np.eye(len(s)))
        roots.append(vectors @ np.diag(values**-0.5) @ vectors.T)
    u, d, vt = np.linalg.svd(roots[0] @ s12 @ roots[1])
    return d[0], roots[0] @ u[:, 0], roots[1] @ vt[0]


def authors_value(z, t, w1, w2, theta, phi):
    """Return the authors' min-step value: slices, tanh, a dead constant, powers, standardised scores."""
    scores = []
    for v, slices, w in ((z, theta, w1), (t, phi, w2)):
        u = np.tanh((v - v.mean(0)) / v.std(0, ddof=1) @ slices)
        f = np.hstack([np.zeros((len(u), 1)), u, u**2, u**3])
        score = f @ np.concatenate([[0.0], w])
        scores.append((score - score.mean()) / score.std(ddof=1))
    return abs(np.mean(scores[0] * scores[1]))


class TestSolve:
    @pytest.mark.parametrize("slices", [5, 60, 200])
    def test_scalar_solve_is_the_generic_one(self, slices):
        z, t = scalar_pair(n=300)
        ours = solve_scalar(z, t, slices, draws(2))
        for k, g in enumerate(draws(2)):
            generic = fit_slices(z[k], t[k], slices, g)
            torch.testing.assert_close(generic.directions_x, ours.theta[k])
            torch.testing.assert_close(generic.canonical.value, ours.value[k], rtol=1e-7, atol=1e-9)
            found = generic.correlation(z[k].double(), t[k].double())
            torch.testing.assert_close(found, ours.correlation(z.double(), t.double())[k], rtol=1e-6, atol=1e-8)

    def test_it_is_the_authors_formula(self):
        z, t = scalar_pair(n=500, members=1)
        ours = solve_scalar(z, t, 20, draws(1))
        theta = ours.theta[0].numpy()
        f = slice_features(z[0].double(), ours.theta[0]).numpy()
        g = slice_features(t[0].double(), torch.ones(1, 20, dtype=torch.float64)).numpy()
        value, w1, w2 = authors_cca(f, g, RIDGE * 500 / 499)  # their covariances are over n - 1: the ridge follows
        assert float(ours.value[0]) == pytest.approx(value, abs=1e-9)
        new_z, new_t = scalar_pair(n=200, members=1)
        theirs = authors_value(new_z[0].double().numpy(), new_t[0].double().numpy(), w1, w2, theta, np.ones((1, 20)))
        # the feature means drop out: the score is standardised on its own batch
        assert float(ours.correlation(new_z.double(), new_t.double())[0]) == pytest.approx(theirs, abs=1e-8)

    def test_the_published_solve_is_timed_in_the_precision_of_its_rows(self):
        z, t = scalar_pair(n=400, members=1)
        assert in_own_precision(z[0], t[0], 20, *draws(1)).weight_x.dtype == torch.float32
        double = in_own_precision(z[0].double(), t[0].double(), 20, *draws(1))
        torch.testing.assert_close(double.value, fit_slices(z[0], t[0], 20, *draws(1)).canonical.value)

    def test_members_do_not_mix(self):
        z, t = scalar_pair()
        both, alone = solve_scalar(z, t, 10, draws(2)), solve_scalar(z[1:], t[1:], 10, draws(2)[1:])
        torch.testing.assert_close(both.value[1:], alone.value, rtol=1e-10, atol=1e-12)

    def test_value_is_a_correlation_and_grows_with_nested_slices(self):
        z, t = scalar_pair(n=2000, d=4, members=1)
        f = slice_features(z[0].double(), solve_scalar(z, t, 40, draws(1)).theta[0])
        g = slice_features(t[0].double(), torch.ones(1, 1, dtype=torch.float64))
        columns = torch.arange(120).reshape(3, 40)
        values = [float(solve_canonical(f[:, columns[:, :s].flatten()], g, 1e-6).value) for s in (1, 5, 20, 40)]
        assert values == sorted(values)
        assert 0 < values[0] <= values[-1] <= 1


class TestValues:
    """The sheet's closed forms: slices fitted on four fifths of the rows, read on the last fifth."""

    @staticmethod
    def held_out(z, t, slices=20):
        infomin = SlicedInfomin(slices)
        infomin.max_step(z[None], t[None], draws(1))
        cut = int(0.8 * len(z))
        return float(infomin(z[None, cut:], t[None, cut:])[0])

    @pytest.mark.parametrize("r", [0.3, 0.6, 0.9])
    def test_gaussian_pair(self, r):
        g = generator("sliced-test", "gauss")
        z, e = torch.randn(2, 10_000, 1, generator=g)
        found = self.held_out(z, r * z + math.sqrt(1 - r * r) * e)
        assert found == pytest.approx(r, abs=3 * (1 - r * r) / math.sqrt(2000))

    def test_square_is_seen_where_pearson_is_blind(self):
        z = torch.randn(5000, 1, generator=generator("sliced-test", "square"))
        assert self.held_out(z, z**2) > 0.9
        pearson = make_infomin("pearson", 1, 1, draws(1))
        assert float(pearson(z[None], (z**2)[None])) < 0.1

    def test_random_slices_see_a_product_of_two_coordinates(self):
        z = torch.randn(6000, 10, generator=generator("sliced-test", "product"))
        assert self.held_out(z, z[:, :1] * z[:, 1:2], slices=100) > 0.6

    def test_independent(self):
        g = generator("sliced-test", "independent")
        z, t = torch.randn(10_000, 80, generator=g), torch.randn(10_000, 1, generator=g)
        infomin = SlicedInfomin(100)
        infomin.max_step(z[None], t[None], draws(1))
        assert float(infomin(z[None, 8000:], t[None, 8000:])) < 3 / math.sqrt(2000)
        # in sample, about (sqrt(300) + sqrt(3)) / sqrt(8000) = 0.213: no estimate of anything
        assert 0.15 < float(infomin.solution.value[0]) < 0.26

    def test_vector_attribute_goes_through_the_generic_solve(self):
        g = generator("sliced-test", "one-hot")
        labels = torch.randint(3, (1500,), generator=g)
        t = torch.eye(3)[labels]
        z = torch.randn(1500, 5, generator=g) + 3 * t @ torch.randn(3, 5, generator=g)
        assert self.held_out(z, t) > 0.7
        assert self.held_out(z[torch.randperm(1500, generator=g)], t) < 0.25

    def test_row_order_shift_and_scale_do_not_matter_once_the_split_is_fixed(self):
        z, t = scalar_pair(n=800, members=1)
        base = solve_scalar(z, t, 20, draws(1)).value
        order = torch.randperm(800, generator=generator("sliced-test", "order"))
        torch.testing.assert_close(base, solve_scalar(z[:, order], t[:, order], 20, draws(1)).value)
        torch.testing.assert_close(base, solve_scalar(5 * z - 3, 0.1 * t + 7, 20, draws(1)).value, rtol=1e-4, atol=1e-5)


class TestGradient:
    def test_it_is_the_finite_difference_with_slices_and_weights_held(self):
        z, t = scalar_pair(n=60, d=3, members=1)
        fitted: ScalarSlices = solve_scalar(z, t, 8, draws(1))
        z, t = z.double().requires_grad_(), t.double()
        assert torch.autograd.gradcheck(lambda v: fitted.correlation(v, t), (z,), atol=1e-4)

    def test_the_max_step_sends_nothing_to_the_encoder(self):
        net = torch.nn.Linear(4, 3)
        for name in METHODS:
            infomin = make_infomin(name, 3, 1, draws(1), slices=4)
            z = net(torch.randn(1, 40, 4))
            infomin.max_step(z, torch.randn(1, 40, 1), draws(1))
            assert net.weight.grad is None, name

    def test_slices_are_fresh_at_every_max_step_and_no_parameters_exist(self):
        infomin, noise = SlicedInfomin(5), draws(1)
        z, t = scalar_pair(n=100, members=1)
        infomin.max_step(z, t, noise)
        first = infomin.solution.theta.clone()
        infomin.max_step(z, t, noise)
        assert not torch.equal(first, infomin.solution.theta)
        assert not list(infomin.parameters())


def test_a_min_step_before_any_max_step_says_so():
    with pytest.raises(RuntimeError, match="max step"):
        SlicedInfomin(3)(torch.randn(1, 5, 2), torch.randn(1, 5, 1))


def test_unknown_method_lists_the_valid_ones():
    with pytest.raises(ValueError, match="slice"):
        make_infomin("slices", 2, 1, draws(1))
