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
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from contracts.reasons import reason_of
from medallero.embedded.datadir import OUTPUT, InUse, holder, is_held, stop_holder
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

    *data* is a directory of ours. Returns its exit code, 0 while it runs. Ctrl-C before everything
    runs ends it.
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
        with output.open(encoding="utf-8") as lines:
            while True:
                code = process.poll()
                for line in lines:
                    if line.rstrip("\n") == LAST_LINE:
                        say("`medallero down` stops everything; the standings stay.")
                        return 0
                    say(line.rstrip("\n"))
                if code is not None:
                    return code
                time.sleep(_TICK)
    except KeyboardInterrupt:
        process.terminate()
        process.wait(_STOP)
        raise


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
        text = (data / "env").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CannotDo(f"It is starting; what it says is in {data / OUTPUT}.") from None
    words = (shlex.split(line)[1] for line in text.splitlines())
    return {name: value for name, _, value in (it.partition("=") for it in words)}


def _server(name: str, address: str) -> Part:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    except (OSError, ValueError) as error:
        return Part(name, address, reason_of(error))
    return Part(name, address, None)
