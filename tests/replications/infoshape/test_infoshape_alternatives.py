"""The staircase and the estimators in ReMINE's place: limits, gradients, interruption, clear errors."""

import math

import numpy as np
import pytest
import torch

from common.data.gaussians import rho_of_information
from common.estimators.interpolated import Interpolated
from common.training.checkpoint import save_tensors
from common.training.seeding import generator
from common.workflow.config import ConfigError
from replications.infoshape import alternatives, staircase
from replications.infoshape.codes import frozen_encoder, named

STAIRS = {
    "estimators": ["infonce", "nwj"],
    "dim": 20,
    "batch": 16,
    "information": [2.0, 10.0],
    "steps": 20,
    "judged": 10,
    "shown_every": 5,
    "critic": "separable",
    "hidden": [16],
    "rank": 8,
    "lr": 1e-2,
    "alpha": 0.1,
}


class TestStaircase:
    def test_stairs_have_the_sheets_correlations(self):
        found = [round(rho_of_information(20, i), 4) for i in (2, 4, 6, 8, 10)]
        assert found == [0.4258, 0.5742, 0.6717, 0.7421, 0.7951]

    def test_a_seeds_rows_are_the_same_for_every_estimator_and_the_stair_changes_in_time(self):
        first, second = (staircase.stairs(STAIRS | {"batch": 4000}, 3) for _ in range(2))
        for step, information in ((0, 2.0), (19, 2.0), (20, 10.0)):
            (x, y), other = first(step), second(step)
            assert torch.equal(x, other[0])
            rho = float((x * y).mean())
            assert rho == pytest.approx(rho_of_information(20, information), abs=0.02)

    def test_infonce_stays_below_ln_k(self):
        high = STAIRS | {"information": [20.0], "steps": 300, "hidden": [64], "rank": 16, "lr": 5e-3}
        values = staircase.climb("infonce", high, 0)
        assert values.shape == (300,)
        assert 0.95 * math.log(16) < values.max() <= math.log(16) + 1e-5, "at 20 nats it presses on its limit"

    def test_a_lost_estimate_is_a_diverged_record_with_its_step(self):
        values = np.full(40, 2.0)
        values[31:] = np.nan
        found = staircase.summarise("nwj", values, STAIRS)
        assert (found.status, found.metrics["nwj_mean_2"], found.metrics["nwj_rmse_2"]) == ("diverged", 2.0, 0.0)
        assert "nwj_mean_10" not in found.metrics
        assert "step 31" in found.message
        assert staircase.merge([found, staircase.summarise("dv", np.ones(40), STAIRS)]).metrics["dv_mean_10"] == 1


PARAMS = {"estimator": "interpolated", "alpha": 0.5, "batch": 16, "critic_lr": 1e-2}


class TestAlternatives:
    def fitted(self, **changes):
        p = PARAMS | changes
        x = torch.randn(2, 200, 2, generator=generator("test"))
        y = x[..., :1] + 0.1 * torch.randn(2, 200, 1, generator=generator("test", 2))
        roles = ([generator("init", k) for k in range(2)], [generator("order", k) for k in range(2)])
        return x, y, alternatives.fit(alternatives.estimator(p), x, y, 60, p, *roles)

    def test_i_alpha_stays_below_its_limit(self):
        assert isinstance(alternatives.estimator(PARAMS), Interpolated)
        x, y, found = self.fitted()
        rows, limit = torch.arange(16).expand(2, 16), math.log(16 / 0.5) + 1
        for sure in (2.0, 8.0, 60.0):  # scores of a critic that tells each pair from all others, surer and surer
            found.parts["critic"].matrix = lambda *_, sure=sure: (sure * (2 * torch.eye(16) - 1)).expand(2, 16, 16)
            assert (found.value(x, y, rows) <= limit + 1e-4).all()
        assert (found.value(x, y, rows) > limit - 0.01).all(), "and the surest presses on it"

    @pytest.mark.parametrize("name", ["remine", "smile", "interpolated"])
    def test_estimates_rise_and_reach_the_code(self, name):
        x, y, found = self.fitted(estimator=name)
        rows = torch.arange(100, 116).expand(2, 16)
        leaf = y.clone().requires_grad_()
        value = found.value(x, leaf, rows)
        assert (value > 0.3).all(), "I(x;y) is 2.3 nats"
        value.sum().backward()
        assert leaf.grad[:, 100:116].abs().sum() > 0
        assert leaf.grad[:, :100].abs().sum() == 0


class TestCodes:
    def test_an_epoch_that_was_not_kept_is_one_clear_line(self, tmp_path):
        class Job:
            @staticmethod
            def weights_path(seed, cell):
                return tmp_path / f"{cell.replace('/', '-')}-{seed}.safetensors"

        save_tensors(Job.weights_path(0, "encoder_a/thesis"), {}, {"epochs": [0, 5, 10]})
        with pytest.raises(ConfigError, match=r"encoder_a/thesis seed 0: no encoder of epoch 7; kept: 0, 5, 10"):
            frozen_encoder(Job, 0, "encoder_a/thesis", 7)
        with pytest.raises(FileNotFoundError, match="run the experiment that leaves them"):
            frozen_encoder(Job, 1, "encoder_a/thesis", 0)

    def test_names(self):
        assert named("encoder_d/thesis", 0) == "untrained"
        assert named("encoder_d/thesis", -1) == "d_trained"
        assert named("encoder_a/thesis", 5) == "a_5"
