"""The comparison: golden records give the golden tables; references hold; reproduced.csv and its bands."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import pytest
from handmade import accept

from common.evaluation import AgreementError
from common.evaluation.claims import read_claims
from common.evaluation.comparison import compare
from common.evaluation.corrections import Correction
from common.evaluation.places import places_of
from common.evaluation.published import read_published
from common.evaluation.regression import band, regress
from common.evaluation.reproduced import Accepted, UnexplainedError, read_reproduced
from common.evaluation.statistics import Summary, welch
from common.evaluation.tables import COMPARISON_COLUMNS, to_markdown, write_comparison
from common.evaluation.verdicts import Judgement, format_p
from common.results import write
from common.workflow.config import PaperConfig, load_yaml

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
_spec = importlib.util.spec_from_file_location("golden_regenerate", GOLDEN / "regenerate.py")
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


@pytest.mark.parametrize("scale", golden.SCALES)
@pytest.mark.parametrize("name", ["comparison.csv", "comparison.md", "claims.csv"])
def test_golden_records_give_the_golden_tables(tmp_path, scale, name):
    """Regenerate with ``python tests/golden/regenerate.py`` and read the difference."""
    write_comparison(golden.golden_comparison(scale), tmp_path)
    assert (tmp_path / name).read_text() == (GOLDEN / "expected" / scale / name).read_text()


def test_golden_verdicts_by_hand():
    """Mean 0.94, sd 0.0158 of five: the interval of one new run is ±0.037, so 0.94 ± 0.05 is reproduced.

    random: Welch, mean equal, se = sqrt(0.0158²/5 + 0.02²/10) = 0.0095, about 1.78 times that is 0.017 < 0.04.
    weight10: 0.82 of four against 0.93 with sd 0.02: six times the se of 0.0135. weight100: sd 0.16, so nothing
    can be shown of 0.78. weight1000: 0.94 against 0.80 would differ (t = 8.1), but without a tolerance its value is not
    ours to compare: above random by 0.2 in every seed, it earns its direction.
    """
    found = {
        row.published.key[:3]: (row.judgement.verdict, row.judgement.direction.partition(" ")[0])
        for row in golden.golden_comparison("paper").rows
    }
    assert found == {
        ("table1", "random", "auc"): ("reproduced", ""),
        ("table1", "trained", "auc"): ("reproduced", "holds"),
        ("table1", "weight10", "auc"): ("differs", "holds"),
        ("table1", "weight100", "auc"): ("underpowered", "unclear"),
        ("table1", "weight1000", "auc"): ("direction only", "holds"),
        ("table1", "weight1000", "gain"): ("reproduced", ""),
        ("fig2", "digits", "auc"): ("not comparable", ""),
        ("fig2", "faces", "auc"): ("not comparable", ""),
        ("fig2", "faces above", "auc"): ("direction only", "holds"),
        ("fig2", "other faces", "auc"): ("not run", ""),
        ("fig2", "elsewhere", "auc"): ("not run", ""),
    }


def test_quick_shows_no_value_reproduced_or_different():
    verdicts = [row.judgement.verdict for row in golden.golden_comparison("quick").rows]
    assert "direction only" in verdicts
    assert not {"reproduced", "differs"} & set(verdicts)


def test_a_diverged_seed_is_shown_not_dropped():
    rows = {row.published.entry: row for row in golden.golden_comparison("paper").rows}
    assert (rows["weight10"].ours.n, rows["weight10"].seeds) == (4, 5)
    assert ",4 of 5,paper," in (GOLDEN / "expected/paper/comparison.csv").read_text()


def test_columns_are_those_of_the_design():
    assert ",".join(COMPARISON_COLUMNS) == (
        "paper,artefact,entry,metric,published,published_spread,reproduced,reproduced_sd,n_seeds,scale,data,delta,"
        "verdict,direction"
    )


def test_records_of_older_code_are_left_aside_and_counted(tmp_path):
    """Five seeds stand; a rerun of seed 0 alone with other code counts alone, for code does not mix."""
    fresh = golden.record("encoder", "random", "paper", 0, 0.99)
    for seed, auc in enumerate(golden.CELLS["encoder", "random"][0]):
        write(tmp_path, golden.record("encoder", "random", "paper", seed, auc))
    later = fresh.provenance.model_copy(update={"code": "other", "started": "2026-02-01T00:00:00+00:00"})
    write(tmp_path, fresh.model_copy(update={"provenance": later}))
    paper = PaperConfig.model_validate(load_yaml(GOLDEN / "config.yaml"))
    found = compare(paper, read_published(GOLDEN / "published.csv"), [], tmp_path, "paper")
    assert (found.rows[0].ours.mean, found.rows[0].seeds, found.left_aside) == (0.99, 1, 4)
    assert "Left aside: 4 records" in to_markdown(found)


# references between configuration, printed numbers and claims


def edited(tmp_path, name, old, new):
    text = (GOLDEN / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    return tmp_path / name


def places(config=GOLDEN / "config.yaml"):
    return places_of(PaperConfig.model_validate(load_yaml(config)), read_published(GOLDEN / "published.csv"))


def test_an_entry_with_two_metrics_is_called_by_both_names():
    found = places()
    assert found["table1", "weight1000", "gain"].metric == "gain"
    assert found["table1", "weight1000", "auc"].metric == "auc"
    assert ("fig2", "elsewhere", "auc") not in found


def test_a_value_that_is_not_printed_is_refused(tmp_path):
    with pytest.raises(AgreementError, match=r"values: 'digit' is no row of published.csv; did you mean 'digits'\?"):
        places(edited(tmp_path, "config.yaml", "digits: digits/conv", "digit: digits/conv"))


def test_an_ambiguous_entry_is_refused(tmp_path):
    with pytest.raises(AgreementError, match=r"several metrics in published.csv; say which, as 'weight1000:auc'"):
        places(edited(tmp_path, "config.yaml", '"weight1000:auc"', "weight1000"))


def test_a_claim_on_an_unknown_cell_is_refused(tmp_path):
    claims = read_claims(edited(tmp_path, "claims.yaml", "digits/conv", "digits/cnn"))
    paper = PaperConfig.model_validate(load_yaml(GOLDEN / "config.yaml"))
    with pytest.raises(AgreementError, match=r"claim G-C3: quantities.digits: unknown cell 'digits/cnn'; did you"):
        compare(paper, read_published(GOLDEN / "published.csv"), claims, GOLDEN / "records", "quick")


def test_a_metric_that_records_lack_is_refused(tmp_path):
    path = edited(tmp_path, "config.yaml", "weight10: encoder/weight10:auc", "weight10: encoder/weight10:acc")
    paper = PaperConfig.model_validate(load_yaml(path))
    with pytest.raises(AgreementError, match=r"golden: table1:weight10:auc: .*no metric 'acc'; valid: auc, gain"):
        compare(paper, read_published(GOLDEN / "published.csv"), [], GOLDEN / "records", "quick")


# reproduced.csv


def test_accepted_numbers_come_back_and_scales_stand_side_by_side(tmp_path):
    path = tmp_path / "reproduced.csv"
    assert read_reproduced(path) == []
    paper, quick = golden.golden_comparison("paper"), golden.golden_comparison("quick")
    accept(paper, path)
    accept(quick, path)
    before = path.read_text()
    accept(quick, path)
    assert path.read_text() == before
    rows = {row.key: row for row in read_reproduced(path)}
    assert len(rows) == 2 * sum(row.ours is not None for row in paper.rows)
    row = rows["table1", "weight10", "auc", "paper"]
    assert (row.mean, row.n, row.verdict, row.device, row.commit) == (0.82, 4, "differs", "cpu", "0123456789ab")
    assert row.sd == pytest.approx(0.0182574, abs=1e-7)
    assert rows["table1", "weight10", "auc", "quick"].verdict == "direction only"


def apart(comparison, *entries):
    """Return the comparison as it is where only these entries of table 1 have records at hand."""

    def left_out(row):
        alone = Judgement("direction only" if row.judgement.direction else row.judgement.verdict)
        known = row.published.artefact == "table1" and row.published.entry in entries
        return replace(row, judgement=alone) if known else replace(row, ours=None, seeds=0)

    return replace(comparison, rows=[left_out(row) for row in comparison.rows])


def test_a_reference_accepted_before_still_gives_the_direction(tmp_path):
    path = tmp_path / "reproduced.csv"
    whole = golden.golden_comparison("paper")
    together = {row.key: row for row in accept(whole, tmp_path / "together.csv")}
    accept(apart(whole, "random"), path)
    apart_rows = {row.key: row for row in accept(apart(whole, "weight10"), path)}
    key = ("table1", "weight10", "auc", "paper")
    assert together[key].direction.startswith("holds")
    assert apart_rows[key].direction.startswith("holds")
    random, mine = apart_rows["table1", "random", "auc", "paper"], apart_rows[key]
    by_hand = welch(Summary(mine.mean, mine.sd, mine.n), Summary(random.mean, random.sd, random.n)).p_above
    assert mine.direction == f"holds ({format_p(by_hand)})"


def test_a_reference_with_other_numbers_moves_an_old_direction(tmp_path):
    path = tmp_path / "reproduced.csv"
    whole = golden.golden_comparison("paper")
    accept(whole, path)
    key = ("table1", "weight10", "auc", "paper")
    higher = [
        replace(row, ours=replace(row.ours, mean=0.95)) if row.published.entry == "random" else row
        for row in apart(whole, "random").rows
    ]
    moved = {row.key: row for row in accept(replace(whole, rows=higher), path, explained(path, whole, higher))}
    assert moved[key].direction.startswith("reversed")


def explained(path, whole, rows):
    """Return lines that explain whatever verdict would change."""
    with pytest.raises(UnexplainedError) as caught:
        accept(replace(whole, rows=rows), path)
    return [Correction(1, "2026-11-22", change, "x") for change in caught.value.changes]


def test_the_same_records_fall_into_their_own_bands(tmp_path):
    comparison = golden.golden_comparison("paper")
    rows = accept(comparison, tmp_path / "reproduced.csv")
    found = regress(read_reproduced(tmp_path / "reproduced.csv"), comparison)
    assert len(found) == len(rows)
    assert all(row.inside and not row.changed for row in found)
    assert regress(rows, golden.golden_comparison("quick")) == []


def accepted(**kw):
    given = {"artefact": "table1", "entry": "trained", "metric": "auc", "mean": 0.94, "sd": 0.01, "n": 5}
    rest = {"scale": "paper", "data": "", "device": "cpu", "commit": "", "verdict": "reproduced", "direction": ""}
    return Accepted(**{**given, **rest, **kw})


def test_band_by_hand():
    # t(0.995, 4) = 4.6041; 0.01 * sqrt(1/5 + 1/5) = 0.0063246: half width 0.029119
    assert band(accepted(), 5) == pytest.approx((0.94 - 0.029119, 0.94 + 0.029119), abs=1e-6)
    # no spread: the digits kept in the file
    assert band(accepted(sd=0.0), 5) == pytest.approx((0.94 - 9.4e-6, 0.94 + 9.4e-6))
    assert band(accepted(n=3), 3)[0] > 0
    assert band(accepted(n=2), 5) == (-math.inf, math.inf), "two seeds may agree by luck"


def test_a_moved_number_and_a_moved_verdict_are_seen():
    comparison = golden.golden_comparison("paper")
    (moved,) = regress([accepted(mean=0.90, verdict="differs")], comparison)
    assert moved.inside is False
    assert moved.changed
    (single,) = regress([accepted(sd=None, n=1)], comparison)
    assert single.inside is None
    (gone,) = regress([accepted(entry="other faces", artefact="fig2")], comparison)
    assert (gone.inside, gone.fresh, gone.fresh_verdict) == (None, None, "not run")


def test_a_slip_in_reproduced_is_one_line(tmp_path):
    path = tmp_path / "reproduced.csv"
    accept(golden.golden_comparison("paper"), path)
    good = path.read_text()
    for old, new, message in [
        ("reproduced,", "perfect,", "csv:2: verdict: 'perfect' is none of"),
        ("0.72,", "high,", "csv:2: mean, sd or n: could not convert"),
        ("artefact,", "artifact,", "csv:1: columns: write artefact,entry"),
    ]:
        path.write_text(good.replace(old, new, 1))
        with pytest.raises(AgreementError, match=message):
            read_reproduced(path)
    path.write_text(good + good.splitlines()[1] + "\n")
    with pytest.raises(AgreementError, match="comes twice"):
        read_reproduced(path)


def test_accepting_does_not_keep_rows_that_are_no_longer_printed(tmp_path):
    comparison = golden.golden_comparison("paper")
    path = tmp_path / "reproduced.csv"
    accept(comparison, path)
    shorter = replace(comparison, rows=comparison.rows[1:])
    with pytest.raises(AgreementError, match=r"table1:random:auc:paper is no row of published\.csv any more"):
        accept(shorter, path)
