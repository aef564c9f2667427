"""The tables of the lemmas and of decoupled training, from records written by hand."""

import pytest

from common.results import Origin, Record
from replications.attribute_unlearning import lemmas, theory_tables
from tests.handmade import PROVENANCE


def record(experiment, variant, seed, metrics):
    return Record(
        paper="attribute_unlearning",
        experiment=experiment,
        variant=variant,
        dataset=Origin(name="none", kind="generated", sha256="0" * 64),
        seed=seed,
        scale="quick",
        metrics=metrics,
        params={},
        provenance=PROVENANCE,
    )


def test_lemmas_as_they_are_counted():
    runs = [record("lemmas", "exact", seed, lemmas.one_seed(seed, {"drawn": 100}).metrics) for seed in (0, 1)]
    table = theory_tables.lemmas(runs)
    assert table["verdict"].tolist() == ["holds"] * 2 + ["fails"] + ["holds"] + ["fails"] * 4 + ["holds"] * 2
    assert table["of"].tolist() == ["8480", *["4240"] * 5, "8480", "4240", "16960", "8480"]
    assert table["worst excess (nats)"][0] == "0.000"
    assert float(table["worst excess (nats)"][6]) > 0.5


def parallel_metrics(streams):
    found = {"cuda_streams": streams, "cpu_threads": 2.0, "cpu_threads_a_part": 1.0, "load_before": 0.5}
    for way, seconds, memory in (("raw", 30, 400), ("sequential", 28, 300), ("decoupled", 20, 410)):
        found |= {f"seconds_{way}": seconds, f"memory_{way}_mb": memory}
    return found | {
        "ratio": 1.5,
        "ratio_sequential": 30 / 28,
        "memory_saving": -0.025,
        "memory_saving_sequential": 0.25,
    }


@pytest.mark.parametrize(
    ("streams", "on", "measured"),
    [
        (0.0, ["1 x 2 CPU thread(s)", "1 x 2 CPU thread(s)", "2 x 1 CPU thread(s)"], "counted"),
        (2.0, ["1 CUDA stream", "1 CUDA stream", "2 CUDA streams"], "allocator"),
    ],
)
def test_decoupling_says_how_and_on_what(streams, on, measured):
    table = theory_tables.parallel([record("parallel", "r18", s, parallel_metrics(streams)) for s in (0, 1, 2)])
    assert table["on"].tolist() == on
    assert set(table["measured by"]) == {measured}
    assert table["speed-up"].tolist() == ["1", "1.071 ± 0.000", "1.500 ± 0.000"]
    assert table["share saved"].tolist() == ["0", "0.250 ± 0.000", "-0.025 ± 0.000"]
    assert table["seeds"].tolist() == ["3"] * 3


def test_a_record_without_the_numbers_names_them():
    with pytest.raises(KeyError, match="cuda_streams"):
        theory_tables.parallel([record("parallel", "r18", 0, {})])
