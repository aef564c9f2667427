"""US Census Demographic Data: one row per county or tract, ACS five-year estimates.

Columns are raw, in the file's order; rows with missing values are kept for the user to drop. There is no official
split: the one here is 80 / 20 at random from seed 0.
"""

import pandas as pd

from common.data.errors import DataError
from common.data.fetch import Located
from common.data.splits import Splits, split_at_random

TARGET = "Poverty"
SENSITIVE = ("Men", "Women")  # the sensitive share is men / (men + women)
SHARES = {"train": 0.8, "test": 0.2}


def read(found: Located) -> tuple[pd.DataFrame, Splits]:
    """Return the rows of the one file of the set, and a split; raises DataError where a column is missing."""
    (path,) = found.files.values()
    frame = pd.read_csv(path, encoding="utf-8")
    missing = [column for column in ("State", "County", "Income", TARGET, *SENSITIVE) if column not in frame]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}: not the census file expected")
    return frame, split_at_random(len(frame), SHARES, seed=0)
