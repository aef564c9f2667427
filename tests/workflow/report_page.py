"""Two papers in a folder and the page of their report, read as a browser would."""

import importlib.util
import shutil
from html.parser import HTMLParser
from pathlib import Path

import yaml

from common.evaluation.claims import read_claims
from common.evaluation.comparison import compare
from common.evaluation.published import read_published
from common.evaluation.tables import write_comparison
from common.workflow.config import load_paper
from common.workflow.report import build

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
_spec = importlib.util.spec_from_file_location("golden_regenerate_for_report", GOLDEN / "regenerate.py")
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "line", "circle"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&</textarea>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} 100"><!-- {pad} --></svg>'


class Page(HTMLParser):
    """Reads a page, insisting that every element is closed in turn; keeps elements, text and the cells of boards."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.inline = {"script": "", "style": ""}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in self.inline:
            self.inline[self.open[-1]] += data
        else:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]


def two_papers(tmp_path):
    """Return a folder of two papers: ``golden`` with records, comparison, figure and table, ``bare`` was not run."""
    home = tmp_path / "replications" / "golden"
    home.mkdir(parents=True)
    for name in ("config.yaml", "published.csv", "claims.yaml"):
        shutil.copy(GOLDEN / name, home / name)
    shutil.copytree(GOLDEN / "records", tmp_path / "results")
    config = yaml.safe_load((GOLDEN / "config.yaml").read_text())
    config["not_reproducible"] = {"fig1": "a schematic"}
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    bare = tmp_path / "replications" / "bare"
    bare.mkdir()
    (bare / "config.yaml").write_text(yaml.safe_dump(config | {"name": "bare", "title": "A second paper"}))
    shutil.copy(GOLDEN / "published.csv", bare)
    compared(tmp_path)
    folder = tmp_path / "figures/paper/golden"
    (folder / "fig2.svg").write_text(SVG.format(w=150, pad=""))
    (folder / "table1.csv").write_text("encoder,AUC\nrandom,0.72 ± 0.02\ntrained,0.94\n")
    (folder / "table1.md").write_text("| encoder | AUC |\n")
    return tmp_path


def compared(root, scale="paper"):
    home = root / "replications" / "golden"
    found = compare(
        load_paper(root, "golden"),
        read_published(home / "published.csv"),
        read_claims(home / "claims.yaml"),
        root / "results",
        scale,
    )
    write_comparison(found, root / "figures" / scale / "golden")
    return found


def page(root, scale="paper", papers=("golden", "bare")):
    path = build(root, scale, papers)
    assert path == root / "figures" / scale / "report" / "index.html"
    return Page(path.read_text(encoding="utf-8"))
