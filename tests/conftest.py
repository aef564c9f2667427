import os
from pathlib import Path

import pytest

# Jobs that tests start run on one thread: the suite itself runs on as many workers as there are cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root():
    return Path(__file__).resolve().parents[1]
