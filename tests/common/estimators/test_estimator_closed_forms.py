"""Information in closed form: Gaussians of 2 to 50 dimensions, Student t, tables, label mixtures, limits."""

import math

import mpmath
import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import multivariate_t

from common.estimators import create
from common.estimators.gaussian import wishart_bias


def pairs(n, d, rho, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho * rho) * generator.normal(size=(n, d)), -0.5 * d * math.log(1 - rho**2)


def gaussian_error(n, d_pairs, rho):
    """Asymptotic standard error of the canonical-correlation estimate: rho / sqrt(n) a pair."""
    return rho * math.sqrt(d_pairs / n)


@pytest.mark.parametrize("name", ["gaussian", "t_copula"])
@pytest.mark.parametrize(("d", "rho"), [(1, 0.9), (2, 0.5), (5, 0.7), (20, 0.5), (25, 0.3)])
def test_gaussians(name, d, rho):
    x, y, truth = pairs(4000, d, rho)
    assert abs(create(name).estimate(x, y) - truth) < 4 * gaussian_error(4000, d, rho)


@pytest.mark.parametrize("copula", [False, True])
def test_gaussian_is_unbiased_in_high_dimension(copula):
    """25 x 25 independent columns, n = 400: the plug-in is high by about d^2 / 2n = 0.78 nats."""
    values, plain = [], []
    for seed in range(20):
        x, y, _ = pairs(400, 25, 0.0, seed)
        values.append(create("gaussian", copula=copula).estimate(x, y))
        plain.append(create("gaussian", copula=copula, bias_correction=False).estimate(x, y))
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(20)
    assert np.mean(plain) > 0.7
    assert np.mean(plain) - np.mean(values) == pytest.approx(wishart_bias(400, 25, 25))


def test_gaussian_takes_linear_maps_and_the_copula_monotone_ones():
    x, y, _ = pairs(800, 3, 0.6)
    mix = np.random.default_rng(1).normal(size=(3, 3))
    plain, copula = create("gaussian"), create("gaussian", copula=True)
    assert plain.estimate(x @ mix + 5, -2 * y) == pytest.approx(plain.estimate(x, y), abs=1e-9)
    assert copula.estimate(np.exp(x), y**3) == pytest.approx(copula.estimate(x, y), abs=1e-12)
    assert copula.estimate(np.tanh(x), y) == pytest.approx(copula.estimate(x, y), abs=1e-12)


def test_deterministic_gaussian_is_infinite():
    x = np.random.default_rng(0).normal(size=(50, 2))
    result = create("gaussian").estimate_with_info(x, x @ [[1.0], [2.0]])
    assert result.mi_estimate == math.inf
    assert result.diverged


@pytest.mark.parametrize(("d", "nu"), [(1, 1), (2, 2), (4, 3)])
def test_student_copula(d, nu):
    """Identity shape: no correlation at all, information from the shared scale alone."""

    def entropy(k):
        half = (nu + k) / 2
        return (
            math.lgamma(nu / 2) - math.lgamma(half) + k / 2 * math.log(nu * math.pi)
            + half * (digamma(half) - digamma(nu / 2))
        )  # fmt: skip

    truth = 2 * entropy(d) - entropy(2 * d)
    z = multivariate_t.rvs(np.zeros(2 * d), np.eye(2 * d), df=nu, size=5000, random_state=0)
    assert create("t_copula").estimate(z[:, :d], z[:, d:]) == pytest.approx(truth, rel=0.12)
    known = create("t_copula", degrees=nu).estimate(np.arcsinh(z[:, :d]), z[:, d:] ** 3)
    assert known == pytest.approx(truth, abs=0.02)
    assert abs(create("gaussian", copula=True).estimate(z[:, :d], z[:, d:])) < 0.02


def test_discrete_tables():
    generator = np.random.default_rng(0)
    table = np.array([[0.3, 0.05, 0.05], [0.1, 0.2, 0.3]])
    truth = (table * np.log(table / (table.sum(1, keepdims=True) * table.sum(0)))).sum()
    plain, corrected = create("discrete", correction="none"), create("discrete")
    values = np.array(
        [
            [e.estimate(*np.divmod(generator.choice(6, 200, p=table.ravel()), 3)) for e in (plain, corrected)]
            for _ in range(300)
        ]
    )
    error = values.std(0) / math.sqrt(300)
    assert abs(values[:, 1].mean() - truth) < 4 * error[1]
    assert values[:, 0].mean() - truth == pytest.approx(2 / 400, abs=4 * error[0])  # (2 - 1)(3 - 1) / 2n


def test_discrete_identities():
    x = np.arange(64) % 4
    assert create("discrete", correction="none").estimate(x, x) == pytest.approx(math.log(4))
    assert create("discrete", correction="none").estimate(x, 3 - x) == pytest.approx(math.log(4))
    assert create("discrete", correction="none").estimate(x, np.arange(64) // 4 % 4) == pytest.approx(0, abs=1e-12)
    both = np.stack([x % 2, x // 2], 1)
    assert create("discrete", correction="none").estimate(x, both) == pytest.approx(math.log(4))


def mixture_information(shift):
    """I(x; label) for labels ±1 and x ~ N(shift label, 1), by high-precision integration."""

    def density(t):
        return (mpmath.npdf(t, shift, 1) + mpmath.npdf(t, -shift, 1)) / 2

    limit = shift + 12
    entropy = -mpmath.quad(lambda t: density(t) * mpmath.log(density(t)), mpmath.linspace(-limit, limit, 9))
    return float(entropy - mpmath.log(2 * mpmath.pi * mpmath.e) / 2)


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_label_mixtures(shift):
    truth = mixture_information(shift)
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 4000)
    x = generator.normal(size=(4000, 2))
    x[:, 0] += shift * (2 * labels - 1)
    for method in ("ross", "gao"):
        assert create("mixed_ksg", method=method).estimate(x, labels) == pytest.approx(truth, abs=0.03)
    value = create("classifier").estimate(x, labels)
    assert truth - 0.05 < value < truth + 0.04
    assert create("auto").estimate(x, labels) == pytest.approx(truth, abs=0.04)


def test_separated_labels_reach_the_entropy_and_never_pass_it():
    """Two components of correlation ±0.99 in ten pairs of coordinates: I = ln 2."""
    generator = np.random.default_rng(0)
    labels = np.arange(3000) % 2
    a, e = generator.normal(size=(2, 3000, 10))
    rho = np.where(labels, 0.99, -0.99)[:, None]
    x = np.hstack([a, rho * a + math.sqrt(1 - 0.99**2) * e])
    products = x[:, :10] * x[:, 10:]
    value = create("classifier").estimate(products, labels)
    assert 0.66 < value <= math.log(2) + 1e-9
    assert create("mixed_ksg").estimate(products, labels) == pytest.approx(math.log(2), abs=0.01)


def test_gao_on_a_mixture_with_atoms():
    """x is discrete, y = x or noise: the discrete plug-in is exact, and so must the neighbours be."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 3, 2000)
    y = np.where(generator.random(2000) < 0.7, x, generator.integers(0, 3, 2000))
    expected = create("discrete", correction="none").estimate(x, y)
    assert create("mixed_ksg", method="gao").estimate(x, y) == pytest.approx(expected, abs=0.01)
