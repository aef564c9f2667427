"""Disks that are full or read-only, made as the machine allows: a mount where we are root, else limits and modes."""

import contextlib
import os
import resource
import subprocess

import pytest


def _mount(*words):
    return subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """Return an empty file system of 1 MiB, or skip where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", folder):
        pytest.skip("only root can mount a small file system; the limit on file sizes is tried everywhere")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def fill():
    """Return a function that leaves no room on a disk, and gives the file to remove to make some."""

    def use_up(folder):
        filler = folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(b"x" * 4096)
        return filler

    return use_up


@pytest.fixture
def file_limit():
    """Return a context in which no file of this process grows beyond so many bytes: it works for every user."""

    @contextlib.contextmanager
    def limited(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def read_only():
    """Return a function that makes a folder read-only, root's writes included, until the test ends."""
    with contextlib.ExitStack() as undo:

        def protect(folder):
            if os.geteuid() != 0:
                for path in [folder, *folder.rglob("*")]:
                    undo.callback(path.chmod, path.stat().st_mode)
                    path.chmod(path.stat().st_mode & ~0o222)
            elif _mount("--bind", folder, folder):
                undo.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
                if not _mount("-o", "remount,ro,bind", folder):
                    pytest.skip("this machine mounts nothing read-only, and root may write everywhere")
            else:
                pytest.skip("this machine mounts nothing, and root may write everywhere")

        yield protect


@pytest.fixture
def canary(tmp_path):
    """Return a file that only executed content could make, and a shell command that would."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists(), "something in the file was executed"
