"""The data directory of `medallero up`: whose it is, who uses it now, and its epoch.

medallero.json   marks the directory as ours; the layout's version and the epoch
up.lock          held by the running `up`, with its process id
up.log           what an `up` in the background has said
env              what shells source; there while everything runs, and after it
targets.json     where the metrics are, for Prometheus
demo             says that a demonstration has it, whose data the next one may remove
seed             the games' secret seed; a directory of before there was one has none
kafka/ redis/    their data; so rabbitmq/ and valkey/ of the weather reports
logs/            a file for each process
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

_MARKER: Final = "medallero.json"
_LOCK: Final = "up.lock"
_SEED: Final = "seed"
#: What an `up` in the background says.
OUTPUT: Final = "up.log"
#: What shells source; not there while an `up` starts.
ENVIRONMENT: Final = "env"
_DEMO: Final = "demo"
_LAYOUT: Final = 1
_MOMENT: Final = 0.01
_OURS: Final = ("kafka", "redis", "rabbitmq", "valkey", "logs")


class NotOurs(RuntimeError):
    """The directory has content that no `up` has made."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not empty and was not made by `medallero up`")
        self.path = path


class InUse(RuntimeError):
    """Another `up` works in the directory."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is used by process {pid}" if pid else f"{path} is in use")
        self.path = path
        self.pid = pid


class DataDir:
    """A data directory that this process holds until it is closed."""

    def __init__(self, path: Path) -> None:
        """Take the directory, making it if it is absent.

        :raises NotOurs: it has other content.
        :raises InUse: another process holds it.
        """
        self.path = path.expanduser().absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        marker = self.path / _MARKER
        if _is_foreign(self.path):
            raise NotOurs(self.path)
        self._lock = (self.path / _LOCK).open("a+")
        while not _locked(self._lock):
            # Whoever looks whether it is held has a share of the lock for a moment.
            if is_held(self.path):
                self._lock.close()
                raise InUse(self.path, holder(self.path))
            time.sleep(_MOMENT)
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()
        if not marker.exists():
            self.epoch = 1
            self._make_seed()

    @property
    def kafka(self) -> Path:
        """Kafka's files."""
        return self.path / "kafka"

    @property
    def redis(self) -> Path:
        """Redis's files."""
        return self.path / "redis"

    @property
    def rabbitmq(self) -> Path:
        """RabbitMQ's files."""
        return self.path / "rabbitmq"

    @property
    def valkey(self) -> Path:
        """Valkey's files."""
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        """The output of each process."""
        return logs_of(self.path)

    @property
    def seed(self) -> str | None:
        """The games' secret seed; None where entries were settled before there was one."""
        try:
            return (self.path / _SEED).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _make_seed(self) -> None:
        path = self.path / _SEED
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16) + "\n", encoding="utf-8")

    @property
    def epoch(self) -> int:
        """Of the topics in this directory; from 1."""
        return int(json.loads((self.path / _MARKER).read_text(encoding="utf-8"))["epoch"])

    @epoch.setter
    def epoch(self, value: int) -> None:
        content = json.dumps({"layout": _LAYOUT, "epoch": value})
        scratch = self.path / f"{_MARKER}.new"
        scratch.write_text(content + "\n", encoding="utf-8")
        scratch.replace(self.path / _MARKER)

    def clear(self) -> bool:
        """Remove the data and the logs; nothing that `up` has not made is touched.

        Returns whether there was anything.
        """
        ours = [it for it in (self.path / name for name in _OURS) if it.exists()]
        for it in ours:
            shutil.rmtree(it, ignore_errors=True)
        self._make_seed()
        return bool(ours)

    def close(self) -> None:
        """Let the next process have the directory."""
        self._lock.truncate(0)
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def mark_demo(path: Path) -> bool:
    """Mark a directory as a demonstration's, unless it is somebody's; return False if `up` made it.

    :raises OSError: it cannot be made.
    """
    mark = path / _DEMO
    if not mark.exists():
        if (path / _MARKER).exists():
            return False
        path.mkdir(parents=True, exist_ok=True)
        if not _is_foreign(path):
            mark.touch()
    return True


def _is_foreign(path: Path) -> bool:
    known = (_LOCK, OUTPUT, _DEMO)
    return not (path / _MARKER).exists() and any(it.name not in known for it in path.iterdir())


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stop_holder(path: Path, timeout: float) -> None:
    """Ask the `up` that holds the directory to end, and wait until it has.

    :raises InUse: it still holds the directory after so many seconds, or is not known.
    """
    deadline = time.monotonic() + timeout
    asked: int | None = None
    while (pid := holder(path)) is not None or is_held(path):
        if pid is not None and asked != pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            asked = pid
        if time.monotonic() > deadline:
            raise InUse(path, pid)
        time.sleep(0.1)


def holder(path: Path) -> int | None:
    """Return the process that holds the directory; a number left by a dead one does not count."""
    if not is_held(path):
        return None
    text = (path / _LOCK).read_text(encoding="utf-8").strip()
    return int(text) if text.isdigit() else None


def logs_of(path: Path) -> Path:
    """Return where the logs of the `up` in that directory are."""
    return path / "logs"


def is_held(path: Path) -> bool:
    """Whether an `up` works in that directory."""
    try:
        with (path / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
