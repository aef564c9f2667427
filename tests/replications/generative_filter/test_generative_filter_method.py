"""The filter, its budget and the routing of its gradients against what can be known without training."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import one_hot

from common.losses.classes import stacked_cross_entropy
from common.training.routing import Route, send
from common.training.seeding import generator
from replications.generative_filter import method, vae


def draws(n):
    return [generator("test", k) for k in range(n)]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


class TestShapes:
    def test_networks_have_the_papers_sizes(self):
        assert parameters(vae.mnist_vae(draws(1))) == 661_404
        assert parameters(method.classifier(10, 10, draws(1))) == 325
        assert parameters(method.classifier(10, 2, draws(1))) == 197
        assert parameters(method.classifier(50, 2, draws(1), hidden=60)) == 3_182
        for classes, count in ((10, 200), (2, 120)):
            assert parameters(method.LinearFilter(10, 10, classes, draws(1))) == count
        assert parameters(method.LinearFilter(50, 50, 2, draws(1))) == 2_600


class TestVAE:
    def test_kl_is_torchs(self):
        mean, log_variance = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
        normal = torch.distributions.Normal
        wanted = torch.distributions.kl_divergence(normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0)).sum(-1)
        torch.testing.assert_close(vae.kl_to_prior(mean, log_variance), wanted)
        assert vae.kl_to_prior(torch.zeros(4), torch.zeros(4)) == 0

    def test_reconstruction_is_torchs(self):
        logits, x = torch.randn(1, 4, 6), torch.rand(1, 4, 6).round()
        wanted = -torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)
        torch.testing.assert_close(vae.reconstruction_loss(logits, x), wanted)

    def test_variance_has_a_floor(self):
        net = vae.mnist_vae(draws(1))
        with torch.no_grad():
            net.encoder.layers[-1].bias.fill_(-100)
        assert net.encode(torch.zeros(1, 2, 784))[1].exp().min() >= vae.LEAST_VARIANCE * 0.999

    def test_member_of_a_stack_is_the_seed_alone(self):
        x, noise = torch.rand(2, 7, 784), torch.randn(2, 7, 10)
        both = vae.mnist_vae(draws(2))(x, noise)
        alone = vae.mnist_vae([generator("test", 1)])(x[1:], noise[1:])
        for stacked, single in zip(both, alone, strict=True):
            torch.testing.assert_close(stacked[1:], single)


def random_filter(seed, members=2, classes=3):
    filt = method.LinearFilter(4, 4, classes, [generator("f", seed, k) for k in range(members)])
    with torch.no_grad():
        filt.A.mul_(100 * torch.rand(members, 1, 1, generator=generator("scale", seed)))
    return filt


def weights_of(seed, members=2, classes=3):
    g = generator("w", seed)
    shares = torch.rand(members, classes, generator=g) + 0.1
    return shares / shares.sum(-1, keepdim=True), 0.1 + 3 * torch.rand(members, classes, 4, generator=g)


class TestFilter:
    def test_shift_lies_in_the_column_space(self):
        filt = method.LinearFilter(10, 2, 2, draws(1))
        shift = filt.shift(torch.randn(1, 50, 2), torch.randint(0, 2, (1, 50)))[0].T
        basis = torch.linalg.qr(filt.A[0].detach())[0]
        torch.testing.assert_close(basis @ (basis.T @ shift), shift, atol=1e-6, rtol=1e-4)

    def test_zero_matrix_is_the_identity(self):
        filt = method.LinearFilter(10, 10, 10, draws(1))
        with torch.no_grad():
            filt.A.zero_()
        assert torch.count_nonzero(filt.shift(torch.randn(1, 9, 10), torch.zeros(1, 9, dtype=torch.long))) == 0

    def test_expected_distortion_is_the_mean_over_draws(self):
        filt, (shares, precision) = random_filter(0, classes=2), weights_of(0, classes=2)
        n = 400_000
        eps = torch.randn(2, n, 4, generator=generator("eps"))
        y = (torch.rand(2, n, generator=generator("y")) < shares[:, 1:]).long()
        weight = torch.einsum("mnc,mcd->mnd", one_hot(y, 2).float(), precision)
        seen = 0.5 * (filt.shift(eps, y).square() * weight).sum(-1).mean(-1)
        torch.testing.assert_close(filt.distortion(shares, precision), seen, rtol=0.01, atol=0)

    def test_gaussian_distortion_is_the_mean_over_draws(self):
        mechanism, (shares, precision) = method.GaussianMechanism(4, 2, 0.7), weights_of(1)
        wanted = 0.5 * 0.49 * (shares[..., None] * precision).sum((1, 2))
        torch.testing.assert_close(mechanism.distortion(shares, precision), wanted)
        ones = torch.ones(2, 3, 4)
        torch.testing.assert_close(mechanism.distortion(shares, ones), torch.full((2,), 0.5 * 4 * 0.49))

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10_000), budget=st.floats(0.01, 10))
    def test_budget_is_met(self, seed, budget):
        shares, precision = weights_of(seed)
        wanted = torch.tensor([budget, 2 * budget])
        for mechanism in (random_filter(seed), method.GaussianMechanism(4, 2, 3.0)):
            before = mechanism.distortion(shares, precision).detach()
            after = method.meet_budget(mechanism, wanted, shares, precision)
            assert torch.all(after <= wanted * 1.001)
            inside = before <= wanted
            torch.testing.assert_close(after[inside], before[inside])  # what keeps to its budget stays as it is

    def test_hinge_pushes_only_beyond_the_budget(self):
        spent = torch.tensor([1.0, 4.0], requires_grad=True)
        zero = torch.zeros(2)
        method.filter_loss(zero, zero, spent, torch.tensor([2.0, 3.0]), 1.0, 10.0).sum().backward()
        torch.testing.assert_close(spent.grad, torch.tensor([0.0, 20.0]))


class TestLosses:
    def test_signs(self):
        """The filter climbs the adversary's cross-entropy and descends the utility's."""
        adversary, utility = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
        method.filter_loss(adversary, utility, torch.zeros(1), torch.ones(1), beta=0.5, rho=1.0).sum().backward()
        assert (float(adversary.grad), float(utility.grad)) == (-1.0, 0.5)

    def test_cross_entropy_of_no_idea(self):
        logits, y = torch.zeros(2, 6, 10), torch.randint(0, 10, (2, 6))
        torch.testing.assert_close(stacked_cross_entropy(logits, y), torch.full((2,), math.log(10)))

    def test_routing(self):
        """A's turn reaches A alone; h's and nu's turns reach h and nu alone."""
        filt, h, nu = random_filter(3), method.classifier(4, 3, draws(2)), method.classifier(4, 2, draws(2))
        parts = {"filter": list(filt.parameters()), "h": list(h.parameters()), "nu": list(nu.parameters())}
        z, y, u = torch.randn(2, 8, 4), torch.randint(0, 3, (2, 8)), torch.randint(0, 2, (2, 8))
        released = z + filt.shift(torch.randn(2, 8, 4), y)
        ce_h, ce_nu = (stacked_cross_entropy(net(released), v) for net, v in ((h, y), (nu, u)))
        loss = method.filter_loss(ce_h, ce_nu, torch.zeros(2), torch.ones(2), 1.0, 1.0)
        assert trained(Route(loss, to=("filter",), name="filter"), parts) == {"filter"}
        ce_h = stacked_cross_entropy(h(released.detach()), y)
        assert trained(Route(ce_h, to=("h",), name="h"), parts) == {"h"}
        ce_nu = stacked_cross_entropy(nu(released.detach()), u)
        assert trained(Route(ce_nu, to=("nu",), name="nu"), parts) == {"nu"}


def trained(route, parts):
    """Return the parts that a route's gradient moves."""
    for tensors in parts.values():
        for tensor in tensors:
            tensor.grad = None
    send([route], parts)
    return {name for name, tensors in parts.items() if any(t.grad is not None and t.grad.any() for t in tensors)}


@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_mechanism_draws_what_it_says(sigma):
    shift = method.GaussianMechanism(3, 1, sigma).shift(torch.randn(1, 100_000, 3), torch.zeros(1, 1))
    assert float(shift.detach().std()) == pytest.approx(sigma, rel=0.02)
