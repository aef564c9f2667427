"""What figures and tables take from records, on records made by hand."""

import pandas as pd

from common.results import Origin, Record, write
from common.results.select import of, seeds_in_words, values
from common.results.tables import spread, write_table
from tests.handmade import PROVENANCE


def record(experiment, variant, seed, status="ok", **metrics):
    return Record(
        paper="p",
        experiment=experiment,
        variant=variant,
        scale="quick",
        dataset=Origin(name="d", kind="generated", sha256="0" * 64),
        seed=seed,
        metrics=metrics,
        series={},
        params={},
        provenance=PROVENANCE,
        status=status,
        message="" if status == "ok" else "step 5: loss is nan",
    )


RECORDS = [record("a", "x", 0, m=1.0), record("a", "x", 1, m=3.0), record("a", "y", 0, n=2.0), record("b", "x", 0)]


def test_of_takes_an_experiment_or_one_cell():
    assert of(RECORDS, "a") == RECORDS[:3]
    assert of(RECORDS, "a", "x") == RECORDS[:2]
    assert of(RECORDS, "b", "y") == []


def test_values_are_those_of_the_records_that_have_the_metric():
    assert values(RECORDS, "m").tolist() == [1.0, 3.0]
    assert values(RECORDS, "nowhere").shape == (0,)


def test_spread_is_mean_and_sd_over_seeds():
    assert spread(RECORDS, "m", 2) == "2.00 ± 1.41"  # n - 1 in the denominator
    assert spread(RECORDS, "n", 1) == "2.0", "one seed has no spread"
    assert spread(RECORDS, "nowhere") == ""
    assert spread(RECORDS, "m", 2, "e") == "2.00e+00 ± 1.41e+00"


def test_seeds_are_counted_in_each_cell_and_those_that_ended_well_alone():
    assert seeds_in_words(RECORDS) == "1 to 2 seeds"
    assert seeds_in_words(of(RECORDS, "a", "x")) == "2 seeds"
    assert seeds_in_words(of(RECORDS, "a", "y")) == "1 seed"
    apart = [record("a", "x", 0), record("a", "y", 1), record("a", "z", 2)]
    assert seeds_in_words(apart) == "1 seed", "three seeds in all, and none of the means is over more than one"
    assert seeds_in_words([*apart, record("b", "x", 0, status="diverged")]) == "0 to 1 seeds"
    assert seeds_in_words([*apart, record("b", "x", 0, status="diverged")], lost_too=True) == "1 seed"
    assert seeds_in_words([record("b", "x", 0, status="failed")]) == "0 seeds"


def test_a_diverged_seed_is_in_no_mean_and_the_table_says_so(tmp_path):
    records = [record("a", "x", 0, m=1.0), record("a", "x", 1, m=3.0), record("a", "x", 2, status="diverged", m=100.0)]
    assert values(records, "m").tolist() == [1.0, 3.0]
    assert spread(records, "m", 2) == "2.00 ± 1.41"
    paths = [str(write(tmp_path, r)) for r in records]
    apart = "over 2 seeds; scale quick; data d (generated)."
    for chosen, words in ((paths, f"{apart} Of 3 runs 1 diverged: in no mean."), (paths[:2], apart)):
        made = {"t": lambda found: pd.DataFrame([(spread(found, "m"),)], columns=["m"])}
        assert write_table(["t", str(tmp_path / "t.md"), "--records", *chosen], "p", made, "") == 0
        assert (tmp_path / "t.md").read_text().rstrip().endswith(words)
