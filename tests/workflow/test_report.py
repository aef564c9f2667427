"""The report: well-formed, self-contained, escaped, complete, and with the counts of the tables it shows."""

import base64
import csv
import hashlib
import re
import struct
from collections import Counter
from dataclasses import replace

import pytest
import yaml
from handmade import accept
from report_page import EVIL, SVG, compared, golden, page, two_papers

from common.evaluation import AgreementError
from common.evaluation.verdicts import VERDICTS
from common.results import write
from common.workflow.config import load_paper
from common.workflow.report import build
from common.workflow.report.page import render
from common.workflow.report.sections import paper_section
from common.workflow.report.strip import WIDTH, strip_of

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 300, 100) + b"\x08\x02\x00\x00\x00"


@pytest.fixture
def root(tmp_path):
    return two_papers(tmp_path)


def test_well_formed_with_each_artefact_and_working_links(root):
    found = page(root)
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    for name in ("golden", "bare"):
        for part in ("table1", "fig2", "claims", "values", "not"):
            assert f"{name}-{part}" in ids
    targets = {href[1:] for href in found.attributes("href") if href.startswith("#")}
    assert targets
    assert targets <= set(ids)
    assert all("alt" in attrs for tag, attrs in found.elements if tag == "img")


def test_nothing_is_loaded_from_elsewhere(root):
    found = page(root)
    for tag, attrs in found.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            target = attrs.get(name, "#")
            to_guides = tag == "a" and target in ("docs/index.html", "docs/api/index.html")  # followed, not loaded
            assert to_guides or target.startswith(("#", "data:")), (tag, target)
        assert tag not in ("link", "iframe", "object", "embed", "base")
    assert "url(" not in found.inline["style"]
    assert "@import" not in found.inline["style"]
    assert not re.search(r"fetch|XMLHttp|import\s*\(|WebSocket", found.inline["script"])


