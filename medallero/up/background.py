"""An `up` in the background: started, looked at, ended."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from urllib.parse import urlsplit

from contracts.reasons import reason_of
from medallero.embedded.datadir import ENVIRONMENT, OUTPUT, InUse, holder, is_held, stop_holder
from medallero.options import variable
from medallero.terminal import CannotDo
from medallero.up.services import unreadiness

#: The last line that `up` prints when everything runs.
LAST_LINE: Final = "Ctrl-C stops everything; the standings stay."

_TICK: Final = 0.1
_STOP: Final = 90.0
_ANSWER: Final = 2.0


class Part(NamedTuple):
    """A server or process that `up` needs: its name, its address, and why it is not ready."""

    name: str
    address: str
    problem: str | None


def start(arguments: Sequence[str], data: Path, say: Callable[[str], None]) -> int:
    """Run `medallero up` in the background; say what it says, until all runs or it has ended.

    *data* is a directory of ours. Returns 0 while it runs, else its exit code, or 1 where it was
    ended from outside. Ctrl-C before everything runs ends it.

    :raises CannotDo: it does not end.
    """
    output = data / OUTPUT
    output.unlink(missing_ok=True)
    output.touch(mode=0o600)
    own = [sys.argv[0]] if Path(sys.argv[0]).name == "medallero" else ["-m", "medallero"]
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *own, "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with output.open("rb") as said:
            for line in _lines(said, process):
                if line == LAST_LINE:
                    say("`medallero down` stops everything; the standings stay.")
                    return 0
                say(line)
    except KeyboardInterrupt:
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            raise CannotDo(f"Process {process.pid} does not end.") from None
        raise
    if process.returncode > 0:
        return process.returncode
    say("It was ended before everything ran.")
    return 1


def stop(data: Path) -> int | None:
    """End the `up` that works in *data*; return its process, None if there is none.

    :raises CannotDo: it does not end.
    """
    data = data.expanduser().absolute()
    if not is_held(data):
        return None
    pid = holder(data)
    try:
        stop_holder(data, _STOP)
    except InUse as error:
        raise CannotDo(f"It does not end: {error}.") from None
    return pid


def parts(data: Path) -> Iterator[Part]:
    """Yield what the `up` in *data* needs, each asked whether it is ready."""
    environment = read_environment(data)
    redis = urlsplit(environment.get(variable("redis"), ""))
    kafka = environment.get(variable("kafka"), "").partition(",")[0]
    yield _server("Kafka", kafka)
    if redis.scheme != "unix":
        yield _server("Redis", f"{redis.hostname}:{redis.port or 6379}")
    tls = environment.get(variable("endpoint"), "").startswith("https")
    for it in json.loads((data / "targets.json").read_text(encoding="utf-8")):
        name, address = it["labels"]["instance"], it["targets"][0]
        host, _, port = address.rpartition(":")
        problem = unreadiness(host.strip("[]"), int(port), tls=tls and name == "gateway")
        yield Part(name, address, problem)


def read_environment(data: Path) -> Mapping[str, str]:
    """Return what the `up` in *data* has written for shells.

    :raises CannotDo: it has written nothing yet.
    """
    try:
        text = (data / ENVIRONMENT).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CannotDo(f"It is starting. What `up --detach` says is in {data / OUTPUT}.") from None
    words = (shlex.split(line)[1] for line in text.splitlines())
    return {name: value for name, _, value in (it.partition("=") for it in words)}


def _lines(said: BinaryIO, process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines that *process* writes into a file, each when it is whole, until it ends."""
    part = b""
    while True:
        ended = process.poll() is not None
        *whole, part = (part + said.read()).split(b"\n")
        if ended and part:
            whole.append(part)
        for line in whole:
            yield line.decode("utf-8", "replace")
        if ended:
            return
        time.sleep(_TICK)


def _server(name: str, address: str) -> Part:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    except (OSError, ValueError) as error:
        return Part(name, address, reason_of(error))
    return Part(name, address, None)
