"""What a job says of a setting that it refuses."""

import importlib

from common.results import store
from common.workflow.resolve import default_settings, resolve


def quick_job(root, cell, **changed):
    """Return the job of ``paper/experiment/variant`` at scale quick on stand-ins, ``experiment.key`` set as given."""
    paper, cell = cell.split("/", maxsplit=1)
    given = {"scale": "quick", "papers": paper, "data": "standin", "device": "cpu", "seeds": 1}
    given["set"] = {f"{paper}.{key}": value for key, value in changed.items()}
    return resolve(root, {**default_settings(root), **given}).job(paper, cell)


def refusal(job, folder, capsys):
    """Run a job whose setting is refused, from a configuration in ``folder``; return the one line that it says."""
    path = store.cell_folder(folder, job.cell) / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    assert importlib.import_module(job.module).main([str(path), "--results", str(folder)]) == 1
    told = capsys.readouterr().err.strip()
    assert "\n" not in told
    return told
