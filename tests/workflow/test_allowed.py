"""What settings may be: each refusal is one line that names the setting and what is valid."""

import math
import re

import pytest

from common.workflow.allowed import above_zero, at_least, one_of
from common.workflow.config import ConfigError


def refused(message):
    return pytest.raises(ConfigError, match=f"^{re.escape(message)}$")


def test_a_name_is_one_of_those_there_are():
    one_of("e", {"method": "slice"}, "method", ("slice", "tc"))
    one_of("e", {}, "method", ("slice", "tc"))
    with refused("e: method: 'slcie'; did you mean 'slice'? valid: slice, tc"):
        one_of("e", {"method": "slcie"}, "method", ("slice", "tc"))
    with refused("e: depth: 20; valid: 18, 34"):
        one_of("e", {"depth": 20}, "depth", (18, 34))


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, True, None, "a", [1]])
def test_a_number_has_a_least(value):
    at_least("e", {"weight": 0, "other": value}, {"weight": 0})
    with refused(f"e: weight: {value!r}; valid: 0 or more"):
        at_least("e", {"weight": value}, {"weight": 0})


def test_a_whole_number_is_no_fraction():
    at_least("e", {"steps": 3}, {"steps": 1}, whole=True)
    with refused("e: steps: 2.5; valid: a whole number, 1 or more"):
        at_least("e", {"steps": 2.5}, {"steps": 1}, whole=True)


def test_a_rate_is_above_nought():
    above_zero("e", {"lr": 1e-4}, ["lr", "other"])
    with refused("e: lr: 0; valid: above 0"):
        above_zero("e", {"lr": 0}, ["lr"])
