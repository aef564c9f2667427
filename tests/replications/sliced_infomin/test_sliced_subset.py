"""A run on fewer rows than the paper's, or on others, cannot reproduce a printed number, however near it comes."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from common.data.errors import DataError
from common.evaluation.comparison import compare
from common.evaluation.published import read_published
from common.results import Record, write
from common.workflow.config import load_paper, load_yaml
from common.workflow.job import Job
from common.workflow.resolve import resolve
from replications.sliced_infomin import pictures
from replications.sliced_infomin.fair_tables import load_rows
from replications.sliced_infomin.pictures import load_domains, load_faces
from tests.handmade import PROVENANCE

ROWS = 400 + 150
NEAR = {"rho_zy": 0.99, "rho_zt": 0.94}  # the printed numbers


def written(root, folder, published_rows):
    """Write five seeds of Adult's N/A at scale reduced, with the origin that its rows have, as if they were real."""
    given = {"scale": "reduced", "papers": "sliced_infomin", "data": "standin", "device": "cpu"}
    few = "sliced_infomin.adult.train_rows=400,sliced_infomin.adult.test_rows=150"
    plan = resolve(root, {**load_yaml(root / "config/default.yaml"), **given, "set": few})
    job = Job(plan.job("sliced_infomin", "adult/none"), folder, folder, root)
    job.config.params["published_rows"] = published_rows
    origin = load_rows(job, [0], job.config.params)[2].model_copy(update={"kind": "real"})
    for seed in range(5):
        record = Record(
            paper="sliced_infomin",
            experiment="adult_judge",
            variant="none",
            dataset=origin,
            seed=seed,
            scale="reduced",
            metrics={
                f"{name}_code{end}": value + 1e-4 * seed for name, value in NEAR.items() for end in ("", "_last500")
            },
            params=job.config.params,
            provenance=PROVENANCE,
        )
        write(folder, record)


@pytest.mark.parametrize(("published_rows", "verdict"), [(ROWS, "reproduced"), (ROWS + 1, "not comparable")])
def test_near_one_on_fewer_rows_is_not_comparable(root, tmp_path, published_rows, verdict):
    written(root, tmp_path, published_rows)
    published = read_published(root / "replications/sliced_infomin/published.csv")
    rows = compare(load_paper(root, "sliced_infomin"), published, [], tmp_path, "reduced").rows
    found = [r for r in rows if r.published.artefact == "table_adult" and r.published.entry in ("none_zy", "none_zt")]
    assert [row.judgement.verdict for row in found] == [verdict, verdict]
    assert all(("subset" in row.data) is (verdict == "not comparable") for row in found)


def test_adult_at_reduced_is_a_subset_and_at_paper_is_none(root):
    for scale, subset in (("reduced", True), ("paper", False)):
        given = {"scale": scale, "papers": "sliced_infomin", "device": "cpu"}
        plan = resolve(root, {**load_yaml(root / "config/default.yaml"), **given})
        for cell in ("adult/none", "adult/slice", "adult_clean/slice"):
            p = plan.job("sliced_infomin", cell).params
            assert (p["train_rows"] + p["test_rows"] < p["published_rows"]) is subset, (scale, cell)


def drawn(root, folder, cell, **params):
    """Return a job on stand-ins with some parameters of its own."""
    given = {"scale": "quick", "papers": "sliced_infomin", "data": "standin", "device": "cpu"}
    plan = resolve(root, {**load_yaml(root / "config/default.yaml"), **given})
    job = Job(plan.job("sliced_infomin", cell), folder, folder, root)
    job.config.params.update(params)
    return job


@pytest.mark.parametrize(("rows", "subset"), [(0, False), (10, True)])
def test_pictures_that_are_left_out_make_a_subset(root, tmp_path, rows, subset):
    faces = drawn(root, tmp_path, "faces/slice", rows=rows)
    assert load_faces(faces, 0)[1].subset is subset
    domains = drawn(root, tmp_path, "domains/mm_slice", train_rows=0, test_rows=rows)
    assert load_domains(domains)[1].subset is subset


@pytest.mark.parametrize("kinds", [("stand-in", "real"), ("real", "stand-in"), ("real", "real")])
def test_one_domain_that_is_a_stand_in_makes_the_pair_one(root, tmp_path, monkeypatch, kinds):
    given = dict(zip(pictures.PAIRS["mm"], kinds, strict=True))

    def load(name, **options):
        found = real_load(name, **options)
        return replace(found, origin=found.origin.model_copy(update={"kind": given[name]}))

    real_load = pictures.load
    monkeypatch.setattr(pictures, "load", load)
    origin = load_domains(drawn(root, tmp_path, "domains/mm_slice", train_rows=20, test_rows=10))[1]
    assert (origin.name, origin.kind) == (("mnist", "stand-in") if kinds[0] == "stand-in" else ("mnist-m", kinds[1]))


def test_real_crops_are_named_by_the_digest_of_their_files(root, tmp_path):
    folder = tmp_path / "data/raw/cmu-pie/001/01"
    folder.mkdir(parents=True)
    for k in range(30):
        pixels = np.random.default_rng(k).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k:03d}_01_0{1 + k % 2}_051_07_crop_128.png")
    job = drawn(root, tmp_path, "faces/slice")
    job = replace(job, root=tmp_path, config=job.config.model_copy(update={"data": "auto"}))
    first, second = (load_faces(job, seed)[1] for seed in (0, 1))
    assert (first.name, first.kind, first.sha256) == ("cmu-pie", "real", second.sha256)
    (folder / "000_01_01_051_07_crop_128.png").write_bytes((folder / "001_01_02_051_07_crop_128.png").read_bytes())
    assert load_faces(job, 0)[1].sha256 != first.sha256
    for path in folder.iterdir():
        path.write_bytes(b"none")
    with pytest.raises(DataError, match=r"_crop_128\.png: not a readable picture"):
        load_faces(job, 0)
