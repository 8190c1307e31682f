"""Several processes on one port: a parent that starts them, and starts anew one that dies.

The parent serves nothing. It holds both ports without listening, so that nobody else takes them,
and each process listens on them by itself (SO_REUSEPORT): the kernel gives every new connection to
one of them.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

import structlog

from gateway.multiprocess.shared_metrics import socket_of
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.processes")

#: Pauses before a process that died is started again, seconds: doubled with each death, and short
#: again for one that has lived for as long as the longest pause.
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
#: What a process gets beyond its drain timeout before it is killed, seconds.
_GRACE: Final = 10.0


class ProcessesFailed(Exception):
    """A process of the gateway could not start; its own words have said why."""


async def run_processes(settings: GatewaySettings) -> None:
    """Run ``settings.processes`` processes until SIGTERM or SIGINT, and until they are drained.

    :raises OSError: a port is taken.
    :raises ProcessesFailed: a process ended before it ever served.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    with (
        _held(settings.http_host, settings.http_port, "HTTP") as http,
        _held(settings.grpc_host, settings.grpc_port, "gRPC") as grpc,
        tempfile.TemporaryDirectory(prefix="medallero-gateway-") as directory,
    ):
        ports = {"HTTP": http.getsockname()[1], "GRPC": grpc.getsockname()[1]}
        environment = os.environ | {
            f"MEDALLERO_{name}_PORT": str(port) for name, port in ports.items()
        }
        children = [
            _Child(number, Path(directory), environment, settings.drain_timeout + _GRACE)
            for number in range(1, settings.processes + 1)
        ]
        _log.info("starting", processes=len(children), http=ports["HTTP"], grpc=ports["GRPC"])
        keepers = [asyncio.create_task(child.keep()) for child in children]
        stopper = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopper, *keepers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopper.cancel()
            await asyncio.gather(*(child.stop() for child in children))
            outcomes = await asyncio.gather(*keepers, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        _log.info("stopped")


class _Child:
    """One of the processes, whichever it is at the moment."""

    def __init__(
        self, number: int, directory: Path, environment: dict[str, str], patience: float
    ) -> None:
        self._number = number
        self._directory = directory
        self._environment = environment
        self._patience = patience
        self._process: Process | None = None
        self._stopping = asyncio.Event()

    async def keep(self) -> None:
        """Start it, again and again, until ``stop``.

        :raises ProcessesFailed: it has never served.
        """
        loop = asyncio.get_running_loop()
        served = socket_of(self._directory, self._number)
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            started = loop.time()
            # Its standard input ends when this process does, however that comes.
            process = self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway.main"),
                *(str(self._number), str(self._directory)),
                stdin=PIPE,
                env=self._environment,
            )
            if self._stopping.is_set():  # told while it was being started
                process.terminate()
            code = await process.wait()
            if self._stopping.is_set():
                return
            if not served.exists():
                raise ProcessesFailed
            if loop.time() - started > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            _log.error("process_died", process=self._number, code=code, again_in=pause)
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def stop(self) -> None:
        """Let it drain, and wait for its end; kill it if that takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self._patience):
                await process.wait()
        except TimeoutError:
            _log.error("process_killed", process=self._number, after=self._patience)
            process.kill()
            await process.wait()


def _held(host: str, port: int, protocol: str) -> socket.socket:
    """Return a socket that holds the port for those who share it, and takes no connections."""
    family, kind, number, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    try:
        if port:
            # Whoever listens there would not mind to share the port with us; we do.
            with socket.socket(family, kind, number) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind(address)
        held = socket.socket(family, kind, number)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Connections of a former gateway, which shared the port with nobody, hold it for a
            # minute after they were closed. That is no reason to wait for them.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(address)
            # Left as it is, any server might listen here until our processes do.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        except BaseException:
            held.close()
            raise
    except OSError as error:
        raise OSError(
            error.errno, f"cannot listen on {host}:{port} for {protocol}: {error.strerror}"
        ) from None
    return held
