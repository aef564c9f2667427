"""A run on fewer rows than the paper's cannot reproduce a printed number, however near it comes."""

import pytest

from common.evaluation.comparison import compare
from common.evaluation.published import read_published
from common.results import Record, write
from common.workflow.config import load_paper, load_yaml
from common.workflow.job import Job
from common.workflow.resolve import resolve
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
