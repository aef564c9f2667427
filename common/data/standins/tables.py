"""Sampled tables with the real columns, in place of Adult, US Census and Communities and Crime.

Their rows are drawn from a few hidden factors, so that target and sensitive columns depend on one another and on the
rest; no value comes from the real tables.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.data.decoded import consecutive_splits
from common.data.readers import adult, communities, us_census
from common.data.registry import Reader
from common.data.splits import Splits, split_at_random

_ADULT_SIZES = {"train": 4000, "test": 1500}
_COUNTIES = 3000
_COMMUNITIES = 1500
CENSUS_COLUMNS = tuple(
    """CensusId State County TotalPop Men Women Hispanic White Black Native Asian Pacific Citizen Income IncomeErr
    IncomePerCap IncomePerCapErr Poverty ChildPoverty Professional Service Office Construction Production Drive
    Carpool Transit Walk OtherTransp WorkAtHome MeanCommute Employed PrivateWork PublicWork SelfEmployed FamilyWork
    Unemployment""".split()  # noqa: SIM905 - one name a line would fill a page
)
_DEGREES = ("HS-grad", "Some-college", "Bachelors", "Masters")
_YEARS = (9, 10, 13, 14)


_CENSUS_NAMES = {  # where a census file names a column unlike the county file of 2015
    "us-census-county-2017": {"CensusId": "CountyId", "Citizen": "VotingAgeCitizen"},
    "us-census-tract": {"CensusId": "CensusTract"},
}


def sample(reader: Reader, name: str) -> tuple[pd.DataFrame, Splits]:
    """Return the frame and the split that stand in for what the reader would have read of a set."""
    generator = np.random.default_rng(0)
    frame, splits = {"adult": _adult, "us_census": _census, "communities": _communities}[reader](generator)
    return frame.rename(columns=_CENSUS_NAMES.get(name, {})), splits


def _adult(generator: np.random.Generator) -> tuple[pd.DataFrame, Splits]:
    n = sum(_ADULT_SIZES.values())
    male = generator.random(n) < 0.67
    age = np.clip(np.rint(generator.gamma(8, 5, n)), 17, 90)
    degree = generator.choice(4, n, p=(0.4, 0.3, 0.2, 0.1))
    married = generator.random(n) < np.where(male, 0.6, 0.25) * np.minimum(1, age / 40)
    hours = np.clip(np.rint(generator.normal(np.where(male, 43, 37), 10)), 1, 99)
    odds = -5.5 + 0.8 * degree + 1.8 * married + 0.03 * age + 0.02 * hours + 0.3 * male
    rich = generator.random(n) < 1 / (1 + np.exp(-odds))
    spouse = np.where(male, "Husband", "Wife")
    gain = np.where(rich & (generator.random(n) < 0.2), generator.integers(3000, 15000, n), 0)
    columns = {
        "age": age.astype(np.int64),
        "workclass": _choose(generator, n, "Private", "Self-emp-not-inc", "Local-gov", "?"),
        "fnlwgt": generator.integers(20_000, 400_000, n),
        "education": np.asarray(_DEGREES)[degree],
        "education-num": np.asarray(_YEARS)[degree],
        "marital-status": np.where(married, "Married-civ-spouse", "Never-married"),
        "occupation": np.where(
            generator.random(n) < 0.2 + 0.2 * degree,
            "Prof-specialty",
            np.where(male, "Craft-repair", "Adm-clerical"),
        ),
        "relationship": np.where(married, spouse, "Not-in-family"),
        "race": _choose(generator, n, "White", "Black", "Asian-Pac-Islander", "Other"),
        "sex": np.where(male, "Male", "Female"),
        "capital-gain": gain,
        "capital-loss": np.where(generator.random(n) < 0.05, 1900, 0),
        "hours-per-week": hours.astype(np.int64),
        "native-country": _choose(generator, n, "United-States", "Mexico", "?", "Canada"),
        "income": np.where(rich, ">50K", "<=50K"),
    }
    return pd.DataFrame(columns)[list(adult.COLUMNS)], consecutive_splits(_ADULT_SIZES)


def _census(generator: np.random.Generator) -> tuple[pd.DataFrame, Splits]:
    n = _COUNTIES
    values = _from_factors(generator, n, len(CENSUS_COLUMNS) - 3)
    frame = pd.DataFrame(100 * values, columns=list(CENSUS_COLUMNS[3:]))
    # men and women are counts whose share leans on the hidden factors; income falls with poverty
    share = 0.47 + 0.06 * frame["Hispanic"] / 100
    people = np.rint(np.exp(generator.normal(10, 1.2, n))) + 100
    frame["Men"] = np.rint(people * share)
    frame["Women"] = people - frame["Men"]
    frame["TotalPop"] = people
    frame["Poverty"] = (0.5 * frame["Unemployment"] + 0.3 * frame["Service"]).round(1)
    frame["ChildPoverty"] = np.clip(1.4 * frame["Poverty"] + generator.normal(0, 2, n), 0, 100).round(1)
    frame["Income"] = 80_000 - 700 * frame["Poverty"] + generator.normal(0, 3000, n).round()
    frame.insert(0, "CensusId", np.arange(1, n + 1))
    frame.insert(1, "State", _choose(generator, n, "North", "South", "East", "West"))
    frame.insert(2, "County", [f"County {k}" for k in range(n)])
    frame = frame[list(CENSUS_COLUMNS)]
    return frame, split_at_random(n, us_census.SHARES, seed=0)


def _communities(generator: np.random.Generator) -> tuple[pd.DataFrame, Splits]:
    n = _COMMUNITIES
    names = list(communities.COLUMNS)
    frame = pd.DataFrame(_from_factors(generator, n, len(names)).round(2), columns=names)
    noise = generator.normal(0, 0.05, n)
    crime = 0.5 * frame["racepctblack"] + 0.4 * (1 - frame["medIncome"]) + noise
    frame[communities.TARGET] = np.clip(crime, 0, 1).round(2)
    frame["state"] = generator.integers(1, 57, n)
    frame["communityname"] = [f"Town{k}city" for k in range(n)]
    frame["fold"] = np.arange(n) % 10 + 1
    unknown = [name for name in names if name.startswith(("Lemas", "Polic", "PctPolic"))]
    frame.loc[generator.random(n) < 0.84, unknown] = np.nan  # police figures are known of few towns
    frame.loc[generator.random(n) < 0.6, ["county", "community"]] = np.nan
    return frame, communities.split_by_fold(frame)


def _from_factors(generator: np.random.Generator, n: int, width: int) -> NDArray[np.float64]:
    """Return columns in (0, 1) that share four hidden factors."""
    hidden = generator.normal(size=(n, 4)) @ generator.normal(size=(4, width))
    return 1 / (1 + np.exp(-(0.6 * hidden + 0.5 * generator.normal(size=(n, width)))))


def _choose(generator: np.random.Generator, n: int, *values: str) -> NDArray[np.str_]:
    """Draw the first value most often."""
    rest = 0.25 / (len(values) - 1)
    return generator.choice(values, n, p=(0.75, *[rest] * (len(values) - 1)))
