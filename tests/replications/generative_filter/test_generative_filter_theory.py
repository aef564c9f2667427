"""Sections 6.2 and 6.3 against closed forms and simulation, the paper's slips beside the right forms."""

import math

import numpy as np
import pytest

from replications.generative_filter import theory


class TestDivergences:
    def test_kl_of_one_dimension(self):
        assert theory.gaussian_kl(1, 4, 0, 1) == pytest.approx(1.30685, abs=5e-6)

    def test_kl_is_zero_only_for_equals(self):
        cov = np.diag([1.0, 2.0])
        assert theory.gaussian_kl([1, 2], cov, [1, 2], cov) == pytest.approx(0, abs=1e-12)
        assert theory.gaussian_kl([1, 2], cov, [1, 2.1], cov) > 0
        assert theory.gaussian_kl([1, 2], 1.1 * cov, [1, 2], cov) > 0

    def test_equal_covariances_give_half_the_squared_distance(self):
        cov = np.array([[2.0, 0.5], [0.5, 1.0]])
        shift = np.array([0.7, -0.3])
        squared = shift @ np.linalg.solve(cov, shift)
        assert theory.gaussian_kl(shift, cov, [0, 0], cov) == pytest.approx(theory.shift_kl(squared))

    def test_chi2_by_integration_and_as_printed(self):
        x = np.linspace(-12, 14, 200_001)
        density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
        other = np.exp(-0.5 * (x - 1) ** 2) / math.sqrt(2 * math.pi)
        exact = np.trapezoid(0.5 * (other / density - 1) ** 2 * density, x)
        assert theory.shift_half_chi2(1.0) == pytest.approx(exact, rel=1e-6)
        assert theory.shift_half_chi2(1.0) == pytest.approx(0.8591, abs=1e-4)
        assert theory.shift_half_chi2_printed(1.0) == pytest.approx(0.0774, abs=1e-4)  # the slip
        assert theory.shift_half_chi2_printed(1e6) <= 0.5 < theory.shift_half_chi2(1.5)

    @pytest.mark.parametrize("budget", [0.1, 0.4, 3.0])
    def test_bounds_turn_the_two_forms_round(self, budget):
        assert theory.shift_half_chi2(theory.half_chi2_bound(budget)) == pytest.approx(budget)
        printed = theory.half_chi2_bound_printed(budget)
        if budget < 0.5:
            assert theory.shift_half_chi2_printed(printed) == pytest.approx(budget)
        else:
            assert printed == math.inf, "the printed form never reaches it"

    def test_bounds_at_a_tenth(self):
        assert theory.half_chi2_bound(0.1) == pytest.approx(0.18, abs=0.005)
        assert theory.half_chi2_bound_printed(0.1) == pytest.approx(1.19, abs=0.005)

    def test_chi2_is_the_renyi_divergence_of_order_two(self):
        assert 2 * theory.shift_half_chi2(0.8) == pytest.approx(math.expm1(theory.shift_renyi(0.8, 2)))

    def test_small_shifts_agree(self):
        assert theory.shift_half_chi2(0.01) == pytest.approx(theory.shift_kl(0.01), rel=0.01)
        assert theory.shift_renyi(0.01, 1) == theory.shift_kl(0.01)


class TestGaussianMechanism:
    def test_kl_is_the_general_formula(self):
        variances = np.array([0.2, 1.0, 3.0])
        noisy = np.diag(variances + 0.4)
        wanted = theory.gaussian_kl(np.zeros(3), noisy, np.zeros(3), np.diag(variances))
        assert theory.mechanism_kl(0.4, variances) == pytest.approx(wanted)

    def test_printed_form_slips(self):
        assert theory.mechanism_kl(0.5, [1.0]) == pytest.approx(0.0473, abs=1e-4)
        assert theory.mechanism_kl_printed(0.5, [1.0]) == 0  # eq. (16) sees no divergence at all
        assert theory.mechanism_kl_printed(0.5, [2.0]) < 0  # and a divergence is not negative

    def test_zero_rising_and_below_the_realised_shift(self):
        variances = [0.1, 1.0, 2.0]
        values = [theory.mechanism_kl(s, variances) for s in (0, 0.1, 0.5, 2)]
        assert values[0] == 0
        assert np.all(np.diff(values) > 0)
        assert all(theory.mechanism_kl(s, variances) < theory.mechanism_shift(s, variances) for s in (0.1, 0.5, 2))
        assert theory.mechanism_shift(0.5, [1.0]) == pytest.approx(0.25)


class TestTheorem61:
    def test_sigma(self):
        assert theory.private_sigma(1, 0.5, 1e-5) == pytest.approx(9.690, abs=5e-4)

    @pytest.mark.parametrize("epsilon", [0.05, 0.3, 0.9])
    @pytest.mark.parametrize("delta", [1e-6, 1e-3, 0.1])
    def test_it_holds_against_the_exact_delta(self, epsilon, delta):
        sigma = theory.private_sigma(2.0, epsilon, delta)
        assert theory.exact_delta(sigma, 2.0, epsilon) <= delta

    def test_exact_delta_by_simulation(self):
        sigma, sensitivity, epsilon = 1.0, 1.0, 0.5
        x = np.random.default_rng(0).normal(0, sigma, 400_000)
        loss = (2 * sensitivity * x + sensitivity**2) / (2 * sigma**2)  # log density ratio of N(L, .) at L + x
        seen = np.maximum(0, 1 - np.exp(epsilon - loss)).mean()
        assert theory.exact_delta(sigma, sensitivity, epsilon) == pytest.approx(seen, abs=2e-3)

    def test_too_little_noise_is_not_private(self):
        assert theory.exact_delta(0.1 * theory.private_sigma(1, 0.5, 1e-5), 1, 0.5) > 1e-5

    def test_range(self):
        with pytest.raises(ValueError, match=r"\(0, 1\)"):
            theory.private_sigma(1, 1.5, 1e-5)


class TestProposition1:
    def test_corrected_budget_and_the_printed_one(self):
        ones = [1.0] * 10
        assert theory.private_budget(1, 0.5, 1e-5, ones) == pytest.approx(446.68, abs=0.01)
        assert theory.private_budget_printed(1, 0.5, 1e-5, ones) == 0  # eq. (17) asks for nothing

    def test_no_budget_of_the_figures_is_private(self):
        assert theory.private_budget(1, 0.5, 1e-5, [1.0] * 10) > 5
