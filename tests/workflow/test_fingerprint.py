import pytest

from common.workflow.fingerprint import closure, fingerprint


@pytest.fixture
def house(tmp_path):
    files = {
        "common/__init__.py": '"""Core."""\n',
        "common/losses/__init__.py": '"""Losses."""\n',
        "common/losses/mi.py": '"""Bound."""\ndef bound(x):\n    """Double."""\n    return 2 * x\n',
        "common/losses/other.py": "def other(x):\n    return x\n",
        "common/models/__init__.py": "from common.models import net\ndef f():\n    from common.models import lazy\n",
        "common/models/net.py": "def net(): return 1\n",
        "common/models/lazy.py": "def lazy(): return 1\n",
        "common/plotting/__init__.py": "def plot(): return 1\n",
        "common/results/__init__.py": "def write(): return 1\n",
        "common/workflow/__init__.py": "",
        "common/workflow/job.py": "from common.results import write\n",
        "replications/__init__.py": "",
        "replications/p/__init__.py": "",
        "replications/p/experiment.py": (
            "from common.losses.mi import bound\nfrom common.models.net import net\n"
            "from common.workflow.job import write\nfrom . import method\n"
        ),
        "replications/p/method.py": "from ..q_shared import shared\n",
        "replications/q_shared.py": "shared = 1\n",
        "replications/p/figures.py": "from common.plotting import plot\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def edit(house, name, old, new):
    path = house / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_closure_follows_imports_as_python_runs_them(house):
    names = closure("replications.p.experiment", house)
    assert "common.losses.mi" in names
    assert "replications.q_shared" in names, "relative imports are resolved"
    assert "common.models.net" in names
    assert "common.models.lazy" not in names, "a parent package's function bodies do not run on import"
    assert "common.losses.other" not in names
    assert not [name for name in names if name.startswith(("common.workflow", "common.results", "common.plotting"))]


def test_what_computes_in_the_plumbing_counts_without_the_rest_of_it(house):
    """The processor decides on a precision, tables print means: an edit there may change what is trained, or said."""
    files = {"processor": "from common.results import write\nAMX = 1\n", "store": "PLACE = 1\n"}
    for name, text in files.items():
        (house / f"common/results/{name}.py").write_text(text)
    edit(house, "common/losses/mi.py", "def bound", "from common.results import processor, store\ndef bound")
    names = closure("replications.p.experiment", house)
    assert [name for name in names if name.startswith("common.results")] == ["common.results.processor"]
    found = [fingerprint("replications.p.experiment", house)]
    for name in ("store", "processor"):
        edit(house, f"common/results/{name}.py", "= 1", "= 2")
        found.append(fingerprint("replications.p.experiment", house))
    assert (found[1] == found[0], found[2] == found[1]) == (True, False)


def test_plumbing_that_is_a_job_itself_counts_with_all_its_imports(house):
    """The report's page is made by ``common.workflow``: an edit there must draw it again."""
    assert {"common.workflow.job", "common.results"} <= set(closure("common.workflow.job", house))
    before = fingerprint("common.workflow.job", house), fingerprint("replications.p.experiment", house)
    edit(house, "common/results/__init__.py", "return 1", "return 2")
    after = fingerprint("common.workflow.job", house), fingerprint("replications.p.experiment", house)
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)


def test_closure_of_a_package_asked_by_name_follows_its_functions(house):
    edit(house, "replications/p/experiment.py", "from common.models.net import net", "from common.models import f")
    assert "common.models.lazy" in closure("replications.p.experiment", house)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("common/losses/mi.py", '"""Bound."""', '"""Another module docstring."""'),
        ("common/losses/mi.py", '"""Double."""', '"""Another docstring."""'),
        ("common/losses/mi.py", "return 2 * x", "return 2 * x  # why"),
        ("common/losses/mi.py", "return 2 * x", "return (2   *   x)"),
        ("common/losses/other.py", "return x", "return 3 * x"),
        ("common/plotting/__init__.py", "return 1", "return 2"),
        ("common/results/__init__.py", "return 1", "return 2"),
        ("replications/p/figures.py", "plot", "plot as p"),
    ],
)
def test_edits_that_cannot_change_a_result_leave_the_fingerprint(house, name, old, new):
    before = fingerprint("replications.p.experiment", house)
    edit(house, name, old, new)
    assert fingerprint("replications.p.experiment", house) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("common/losses/mi.py", "return 2 * x", "return 3 * x"),
        ("common/models/__init__.py", "import net\n", "import net\n\nFLAG = 1\n"),
        ("replications/q_shared.py", "shared = 1", "shared = 2"),
        ("replications/p/experiment.py", "from . import method", "from . import method\nEPOCHS = 3"),
    ],
)
def test_semantic_edits_of_what_is_imported_change_it(house, name, old, new):
    before = fingerprint("replications.p.experiment", house)
    edit(house, name, old, new)
    assert fingerprint("replications.p.experiment", house) != before


def test_unknown_module_is_named(house):
    with pytest.raises(ModuleNotFoundError, match=r"replications\.p\.nothing"):
        fingerprint("replications.p.nothing", house)
