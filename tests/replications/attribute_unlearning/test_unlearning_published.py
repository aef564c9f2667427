"""The printed numbers: their own arithmetic, slips that are said to be slips, and a place for each in our records."""

import pytest

from common.evaluation.claims import read_claims
from common.evaluation.published import read_published
from common.workflow.config import load_paper
from replications.attribute_unlearning.method import aum


@pytest.fixture(scope="module")
def rows(root):
    return read_published(root / "replications/attribute_unlearning/published.csv")


def of(rows, artefact):
    return {row.entry: row for row in rows if row.artefact == artefact}


def test_every_cell_of_the_tables_is_there(rows):
    assert [len(of(rows, name)) for name in ("table1", "table2", "table3", "sizes")] == [81, 30, 18, 5]


def test_aum_is_the_harmonic_mean_of_one_minus_efficacy_and_fidelity(rows):
    slips = []
    for name in ("table1", "table3"):
        found = of(rows, name)
        for entry, row in found.items():
            if entry.endswith("_aum"):
                e, f = (found[entry.removesuffix("aum") + part].value for part in ("eff", "fid"))
                if abs(aum(e, f) - row.value) > 6e-5:
                    slips.append(entry)
                    assert f"{aum(e, f):.4f}" in row.note, entry
                assert abs((2 * e * f) / (e + f) - row.value) > 0.01 or abs(2 * e - 1) < 0.06, (
                    "never of efficacy itself"
                )
    assert slips == ["fairface_r50_area_aum", "celeba_r18_unlearn_aum", "celeba_r18_area_aum"]


def test_ratios_and_savings_are_those_of_the_printed_seconds_and_memories(rows):
    found = of(rows, "table2")

    def value(name):
        return found[name].value

    for depth, slip in (("r18", "saving"), ("r34", "ratio"), ("r50", "")):
        ratio = value(f"{depth}_raw_seconds") / value(f"{depth}_speedup_seconds")
        saving = 1 - value(f"{depth}_speedup_memory") / value(f"{depth}_raw_memory")
        assert (
            (abs(ratio - value(f"{depth}_ratio")) > 5.1e-4)
            == (slip == "ratio")
            == ("slip" in found[f"{depth}_ratio"].note)
        )
        assert (
            (abs(saving - value(f"{depth}_saving")) > 6e-4)
            == (slip == "saving")
            == ("slip" in found[f"{depth}_saving"].note)
        )


def test_table2_is_table1_s_method_but_for_one_swap_of_digits(rows):
    one, two = of(rows, "table1"), of(rows, "table2")
    for depth in ("r18", "r34", "r50"):
        for part in ("eff", "fid"):
            same = one[f"cifar10_{depth}_unlearn_{part}"].value == two[f"{depth}_speedup_{part}"].value
            assert same != ((depth, part) == ("r18", "eff"))


def test_cifar_efficacies_lie_below_what_the_task_alone_gives_away(rows):
    found = of(rows, "table1")
    for depth in ("r18", "r34", "r50"):
        floor = 0.1 + (0.4 - (1 - found[f"cifar10_{depth}_unlearn_fid"].value)) / 4
        row = found[f"cifar10_{depth}_unlearn_eff"]
        assert row.value < floor - 0.07
        assert f"{floor:.3f}" in row.note


def test_every_number_has_its_place_and_every_claim_its_cells(rows, root):
    paper = load_paper(root, "attribute_unlearning")
    places = {(name, entry) for name, artefact in paper.artefacts.items() for entry in artefact.values}
    assert places == {(row.artefact, row.entry) for row in rows}
    cells = {f"{name}/{variant}" for name, e in paper.experiments.items() for variant in e.variants}
    claims = read_claims(root / "replications/attribute_unlearning/claims.yaml")
    assert {q.cell for claim in claims for q in claim.quantities.values()} <= cells
    assert {claim.id[:2] for claim in claims if claim.id[0] == "C"} == {f"C{k}" for k in range(1, 8)}


# what a claim of each kind compares, of one network: its variant without _deep, its metric without the depth
AUM = {("unlearn", "aum"), ("before", "aum"), ("area", "aum")}
BOTH = {("unlearn", "efficacy"), ("area", "efficacy"), ("unlearn", "fidelity"), ("before", "fidelity")}
LESS = {("before", "efficacy"), ("unlearn", "efficacy")}
CHANCE = {("unlearn", "efficacy"), ("unlearn", "chance")}
BOUNDS = {(variant, metric) for variant in ("before", "unlearn", "area") for metric in ("efficacy", "fidelity")}
DECOUPLED = {(variant, metric) for variant in ("raw", "unlearn") for metric in ("efficacy", "fidelity")}


