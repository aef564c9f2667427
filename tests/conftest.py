import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples at each run: what is green here is green elsewhere, and what was found once is found again.
settings.register_profile("expunge", derandomize=True, deadline=None, database=None)
settings.load_profile("expunge")

# Jobs that tests start run on one thread: the suite itself runs on as many workers as there are cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root():
    return Path(__file__).resolve().parents[1]
