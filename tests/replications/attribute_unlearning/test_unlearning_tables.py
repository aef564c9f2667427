"""The tables of attacks from records written by hand: every number stands in the column that names it."""

import pytest

from replications.attribute_unlearning import tables
from tests.handmade import made

READ = {"efficacy": 0.5, "fidelity": 0.9, "aum": 0.6, "chance": 0.1, "majority": 0.15, "floor": 0.175}
READ |= {"natural": 0.45, "balanced": 0.44, "attacker_train": 0.8}
FRESH = [f"{place}_{kind}" for place in ("middle", "pooled") for kind in ("linear", "mlp")]
READ |= dict.fromkeys(FRESH, 0.3) | {f"{name}_converged": 1.0 for name in FRESH}


def attacked(data, variant, depths=(18,), seed=0, **change):
    """Return the record of an attack on the networks of ``depths``; faces have no floor."""
    read = {**READ, **change}
    found = {f"{name}_r{d}": value for name, value in read.items() for d in depths if value is not None}
    return made(f"{data}_attack", variant, seed, metrics=found)


def test_table_1_shows_natural_and_own_rows_of_each_method_in_its_columns_order():
    some = (("before", 0.43), ("unlearn", 0.42), ("area", 0.41))
    runs = [attacked("cifar10", v, natural=n, balanced=n - 0.1) for v, n in some]
    runs += [attacked("celeba", "unlearn", floor=None)]
    table = tables.table1(runs).set_index("data")
    cifar, faces = table.loc["CIFAR-10"], table.loc["CelebA"]
    assert cifar["natural test set (as the columns)"] == "0.410; 0.420; 0.430"
    assert cifar["balanced accuracy (natural; as the columns)"] == "0.310; 0.320; 0.330"
    assert cifar["attacker's accuracy on its own rows (as the columns)"] == "0.800; 0.800; 0.800"
    assert (cifar["chance"], cifar["majority (natural)"], cifar["floor"]) == ("0.100", "0.150", "0.175")
    assert faces["natural test set (as the columns)"] == "-; 0.450; -"
    assert faces["floor"] == ""


def test_table_2_shows_floor_and_fit_of_both_trainings_and_memory_in_mib():
    runs = [attacked("cifar10", "raw", floor=0.17), attacked("cifar10", "unlearn", attacker_train=0.7)]
    runs += [attacked("cifar10", "unlearn_deep", depths=(34, 50))]
    clock = {"images": 50000, "batch": 64, "steps": 4, "rounds": 3}
    runs += [made("parallel", "r18", metrics={"memory_raw_mb": 400.0, "memory_decoupled_mb": 300.0}, params=clock)]
    table = tables.table2(runs).set_index("model")
    r18, r34 = table.loc["ResNet-18"], table.loc["ResNet-34"]
    assert r18["floor (raw; decoupled)"] == "0.170; 0.175"
    assert r18["attacker's accuracy on its own rows (raw; decoupled)"] == "0.800; 0.700"
    assert (r18["memory, raw (MiB)"], r18["memory, decoupled (MiB)"]) == ("400.000", "300.000")
    extrapolated = "an epoch's seconds are extrapolated from (D15)"
    assert r18[extrapolated] == "3 round(s) of 4 steps, of an epoch's 781"
    assert r34[extrapolated] == "", "not clocked"
    assert r34["floor (raw; decoupled)"] == "-; 0.175"
    assert not any("(MB)" in name for name in table.columns), "parallel divides by 2^20"


def test_table_3_shows_each_number_under_its_name():
    table = tables.table3([attacked("cifar10", "unlearn"), attacked("celeba", "unlearn", floor=None)])
    wanted = ["Efficacy", "Fidelity", "AUM", "chance", "floor", "natural", "majority (natural)"]
    wanted += ["balanced accuracy (natural)", "its own rows"]
    faces, cifar = (table.iloc[k][wanted].tolist() for k in range(2))
    assert cifar == ["0.5000", "0.9000", "0.6000", "0.1000", "0.1750", "0.4500", "0.1500", "0.4400", "0.8000"]
    assert faces[4] == ""


def test_leakage_shows_each_number_under_its_name():
    (row,) = tables.leakage([attacked("cifar10", "unlearn", middle_mlp=0.31, pooled_linear=0.32)]).to_dict("records")
    wanted = {"task": "0.900", "ResNet-18 on h": "0.500", "its own rows": "0.800", "natural": "0.450"}
    wanted |= {"balanced accuracy (natural)": "0.440", "linear, middle": "0.300", "MLP, middle": "0.310"}
    wanted |= {"linear, pooled": "0.320", "MLP, pooled": "0.300", "chance": "0.100", "majority (natural)": "0.150"}
    assert {name: row[name] for name in wanted} == wanted
    assert (row["floor"], row["seeds"]) == ("0.175", "1")


def test_leakage_says_which_fresh_attackers_fits_ended_by_themselves():
    runs = [attacked("celeba", "before", seed=k, middle_mlp_converged=float(k == 0)) for k in range(3)]
    runs += [attacked("cifar10", "before", **dict.fromkeys([f"{name}_converged" for name in FRESH]))]
    faces, none = tables.leakage(runs)[tables.FITS]
    assert faces == "3 of 3; 1 of 3; 3 of 3; 3 of 3"
    assert none == "", "no fresh attacker was fitted"
    order = list(tables.leakage(runs).columns)
    four = ["linear, middle", "MLP, middle", "linear, pooled", "MLP, pooled"]
    assert [name for name in order if name in four] == four, "the order that the column says"


@pytest.mark.parametrize("make", [tables.table1, tables.table2, tables.table3, tables.leakage])
def test_what_diverged_is_in_no_column(make):
    bad = attacked("cifar10", "unlearn").model_copy(update={"status": "diverged", "message": "step 3: loss is nan"})
    shown = make([bad]).astype(str).to_string()
    assert not any(number in shown for number in ("0.5", "0.9", "0.175"))