def test_the_policy_admits_our_style_and_script_alone(root):
    found = page(root)
    (policy,) = (a["content"] for t, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(found.inline[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not found.attributes("style")
    assert "unsafe" not in policy


def test_what_others_wrote_is_text_and_never_markup(root):
    home = root / "replications" / "golden"
    with (home / "published.csv").open("a", newline="") as stream:
        csv.writer(stream).writerow(["fig2", EVIL, EVIL, "", "0.5", "", "none", "", EVIL, "0.1", EVIL])
    claims = yaml.safe_load((home / "claims.yaml").read_text())
    claims[0] |= {"statement": EVIL, "note": EVIL, "where": EVIL, "id": EVIL}
    (home / "claims.yaml").write_text(yaml.safe_dump(claims))
    config = yaml.safe_load((home / "config.yaml").read_text())
    config |= {"title": EVIL, "citation": EVIL, "not_reproducible": {EVIL: EVIL}}
    config["artefacts"]["fig2"]["title"] = EVIL
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    (root / "figures/paper/golden/table1.csv").write_text(f"name\n{EVIL.replace(chr(34), '')}\n")
    record = golden.record("encoder", "random", "paper", 0, None)
    write(root / "results", record.model_copy(update={"message": EVIL, "params": {"lr": EVIL}}))
    compared(root)
    found = page(root)
    assert [tag for tag, _ in found.elements].count("script") == 1
    assert not [name for _, attrs in found.elements for name in attrs if name.startswith("on")]
    assert all(attrs["src"].startswith("data:") for tag, attrs in found.elements if tag == "img")
    assert found.text.count("<script>alert(1)</script>") >= 10


def board(text, which):
    """Return {paper: {verdict: count}} of the page's ``which``-th scoreboard, read from its table."""
    table = re.findall(r'<table class="board">.*?</table>', text, re.S)[which]
    found = {}
    for line in re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", table, re.S):
        name = re.search(r'href="#(\w+)"', line).group(1)
        cells = re.findall(r'<td class="num count v-[^"]*"[^>]*data-label="\S+ ([^"]*)">\s*(.*?)\s*</td>', line, re.S)
        found[name] = {verdict: int(re.sub("<.*?>", "", cell)) for verdict, cell in cells}
    return found


def test_the_scoreboard_counts_what_the_tables_hold(root):
    found = board(build(root, "paper", ["golden", "bare"]).read_text(), 0)
    with (root / "figures/paper/golden/comparison.csv").open() as stream:
        counts = Counter(row["verdict"] for row in csv.DictReader(stream))
    assert found["golden"] == {verdict: counts[verdict] for verdict in VERDICTS}
    assert sum(found["golden"].values()) == 11
    assert min(found["golden"].values()) > 0  # every verdict occurs in the golden table
    assert found["bare"] == {verdict: 11 * (verdict == "not run") for verdict in VERDICTS}


def test_what_was_not_run_says_so(root):
    found = page(root)
    assert "No comparison was made at this scale: every number counts as not run." in found.text
    assert "No claim was judged at this scale." in found.text
    assert "Not drawn at this scale." in found.text
    assert "no record of encoder/random" in found.text


def test_not_run_is_never_green(root):
    """`not run` has a colour of its own, not that of `reproduced`, and its part of the bar is hollow."""
    style = page(root).inline["style"]
    colours = [dict(re.findall(r"--(\w+):\s*(#\w+)", block)) for block in style.split("@media (prefers")[:2]]
    for shade in colours:
        assert shade["none"] != shade["reproduced"]
        red, green, blue = (int(shade["none"][i : i + 2], 16) for i in (1, 3, 5))
        assert max(red, green, blue) - min(red, green, blue) < 24
    assert ".v-not-run { color: var(--none);" in style
    assert "rect.v-not-run { fill: none;" in style


def test_the_second_board_is_fed_by_accepted_numbers_of_larger_scales(root):
    path = root / "replications/golden/reproduced.csv"
    text = build(root, "paper", ["golden"]).read_text()
    assert "None accepted yet: no" in text
    accept(compared(root, "quick"), path)
    assert "None accepted yet: no" in build(root, "paper", ["golden"]).read_text()
    comparison = compared(root)
    accept(comparison, path)
    found = board(build(root, "quick", ["golden", "bare"]).read_text(), 1)
    counts = Counter(row.judgement.verdict for row in comparison.rows)
    assert found == {"golden": {verdict: counts[verdict] for verdict in VERDICTS}}


def test_headers_of_numbers_wrap_and_the_first_column_stays_in_sight_on_phones(root):
    style = page(root).inline["style"]
    assert "thead th.num { white-space: normal; }" in style
    phone = style.partition("@media (max-width: 40rem)")[2].partition("@media print")[0]
    assert re.search(r"\.artefacts :is\(th, td\):first-child \{ position: sticky; left: 0;", phone)


def test_stand_ins_are_shouted(root):
    text = page(root).text
    assert "STAND-IN DATA." in text
    assert "digits-data (A paper that does not exist)" in text
    assert "STAND-IN DATA." not in page(root, papers=("bare",)).text


def test_many_sets_are_folded_and_a_stand_in_is_not(root):
    """On the first screen the scoreboard stands, not a line of twenty data sets."""
    section = paper_section(root, "paper", load_paper(root, "golden"))
    words = ["adult (real)", "celeba (STAND-IN)", "mnist (real)"]
    section = replace(section, board=replace(section.board, data="; ".join(words)))
    text = render("paper", [section], [], "today", "c0de")
    assert text.count(f"<summary>3 sets</summary>{'; '.join(words)}</details>") == 2, "the page's and the paper's"
    assert text.count('<span class="shout">celeba (STAND-IN)</span>') == 2
    section = replace(section, board=replace(section.board, data="mnist (real)"))
    text = render("paper", [section], [], "today", "c0de")
    assert "sets</summary>" not in text
    assert '<td class="data">mnist (real)</td>' in text.replace("\n", "")


def test_the_benchmark_stands_below_the_papers(root):
    assert "snakemake --cores all benchmark" not in page(root).text
    content = yaml.safe_load((root / "replications/golden/config.yaml").read_text(encoding="utf-8"))
    content |= {"name": "shared", "title": "Shared ground", "not_reproducible": {}}
    (root / "benchmarks/shared").mkdir(parents=True)
    (root / "benchmarks/shared/config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (root / "figures/paper/shared").mkdir()
    (root / "figures/paper/shared/table1.csv").write_text("ground,leakage\nadult,0.61803\n")
    found = page(root)
    for part in ("Shared ground", "snakemake --cores all benchmark", "0.61803"):
        assert part in found.text
    assert {"shared", "shared-table1", "shared-fig2"} <= set(found.attributes("id"))
    assert "#shared" in found.attributes("href")


def test_provenance_is_on_the_page(root):
    text = page(root).text
    for part in ("ab" * 32, "0123456789abcdef", "c0de", "lr: 0.001", "4 ok, 1 diverged", "100 MiB"):
        assert part in text
    assert "seed 2: diverged: step 12: loss is not finite" in text


def test_downloads_are_the_files(root):
    found = page(root)
    links = {a["download"]: a["href"] for t, a in found.elements if t == "a" and "download" in a}
    folder = root / "figures/paper/golden"
    for name, path in {
        "golden-paper-comparison.csv": folder / "comparison.csv",
        "golden-paper-claims.csv": folder / "claims.csv",
        "golden-published.csv": root / "replications/golden/published.csv",
        "golden-table1.csv": folder / "table1.csv",
        "golden-table1.md": folder / "table1.md",
    }.items():
        assert base64.b64decode(links[name].partition("base64,")[2]) == path.read_bytes()


def images(found):
    return [attrs["src"] for tag, attrs in found.elements if tag == "img"]


def test_vector_images_unless_they_are_large(root):
    folder = root / "figures/paper/golden"
    (folder / "fig2.png").write_bytes(PNG)
    assert images(page(root))[0].startswith("data:image/svg+xml;base64,")
    (folder / "fig2.svg").write_text(SVG.format(w=150, pad="x" * 300_000))
    (source,) = images(page(root))
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == PNG
    (folder / "fig2.png").unlink()
    assert images(page(root))[0].startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(("width", "wide"), [(150, False), (300, True)])
def test_wide_images_take_the_full_width(root, width, wide):
    (root / "figures/paper/golden/fig2.svg").write_text(SVG.format(w=width, pad=""))
    figure = next(a for t, a in page(root).elements if t == "figure" and a["id"] == "golden-fig2")
    assert (figure["class"] == "wide") is wide


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",differs,", ",splendid,", "verdict 'splendid' is unknown; delete it and run compare again"),
        ("artefact,", "artifact,", "columns are paper,artifact,"),
        ("golden,fig2,digits,", "golden,fig2,", "row 8 has 13 cells of 14; delete it and run again"),
    ],
)
def test_a_broken_comparison_is_one_clear_line(root, old, new, message):
    path = root / "figures/paper/golden/comparison.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(AgreementError, match=message) as caught:
        build(root, "paper", ["golden"])
    assert "comparison.csv" in str(caught.value)


def test_the_drawing_of_a_difference_is_to_scale():
    # reach = 1.6 * 0.05 = 0.08 fills (150/2 - 8) = 67 units
    strip = strip_of(0.02, (-0.01, 0.05), 0.05)
    assert strip.zero == WIDTH / 2
    assert strip.dot == pytest.approx(75 + 67 * 0.25)
    assert strip.band == pytest.approx((75 - 67 * 0.625, 2 * 67 * 0.625), abs=0.01)
    assert strip.bar == pytest.approx((75 - 67 * 0.125, 67 * 0.75), abs=0.01)
    assert strip.words == "difference +0.02, 90 % interval -0.01 to +0.05, tolerance ±0.05"


def test_the_drawing_without_interval_and_tolerance():
    strip = strip_of(0.0, None, None)
    assert (strip.dot, strip.band, strip.bar) == (75, None, None)
    assert strip.words == "difference +0, no tolerance set"
