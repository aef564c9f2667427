"""The tables of attacks from records written by hand: every number stands in the column that names it."""

import pytest

from replications.attribute_unlearning import tables
from tests.handmade import made

READ = {"efficacy": 0.5, "fidelity": 0.9, "aum": 0.6, "chance": 0.1, "majority": 0.15, "floor": 0.175}
READ |= {"natural": 0.45, "balanced": 0.44, "attacker_train": 0.8}
READ |= {"attack_rows": 486.0, "attack_steps": 602.0, "judged_rows": 117.0}
READ |= {"trained_images": 15000.0, "trained_side": 16.0, "trained_epochs": 8.0}
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
    assert cifar[tables.TRAINED] == "15,000 images of 16x16, 8 epochs"
    assert faces[tables.TRAINED] == "-; 15,000 images of 16x16, 8 epochs; -"


def test_table_1_marks_networks_that_saw_fewer_images_and_finds_those_of_faces():
    runs = [attacked("celeba", m) for m in tables.METHODS]
    runs += [
        attacked("celeba_deep", f"{m}_deep", (34, 50), efficacy=0.7, trained_images=3000.0) for m in tables.METHODS
    ]
    table = tables.table1(runs).set_index("model")
    assert table[tables.TRAINED].tolist() == [
        "15,000 images of 16x16, 8 epochs",
        *["3,000 images of 16x16, 8 epochs"] * 2,
    ]
    assert table.loc["ResNet-50", "Efficacy, Attribute unlearning"] == "0.7000"


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
    wanted += ["balanced accuracy (natural)", "its own rows", tables.FITTED]
    faces, cifar = (table.iloc[k][wanted].tolist() for k in range(2))
    assert cifar == [
        "0.5000",
        "0.9000",
        "0.6000",
        "0.1000",
        "0.1750",
        "0.4500",
        "0.1500",
        "0.4400",
        "0.8000",
        "486; 602; 117",
    ]
    assert faces[4] == ""


def test_leakage_shows_each_number_under_its_name():
    head = {"head_loss": 4.8, "head_blind": 4.844}
    run = attacked("cifar10", "unlearn", middle_mlp=0.31, pooled_linear=0.32, **head)
    (row,) = tables.leakage([run]).to_dict("records")
    wanted = {"task": "0.900", "ResNet-18 on h": "0.500", "its own rows": "0.800", "natural": "0.450"}
    wanted |= {"balanced accuracy (natural)": "0.440", "linear, middle": "0.300", "MLP, middle": "0.310"}
    wanted |= {"linear, pooled": "0.320", "MLP, pooled": "0.300", "chance": "0.100", "majority (natural)": "0.150"}
    assert {name: row[name] for name in wanted} == wanted
    assert (row["floor"], row["seeds"], row["network"]) == ("0.175", "1", "ResNet-18")
    assert (row[tables.FITTED], row[tables.HEAD]) == ("486; 602; 117", "4.800; 4.844")


def test_leakage_has_a_line_for_each_network_and_each_attribute():
    runs = [attacked("celeba", v) for v in ("before", "unlearn", "unlearn_nose", "infopro")]
    runs += [attacked("celeba_deep", "unlearn_deep", (34, 50)), attacked("cifar10", "raw_deep", (34, 50))]
    found = tables.leakage(runs)[["data", "network", "method"]].agg(" ".join, axis=1).tolist()
    assert found == [
        "CelebA ResNet-18 Attribute unlearning",
        "CelebA ResNet-18 Baseline 1 (before)",
        "CelebA ResNet-18 Attribute unlearning (big nose)",
        "CelebA ResNet-18 lambda3 = 0 (InfoPro)",
        "CelebA ResNet-34 Attribute unlearning",
        "CelebA ResNet-50 Attribute unlearning",
        "CIFAR-10 ResNet-34 Attribute unlearning, one graph (raw)",
        "CIFAR-10 ResNet-50 Attribute unlearning, one graph (raw)",
    ]
    assert tables.leakage(runs)[tables.HEAD].tolist() == [""] * 8, "no head was trained along"


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


def test_rows_and_steps_are_those_of_a_seed_that_ended_well():
    bad = attacked("cifar10", "unlearn", attack_steps=3.0).model_copy(update={"status": "diverged", "message": "nan"})
    assert tables.fitted([bad, attacked("cifar10", "unlearn", seed=1)], 18) == "486; 602; 117"
    assert tables.fitted([bad], 18) == ""
