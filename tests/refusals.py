"""What a job says of a setting that it refuses."""

import importlib

from common.results import store


def refusal(job, folder, capsys):
    """Run a job whose setting is refused, from a configuration in ``folder``; return the one line that it says."""
    path = store.cell_folder(folder, job.cell) / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(job.model_dump_json(), encoding="utf-8")
    assert importlib.import_module(job.module).main([str(path), "--results", str(folder)]) == 1
    told = capsys.readouterr().err.strip()
    assert "\n" not in told
    return told
