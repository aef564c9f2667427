import re
from importlib import metadata

import pytest
import yaml


def pins(root):
    lines = (root / "requirements.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_every_requirement_is_an_exact_pin(root):
    for line in pins(root):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line), line


def test_conda_users_get_the_same_list(root):
    content = yaml.safe_load((root / "environment.yml").read_text())
    plain = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    assert plain == ["python=3.11", "pip"]
    assert [entry for entry in content["dependencies"] if isinstance(entry, dict)] == [{"pip": ["-r requirements.txt"]}]


def test_torch_and_torchvision_are_a_matching_pair(root):
    versions = dict(line.split("==") for line in pins(root))
    torch, vision = (tuple(map(int, versions[name].split("."))) for name in ("torch", "torchvision"))
    # torchvision 0.(n+15).x is built for torch 2.n.x
    assert (torch[0], vision[0]) == (2, 0)
    assert vision[1] == torch[1] + 15
    assert vision[2] == torch[2]


def test_what_is_installed_is_what_is_pinned(root):
    wrong = []
    for line in pins(root):
        name, version = line.split("==")
        try:
            found = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            found = "nothing"
        if found != version:
            wrong.append(f"{name}: {found} installed, {version} pinned")
    if len(wrong) > len(pins(root)) // 2:
        pytest.fail("this is not the project's environment; run: make setup")
    assert not wrong
