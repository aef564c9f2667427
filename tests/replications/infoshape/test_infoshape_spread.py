"""The README's table of printed single values: its arithmetic, and that it is the generated one."""

import math
import shutil

import pytest

from replications.infoshape import spread


def test_prediction_interval_of_one_new_run():
    # n = 3: t(2 df, 97.5 %) = 4.3027, times sd sqrt(1 + 1/3) = 0.11547 gives 0.4968; half a last digit is 0.005
    assert spread.explained("0.50", 0.0, 0.1, 3)[0]
    inside, t = spread.explained("0.51", 0.0, 0.1, 3)
    assert not inside
    assert t == pytest.approx(0.505 / 0.11547, rel=1e-4)
    assert spread.explained("-0.51", 0.0, 0.1, 3)[1] == pytest.approx(-t)


def test_rounding_of_the_print_is_no_difference():
    assert spread.explained("0.69", math.log(2), 0.0, 5) == (True, 0.0)
    assert spread.explained("0.72", math.log(2), 0.0, 5) == (False, math.inf)


def test_the_readme_holds_the_generated_table():
    text = (spread.FOLDER / "README.md").read_text(encoding="utf-8")
    found = text.split(spread.BEGIN)[1].split(spread.END)[0].strip()
    assert found == spread.table(), "run: python -m replications.infoshape.spread"


def test_every_printed_number_but_the_closed_forms_has_its_claim():
    from common.evaluation.published import read_published

    artefacts = {row.artefact for row in read_published(spread.FOLDER / "published.csv")}
    assert artefacts - set(spread.CLAIMS) == {"eq3_5"}


def test_the_claims_it_names_are_the_papers():
    from common.evaluation.claims import read_claims

    named = {claim for told in spread.CLAIMS.values() for claim in told.split(", ")}
    assert named <= {claim.id for claim in read_claims(spread.FOLDER / "claims.yaml")}


def test_every_claim_of_the_thesis_that_uses_a_printed_number_is_named():
    import yaml

    from common.evaluation.claims import read_claims

    config = yaml.safe_load((spread.FOLDER / "config.yaml").read_text(encoding="utf-8"))
    named = {claim for told in spread.CLAIMS.values() for claim in told.split(", ")}
    printed = {v for name in spread.CLAIMS for v in config["artefacts"][name].get("values", {}).values()}
    told = {
        claim.id: {f"{q.experiment}/{q.variant}:{q.metric}" for q in claim.quantities.values()}
        for claim in read_claims(spread.FOLDER / "claims.yaml")
        if claim.id.startswith("C")
    }
    assert {claim for claim, quantities in told.items() if quantities & printed} - named == set()


def test_a_reading_has_a_column_once_it_has_accepted_numbers(tmp_path):
    shutil.copy(spread.FOLDER / "published.csv", tmp_path)
    head = "artefact,entry,metric,scale,mean,sd,n\n"
    for reading, mean in (("", 7.6), ("-repository", 9.0)):
        row = f"fig3_5a,final,I(X;X) (nats),paper,{mean},0.1,5\n"
        (tmp_path / f"reproduced{reading}.csv").write_text(head + row)
    assert spread.table(tmp_path).startswith("| claim | printed | value | as written | repository |\n")
    (tmp_path / "reproduced.csv").rename(tmp_path / "reproduced-batched.csv")
    top, _, first, *_ = spread.table(tmp_path).splitlines()
    assert top == "| claim | printed | value | batched | repository |"
    assert [cell.split(" (")[0] for cell in first.split(" | ")[3:]] == ["7.6 ± 0.1", "9 ± 0.1"]


@pytest.mark.parametrize("scales", [("quick", "reduced", "paper"), ("paper", "reduced", "quick")])
def test_the_largest_scale_counts_and_quick_never(tmp_path, scales):
    head = "artefact,entry,metric,scale,mean\n"
    path = tmp_path / "reproduced.csv"
    path.write_text(head + "".join(f"fig,a,m,{scale},1\n" for scale in scales) + "fig,b,m,quick,1\n")
    assert {key[1]: row["scale"] for key, row in spread.accepted(path).items()} == {"a": "paper"}
