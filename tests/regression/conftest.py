"""The golden paper's checkout, with its numbers accepted or not, as the working directory."""

import golden_house
import pytest

from common.workflow.__main__ import main


@pytest.fixture
def house(tmp_path, monkeypatch):
    golden_house.build(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def accepted(house):
    """Accepted at both scales."""
    assert main(["accept", *golden_house.QUICK]) == 0
    assert main(["accept", *golden_house.PAPER]) == 0
    return house
