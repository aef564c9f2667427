"""The paper's configuration."""

import pytest

from common.workflow.config import load_paper


@pytest.fixture(scope="module")
def paper(root):
    return load_paper(root, "attribute_unlearning")
