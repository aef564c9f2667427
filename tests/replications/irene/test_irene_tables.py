"""IRENE's tables on records made by hand: whose accuracy it is, over which seeds, and of runs that ended well."""

from replications.irene.tables import TABLES
from tests.handmade import made

LOST = {"status": "diverged", "message": "rho 0.1: the loss is nan"}
READ = {"free_linear_balanced_0.1": 70.0, "linear_balanced_0.1": 60.0, "free_linear_information_0.1": 1.5}


def test_a_seed_that_diverged_is_in_no_mean_and_not_counted():
    params = {"rhos": [0.1]}
    records = [
        made("biased_mnist", "irene", 0, metrics={"g_0.1": 94.0, "h_0.1": 20.0}, params=params),
        made("biased_mnist", "irene", 1, metrics={"g_0.1": 10.0}, params=params, **LOST),
        made("biased_mnist_attack", "irene", 0, metrics=READ),
        made("biased_mnist_attack", "irene", 1, **LOST),
    ]
    (row,) = TABLES["leakage_mnist"](records).to_dict("records")
    assert row["seeds"] == "1"
    assert (row["G (%)"], row["co-trained H (%)"]) == ("94.0", "20.0")
    assert row["linear, colours as trained, balanced (%)"] == "60.0"
    assert row["linear, independent colours, balanced (%)"] == "70.0"
    assert row["linear, independent colours (nats)"] == "1.50"


def test_faces_count_what_ended_well():
    read = {"linear_balanced_blond": 75.0, "output_balanced_blond": 55.0}
    records = [
        made("celeba", "irene_g01", 0, metrics={"g_blond": 92.0, "h_blond": 53.0, "h_balanced_blond": 57.0}),
        made("celeba", "irene_g01", 1, **LOST),
        made("celeba_attack", "irene_g01", 0, metrics=read),
        made("celeba_attack", "irene_g01", 1, **LOST),
    ]
    row = TABLES["leakage_faces"](records).to_dict("records")[0]
    assert (row["target"], row["seeds"], row["linear balanced (%)"]) == ("Blond hair", "1", "75.0")
    assert (row["co-trained H (%)"], row["H balanced (%)"], row["from G's output, balanced (%)"]) == (
        "53.0",
        "57.0",
        "55.0",
    )
    assert TABLES["table1"](records).to_dict("records")[0]["seeds"] == "1"


def test_table_1_shows_what_a_constant_and_what_the_target_alone_reach():
    seen = {"g": 97.0, "g_balanced": 80.0, "majority": 94.3, "h": 60.0, "floor": 63.9, "floor_balanced": 53.8}
    record = made("celeba", "irene_g1", 0, metrics={f"{name}_glasses": value for name, value in seen.items()})
    row = next(r for r in TABLES["table1"]([record]).to_dict("records") if r["target"] == "Eyeglasses")
    assert (row["G (%)"], row["G balanced (%)"], row["target's majority (%)"]) == ("97.00", "80.00", "94.30")
    assert (row["gender from the target alone (%)"], row["the same, balanced (%)"]) == ("63.90", "53.80")


def test_the_sizes_are_those_of_a_run_that_ended_well():
    found = {"total": 10.0, "train": 6.0, "valid": 2.0, "test": 2.0}
    records = [made("celeba", "baseline", 0, **LOST), made("celeba", "baseline", 1, metrics=found)]
    assert TABLES["sizes"](records)["here"].tolist() == ["10", "6", "2", "2"]
