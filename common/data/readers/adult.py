"""Adult (census income): 32,561 + 16,281 people, 14 features and income (Becker & Kohavi, 1996).

Columns are raw: text categories stripped, an unknown one "?", income "<=50K" or ">50K" in both files.
"""

import pandas as pd

from common.data.decoded import consecutive_splits
from common.data.errors import DataError
from common.data.fetch import Located
from common.data.splits import Splits

COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
)
TARGET = "income"
SENSITIVE = ("sex", "age", "race")


def read(found: Located) -> tuple[pd.DataFrame, Splits]:
    """Return the people of both files, one below the other, and the official split.

    Raises DataError for an income that is neither of the two.
    """
    parts = {
        split: pd.read_csv(
            found.files[f"adult.{suffix}"],
            names=list(COLUMNS),
            skipinitialspace=True,
            comment="|",  # the test file opens with a line of remark
            keep_default_na=False,
        )
        for split, suffix in (("train", "data"), ("test", "test"))
    }
    frame = pd.concat(parts.values(), ignore_index=True)
    frame[TARGET] = frame[TARGET].str.rstrip(".")
    if not frame[TARGET].isin(["<=50K", ">50K"]).all():
        raise DataError("adult: an income is neither <=50K nor >50K; fetch the files again")
    return frame, consecutive_splits({split: len(part) for split, part in parts.items()})
