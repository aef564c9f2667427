"""Downloads one registered file with pooch: short timeouts, retries, progress, a checksum before the name is given."""

import logging
import os
import sys
import time
from pathlib import Path

import requests
from pooch import HTTPDownloader

from common.data.errors import NotAtHandError, WrongFileError
from common.data.files import Checksums, temporary_beside
from common.data.registry import File

CONNECT_SECONDS = 3.0  # a machine without network must notice soon
READ_SECONDS = 30.0
ATTEMPTS = 3
log = logging.getLogger(__name__)


def download(name: str, file: File, path: Path, pause: float = 1.0) -> None:
    """Fetch a file to path from the first address that has it; path appears complete and checked, or not at all.

    Raises NotAtHandError where no address answers, WrongFileError where what came is not the registered file; that
    one is kept beside path as ``<name>.bad-<8 hex>``.
    """
    reasons, wrong = [], ""
    for url in file.urls:
        log.warning("%s: downloading %s", name, url)
        temporary = temporary_beside(path)
        try:
            _transfer(url, temporary, pause)
            wrong = _accept(file, temporary, path)
            if not wrong:
                return
        except (requests.RequestException, OSError) as problem:
            reasons.append(f"{url}: {_reason(problem)}")
        finally:
            temporary.unlink(missing_ok=True)
    if wrong:
        raise WrongFileError(f"{name}: {wrong}; try later, or put a good copy into {path.parent}")
    raise NotAtHandError(
        f"{name}: {file.path} could not be downloaded ({'; '.join(reasons)}); "
        f"put it into {path.parent} by hand (see data/README.md)"
    )


def _transfer(url: str, temporary: Path, pause: float) -> None:
    """Write what the address sends; try again where a transfer broke off, give up at once where nobody answers."""
    fetch = HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            fetch(url, str(temporary), None)
            return
        except requests.RequestException as problem:
            status = getattr(problem.response, "status_code", None)
            hopeless = status is not None and status < 500  # 4xx: asking again changes nothing
            silent = isinstance(problem, requests.ConnectionError) and not temporary.stat().st_size
            if hopeless or silent or attempt == ATTEMPTS:
                raise
            log.warning("%s: %s; trying again (%d of %d)", url, _reason(problem), attempt + 1, ATTEMPTS)
            time.sleep(pause * attempt)


def _accept(file: File, temporary: Path, path: Path) -> str:
    """Give a checked download its name, or keep it aside; returns what was wrong, or nothing."""
    digests = Checksums.read(temporary)
    kind = "sha256" if file.sha256 else "md5"
    wanted = file.sha256 or file.md5
    if digests[kind] == wanted:
        os.replace(temporary, path)
        return ""
    aside = path.with_name(f"{path.name}.bad-{digests['sha256'][:8]}")
    os.replace(temporary, aside)
    return f"{file.path} came with {kind} {digests[kind]}, expected {wanted}; kept aside as {aside.name}"


def _reason(problem: Exception) -> str:
    """Return one short line about a failed transfer."""
    if isinstance(problem, requests.HTTPError) and problem.response is not None:
        return f"the server answered {problem.response.status_code}"
    if isinstance(problem, requests.ConnectTimeout | requests.ReadTimeout):
        return "no answer in time"
    if isinstance(problem, requests.ConnectionError):
        return "no connection"
    return f"{type(problem).__name__} {problem}".splitlines()[0][:120]
