"""Section 3.2's updates on the smallest networks: what they see, that they repeat, and what the term does."""

import pytest
import torch

from common.workflow.config import load_paper, resolve_params
from replications.irene.updates import one_seed, play, rows


@pytest.fixture(scope="module")
def p(root):
    return {**resolve_params(load_paper(root, "irene"), "updates", "exact", "quick", {}), "epochs": 20}


def test_the_target_says_nothing_of_v_and_every_class_has_as_many_rows():
    found = rows(1000, 10, torch.Generator().manual_seed(0))
    assert torch.bincount(found["v"]).tolist() == [100] * 10
    assert found["x"].shape == (1000, 12)
    shares = [float(found["y"][found["v"] == k].double().mean()) for k in range(10)]
    assert max(abs(share - 0.5) for share in shares) < 0.2


def test_a_seed_repeats_and_both_numbers_of_classes_are_told(p):
    first = one_seed(0, {**p, "epochs": 1}).metrics
    assert first == one_seed(0, {**p, "epochs": 1}).metrics
    assert {f"{m}_{n}" for m in ("h", "g", "away", "most_away", "proxy") for n in ("ten", "two")} == set(first)


def test_the_term_blinds_h_of_ten_classes_and_leaves_g(p):
    free, pressed = (play(0, "ten", {**p, "gamma": gamma}) for gamma in (0.0, 0.5))
    assert free["h_ten"] > 80
    assert pressed["h_ten"] < 60
    assert pressed["away_ten"] < free["away_ten"] / 3
    assert min(free["g_ten"], pressed["g_ten"]) > 95


def test_of_two_classes_h_stays_sure(p):
    """The proxy asks for independence, not for 1/C."""
    assert play(0, "two", p)["away_two"] > 0.2
