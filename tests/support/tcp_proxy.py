"""A TCP proxy that tests put between clients and a server, to make the network bad at will."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_PIECE: Final = 64 * 2**10
#: Closing with this option sends a reset instead of an orderly end.
_RESET: Final = struct.pack("ii", 1, 0)


class TcpProxy:
    """Passes bytes between whoever connects to ``address`` and the server at *upstream*.

    ::

        with TcpProxy(("127.0.0.1", 9092)) as proxy:
            proxy.delay = 0.3      # each piece is so many seconds late, both ways
            proxy.rate = 10_000    # at most so many bytes a second, each way of each connection
            proxy.hold_answers()   # clients' words pass, the server's are kept back
            proxy.hold()           # nothing passes, on new connections neither
            proxy.cut()            # all connections are reset, new ones at once
        proxy.strand(1.0)      # connections end; what clients say until then comes late
            proxy.heal()           # as at the start; what was held is delivered

    It has a thread of its own; every method may be called from any thread. A server that tells
    clients its address, as Kafka does, must tell them the proxy's.
    """

    def __init__(self, upstream: tuple[str, int], port: int = 0) -> None:
        """*port* 0 takes any free one; the server may come later."""
        self.upstream = upstream
        self.port = port
        self.delay = 0.0
        self.rate: float | None = None
        #: bytes that have reached the server, and clients
        self.passed_up = 0
        self.passed_down = 0
        self._cut = False
        # Whatever loop others have made the default: uvloop's sockets cannot be reset when closed.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy")
        self._may_pass_up = asyncio.Event()
        self._may_pass_down = asyncio.Event()
        self._may_deliver = asyncio.Event()
        self._lines: set[_Line] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """What clients connect to, as host:port."""
        return f"{_HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections of clients are open."""
        return len(self._tasks)

    @property
    def stranded(self) -> int:
        """How many connections are stranded whose words have not come to their end."""
        return sum(line.stranded for line in self._lines.copy())

    def hold(self) -> None:
        """Let nothing pass in either direction; connections stay open."""
        self._now(self._may_pass_up.clear, self._may_pass_down.clear)

    def hold_answers(self) -> None:
        """Let what clients say pass, and keep the answers back: they cannot know the outcome."""
        self._now(self._may_pass_down.clear)

    def cut(self) -> None:
        """Reset all connections, with all that was held, and every new one until ``heal``."""
        self._cut = True
        self._now(self._reset_all)

    def strand(self, seconds: float) -> None:
        """Keep back what clients say on the open connections, and reset these after *seconds*.

        Answers to what was said before pass, as else many a client would say nothing new. ``heal``
        delivers what was kept back, however late, as a network may: clients cannot know, and say
        it again on new connections, which pass. Returns at once.
        """
        self._now(lambda: self._strand(seconds))

    def heal(self) -> None:
        """Behave as at the start; what was held or stranded is delivered."""
        self.delay, self.rate, self._cut = 0.0, None, False
        self._now(self._may_pass_up.set, self._may_pass_down.set, self._may_deliver.set)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._end_thread()

    def _now(self, *changes: Callable[[], None]) -> None:
        """Make *changes* in the loop's thread, and return when they are made."""
        done: Future[None] = Future()

        def run() -> None:
            for change in changes:
                change()
            done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        done.result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._may_pass_up.set()
        self._may_pass_down.set()
        self._server = await asyncio.start_server(self._accept, _HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._cut = True
        self._reset_all()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)

    def _strand(self, seconds: float) -> None:
        self._may_deliver.clear()
        for line in self._lines:
            line.stranded = True
            self._loop.call_later(seconds, _reset, line.client)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours = [writer]
        line = _Line(writer)
        self._lines.add(line)
        self._writers.add(writer)
        try:
            if self._cut:
                return
            server_reader, server_writer = await asyncio.open_connection(*self.upstream)
            ours.append(server_writer)
            self._writers.add(server_writer)
            if self._cut:
                return
            pumps = [
                asyncio.create_task(self._pump(reader, server_writer, line, up=True)),
                asyncio.create_task(self._pump(server_reader, writer, line, up=False)),
            ]
            try:
                await asyncio.wait(pumps)
            finally:
                for pump in pumps:
                    pump.cancel()
        except OSError:
            return  # the server is away: the client sees a reset
        finally:
            self._lines.discard(line)
            for each in ours:
                self._writers.discard(each)
                _reset(each)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        line: _Line,
        *,
        up: bool,
    ) -> None:
        may_pass = self._may_pass_up if up else self._may_pass_down
        stranded: list[bytes] = []

        async def pass_on(piece: bytes) -> None:
            writer.write(piece)
            await writer.drain()
            if up:
                self.passed_up += len(piece)
            else:
                self.passed_down += len(piece)

        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.rate:
                    await asyncio.sleep(len(piece) / self.rate)
                await may_pass.wait()
                if line.stranded and up:
                    stranded.append(piece)
                else:
                    await pass_on(piece)
        # An end is passed on too, but not past what is held.
        await may_pass.wait()
        if line.stranded and up:
            await self._may_deliver.wait()
            with contextlib.suppress(OSError):
                await pass_on(b"".join(stranded))
        with contextlib.suppress(OSError, RuntimeError):
            if writer.can_write_eof() and not writer.is_closing():
                writer.write_eof()


class _Line:
    """A client's connection."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.stranded = False


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