@pytest.fixture(scope="module")
def compared(root):
    """What each claim compares, by (data, depth)."""
    found = []
    for claim in read_claims(root / "replications/attribute_unlearning/claims.yaml"):
        kinds = {}
        for q in claim.quantities.values():
            metric, _, depth = q.metric.rpartition("_r")
            if depth.isdigit():
                place = q.experiment.removesuffix("_attack").removesuffix("_deep"), int(depth)
                kinds.setdefault(place, set()).add((q.variant.removesuffix("_deep"), metric))
        found.append(kinds)
    return found


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("data", ["fairface", "celeba", "cifar10"])
@pytest.mark.parametrize("kind", [AUM, BOTH, LESS, CHANCE, BOUNDS], ids=["aum", "both", "less", "chance", "bounds"])
def test_every_network_of_table_1_has_every_kind_of_claim(compared, kind, data, depth):
    assert any(claim.get((data, depth)) == kind for claim in compared)


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_every_network_of_table_2_has_every_kind_of_claim(compared, root, depth):
    assert any(claim.get(("cifar10", depth)) == DECOUPLED for claim in compared)
    claims = read_claims(root / "replications/attribute_unlearning/claims.yaml")
    for metric in ("ratio", "memory_saving"):
        wanted = f"parallel/r{depth}", metric
        assert any(wanted in {(q.cell, q.metric) for q in claim.quantities.values()} for claim in claims), wanted


def test_every_row_of_table_3_has_its_claims(root):
    paper = load_paper(root, "attribute_unlearning")
    cells = {f"{s.experiment}/{s.variant}" for s in paper.artefacts["table3"].values.values()}
    assert len(cells) == 6
    quantities = [
        {(q.cell, q.metric) for q in claim.quantities.values()}
        for claim in read_claims(root / "replications/attribute_unlearning/claims.yaml")
    ]
    wanted = {(cell, f"{metric}_r18") for cell in cells for metric in ("efficacy", "chance")}
    assert wanted in quantities, "all six are unlearnt"
    for data in ("fairface", "celeba"):  # CIFAR-10 has one row: no other to be as useful as
        kept = {(cell, "fidelity_r18") for cell in cells if cell.startswith(f"{data}_")}
        assert len(kept) > 1
        assert kept in quantities, "as useful whichever attribute is hidden"
    kept = {(cell, "fidelity_r18") for cell in cells if cell.startswith("celeba_")}
    assert kept | {("celeba_attack/before", "fidelity_r18")} in quantities, "and as before (section 4.4's example)"


def test_every_network_s_claims_are_judged_at_reduced(root):
    """Deep networks see fewer images there, all methods alike; what a claim of a machine or a face asks is no less."""
    for claim in read_claims(root / "replications/attribute_unlearning/claims.yaml"):
        assert claim.least_scale == (
            "quick" if {q.experiment for q in claim.quantities.values()} == {"lemmas"} else "reduced"
        )


def test_a_claim_s_cells_have_equally_many_seeds_at_every_scale(root):
    """Seeds are paired: a cell with more than its partner would be cut to it without a word."""
    paper = load_paper(root, "attribute_unlearning")
    for claim in read_claims(root / "replications/attribute_unlearning/claims.yaml"):
        experiments = {q.experiment for q in claim.quantities.values()}
        for scale in ("paper", "reduced", "quick"):
            if len({e.partition("_")[0] for e in experiments}) == 1:  # a claim over several sets asks each alone
                assert len({paper.experiments[e].scales[scale].seeds for e in experiments}) == 1, claim.id


FRESH = [f"{place}_{kind}" for place in ("middle", "pooled") for kind in ("linear", "mlp")]
HONEST = {  # metrics, and the networks that they are asked of: fresh attackers read ResNet-18 alone at reduced
    "O9": ({"attacker_train"}, (18, 34, 50)),
    "O10": ({"efficacy", *FRESH}, (18,)),
    "O11": ({"efficacy", "balanced"}, (18, 34, 50)),
    "O13": ({f"{name}_converged" for name in FRESH}, (18,)),
}


@pytest.mark.parametrize("kind", HONEST)
def test_what_attacks_are_worth_is_asked_of_every_cell_of_the_tables(root, kind):
    metrics, depths = HONEST[kind]
    wanted = {
        (f"{place.experiment}/{place.variant}", f"{metric}_r{depth}")
        for artefact in load_paper(root, "attribute_unlearning").artefacts.values()
        for place in artefact.values.values()
        for depth in depths
        if place.metric == f"efficacy_r{depth}"
        for metric in metrics
    }
    claims = read_claims(root / "replications/attribute_unlearning/claims.yaml")
    found = {(q.cell, q.metric) for c in claims if c.id[:-1] == kind for q in c.quantities.values()}
    assert found == wanted


def test_leakage_shows_every_attack_of_the_tables(root):
    paper = load_paper(root, "attribute_unlearning")
    attacks = {c for name in ("table1", "table2", "table3") for c in paper.artefacts[name].cells if "_attack" in c}
    assert attacks <= set(paper.artefacts["leakage"].cells)
    assert {f"{data}_attack/infopro" for data in ("celeba", "cifar10")} <= set(paper.artefacts["leakage"].cells)


def test_printed_table_3_is_within_the_margin_of_its_claim(rows):
    """Chance is not printed, so that no other test holds the margin to the paper's own numbers."""
    found, classes = of(rows, "table3"), {"fairface_race": 7, "fairface_age": 9, "cifar10_class": 10}
    names = {entry.removesuffix("_eff") for entry in found if entry.endswith("_eff")}
    above = {name: found[f"{name}_eff"].value - 1 / classes.get(name, 2) for name in names}
    assert max(above.values()) == pytest.approx(0.0618, abs=5e-5)
    assert max(above.values()) < 0.07
