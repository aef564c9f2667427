import math

import pytest
import torch

from common.training.schedules import Cosine, MultiStep, Plateau, Schedule


def drops(schedule, values, rate=0.1):
    """Return after which epochs (from 1) the rate fell, and after which it stopped, for one value per epoch."""
    found, before = [], 1.0
    for epoch, value in enumerate(values, 1):
        schedule.after_epoch({"loss": [value]}, rate)
        if schedule.factor(epoch, 0, 1) != before:
            found.append(epoch)
            before = schedule.factor(epoch, 0, 1)
        if schedule.stop:
            return found, epoch
    return found, None


def test_multi_step_is_torchs():
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    theirs, ours = torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 5]), MultiStep([3, 5])
    for epoch in range(8):
        assert 0.1 * ours.factor(epoch, 0, 1) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12)
        optimiser.step()
        theirs.step()


def test_a_loss_that_stays_drops_after_epochs_11_21_31_and_then_stops():
    rule = Plateau("loss", patience=9, stop_below=1e-3)
    assert drops(rule, [1.0] * 100) == ([11, 21, 31], 31)


def test_torchs_own_counting_with_patience_10_and_cooldown_5_drops_after_12_28_44():
    assert drops(Plateau("loss", patience=10, cooldown=5, stop_below=1e-3), [1.0] * 100) == ([12, 28, 44], 44)


def test_plateau_is_torchs_on_a_noisy_curve():
    torch.manual_seed(0)
    values = (torch.rand(200).cumsum(0) * -0.01 + torch.rand(200)).tolist()
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, patience=4, cooldown=3, threshold=0.0, threshold_mode="abs", eps=0
    )
    ours = Plateau("loss", patience=4, cooldown=3)
    for value in values:
        theirs.step(value)
        ours.after_epoch({"loss": [value]}, 1.0)
        assert ours.factor(0, 0, 1) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)


def test_plateau_counts_nan_as_no_improvement_and_names_a_missing_metric():
    assert drops(Plateau("loss", patience=1), [math.nan] * 3)[0] == [2]
    with pytest.raises(KeyError, match="waits for 'val'; the epoch found loss"):
        Plateau("val", 1).after_epoch({"loss": [1.0]}, 0.1)
    with pytest.raises(ValueError, match="for one model"):
        Plateau("loss", 1).after_epoch({"loss": [1.0, 2.0]}, 0.1)


def test_plateau_goes_on_where_it_was():
    whole, first, again = (Plateau("loss", patience=2, cooldown=1, stop_below=0.01) for _ in range(3))
    values = [1, 0.9, 0.95, 0.93, 0.92, 0.91, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95]
    for value in values[:6]:
        first.after_epoch({"loss": [value]}, 0.1)
    again.load_state_dict(first.state_dict())
    for value in values:
        whole.after_epoch({"loss": [value]}, 0.1)
    for value in values[6:]:
        again.after_epoch({"loss": [value]}, 0.1)
    assert again.state_dict() == whole.state_dict()


def test_cosine_rises_to_one_falls_to_its_floor_and_passes_the_middle_half_way():
    plain = Cosine()
    assert plain.factor(0, 0, 100) == 1
    assert plain.factor(0, 50, 100) == pytest.approx(0.5)
    assert plain.factor(0, 100, 100) == pytest.approx(0)
    warm = Cosine(warm_up=0.1, floor=0.2)
    factors = [warm.factor(0, step, 100) for step in range(100)]
    assert factors[0] > 0
    assert factors[:10] == sorted(factors[:10])
    assert max(factors) == factors[10] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert warm.factor(0, 100, 100) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="share"):
        Cosine(warm_up=5)


def test_the_constant_schedule():
    assert Schedule().factor(99, 99, 100) == 1
