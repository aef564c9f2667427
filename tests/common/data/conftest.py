"""Fixtures of the data tests: a place to drop files, the real sets where they are at hand, a web server."""

from functools import cache

import pytest
from data_toys import MIRROR, Server

import common.data


@pytest.fixture
def drop(tmp_path):
    """Return a function that writes a file below the temporary checkout."""

    def write(path, content):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    return write


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """Return a function that loads a real set from the mirror, once a session, or skips."""
    root = tmp_path_factory.mktemp("real")

    @cache
    def load(name, framing=None):
        try:
            return common.data.load(name, policy="real", root=root, mirrors=[MIRROR], online=False, framing=framing)
        except common.data.DataError as problem:
            if "not found" in str(problem):
                return None
            raise

    def load_or_skip(name, **how):
        found = load(name, **how)
        if found is None:
            pytest.skip(f"{name}: the real set is neither in data/raw nor in a mirror beside this checkout")
        return found

    return load_or_skip


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()
