"""Brings the locked jars into the cache directory, restartable and checked.

A jar is written as `….jar.part`, continued where an earlier attempt broke off, checked against
the lock's SHA-256 and only then renamed into place, so a file that has its final name is whole.
Processes that fetch at once wait for each other on a lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

import requests

from medallero.embedded.lock import Jar
from medallero.stop_flag import StopFlag

_CONNECTIONS: Final = 4
_ATTEMPTS: Final = 4
_CHUNK: Final = 64 * 1024
_CONNECT_TIMEOUT: Final = 10.0
_READ_TIMEOUT: Final = 30.0

#: Called with the number of bytes that have become present; negative when some were discarded.
Progress = Callable[[int], None]


class FetchError(RuntimeError):
    """A jar could not be had: which one, from where, and why."""

    def __init__(self, coordinate: str, url: str, reason: str) -> None:
        super().__init__(f"{coordinate} from {url}: {reason}")
        self.coordinate = coordinate
        self.url = url
        self.reason = reason


class Cancelled(RuntimeError):
    """The caller's stop flag was set while jars were being fetched."""


def missing(jars: Sequence[Jar], directory: Path) -> list[Jar]:
    """Return the jars that are absent from the directory, or differ from the lock."""

    def is_whole(jar: Jar) -> bool:
        file = directory / jar.path
        return file.is_file() and file.stat().st_size == jar.size and _sha256(file) == jar.sha256

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        return [jar for jar, whole in zip(jars, pool.map(is_whole, jars), strict=True) if not whole]


def fetch(
    jars: Sequence[Jar],
    directory: Path,
    base_url: str,
    *,
    progress: Progress = lambda _bytes: None,
    stop: StopFlag | None = None,
) -> None:
    """Bring all jars into the directory, several at once.

    :param base_url: address of a Maven repository.
    :raises FetchError: for the first jar that cannot be had; what came before it stays.
    :raises Cancelled: the stop flag was set.
    """
    stop = stop or StopFlag()
    give_up = threading.Event()
    directory.mkdir(parents=True, exist_ok=True)

    def fetch_one(jar: Jar) -> None:
        with _session() as session:
            _fetch_with_patience(session, jar, directory, base_url, progress, give_up)

    with _only_one_process(directory, stop), ThreadPoolExecutor(_CONNECTIONS) as pool:
        # Another process may have fetched them while this one waited for the lock.
        wanted = missing(jars, directory)
        wanted_paths = {jar.path for jar in wanted}
        progress(sum(jar.size for jar in jars if jar.path not in wanted_paths))
        futures = [pool.submit(fetch_one, jar) for jar in wanted]
        try:
            while not stop.is_set():
                done, pending = wait(futures, timeout=0.1, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                if not pending:
                    return
            raise Cancelled
        finally:
            give_up.set()
            for future in futures:
                future.cancel()


@contextlib.contextmanager
def _only_one_process(directory: Path, stop: StopFlag) -> Iterator[None]:
    with (directory / ".fetching").open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.wait(0.2):
                    raise Cancelled from None
        yield


def _session() -> requests.Session:
    session = requests.Session()
    # requests reads its own variables for certificates; this one is everybody else's.
    if not any(os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")):
        session.verify = os.environ.get("SSL_CERT_FILE") or True
    return session


def _fetch_with_patience(
    session: requests.Session,
    jar: Jar,
    directory: Path,
    base_url: str,
    progress: Progress,
    give_up: threading.Event,
) -> None:
    url = f"{base_url.rstrip('/')}/{jar.path}"
    part = directory / f"{jar.path}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    reason = "nothing was tried"
    for attempt in range(_ATTEMPTS):
        if attempt and give_up.wait(0.5 * 2 ** (attempt - 1)):
            return
        try:
            _download(session, url, part, jar.size, progress, give_up)
        except requests.HTTPError as error:
            reason = str(error)
            if error.response.status_code < 500 and error.response.status_code != 429:
                break
            continue
        except (requests.RequestException, OSError) as error:
            reason = _innermost(error)
            continue
        if give_up.is_set():
            return
        found = _sha256(part)
        if found == jar.sha256:
            part.replace(directory / jar.path)
            return
        reason = f"its SHA-256 is {found}, the lock says {jar.sha256}"
        progress(-part.stat().st_size)
        part.unlink()
    raise FetchError(jar.coordinate, url, reason)


def _download(
    session: requests.Session,
    url: str,
    part: Path,
    size: int,
    progress: Progress,
    give_up: threading.Event,
) -> None:
    """Append what is missing to the part file; begin it anew where the server cannot continue."""
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        progress(have)
        return
    # "identity": a compressed transfer could not be continued at a byte of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    timeouts = (_CONNECT_TIMEOUT, _READ_TIMEOUT)
    with session.get(url, headers=headers, stream=True, timeout=timeouts) as response:
        response.raise_for_status()
        continued = have > 0 and response.status_code == requests.codes.partial_content
        written = have if continued else 0
        progress(written)
        try:
            with part.open("ab" if continued else "wb") as file:
                for chunk in response.iter_content(_CHUNK):
                    if give_up.is_set():
                        return
                    file.write(chunk)
                    written += len(chunk)
                    progress(len(chunk))
            if written != size:
                raise OSError(f"the transfer ended after {written} of {size} bytes")
        except (requests.RequestException, OSError):
            progress(-written)  # The next attempt counts what is there again.
            raise


def _innermost(error: BaseException) -> str:
    """Return the reason at the bottom of a library's nested errors: the one that people know."""
    reason = getattr(error, "reason", None) or next(
        (it for it in error.args if isinstance(it, BaseException)), None
    )
    if isinstance(reason, BaseException) and reason is not error:
        return _innermost(reason)
    return str(error) or type(error).__name__


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
