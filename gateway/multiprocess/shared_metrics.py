"""The processes of one gateway tell each other their metrics, so that any of them can tell all.

Each process listens on a socket file of the directory that they share. Every series is told with a
label ``process``: a counter that begins anew with a process that was started again is then seen as
what it is, where a sum over all processes would seem to have fallen.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

#: Longest wait for what another process tells, seconds. It may be frozen.
_PATIENCE: Final = 3.0


class _Sample(msgspec.Struct, array_like=True):
    name: str
    labels: dict[str, str]
    value: float


class _Family(msgspec.Struct, array_like=True):
    name: str
    meaning: str
    type: str
    samples: list[_Sample]


_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(list[_Family])


class Siblings:
    """This process's place among the processes of its gateway."""

    def __init__(self, directory: Path, number: int, registry: CollectorRegistry) -> None:
        """*number* is this process's, from 1 on; *directory* is there and only ours."""
        self._directory = directory
        self._number = number
        self._registry = registry
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to tell this process's metrics."""
        path = socket_of(self._directory, self._number)
        path.unlink(missing_ok=True)  # of the process whose place this one takes
        self._server = await asyncio.start_unix_server(self._tell, path)

    async def close(self, *, orphaned: bool) -> None:
        """Stop; *orphaned*: nobody else is left who would remove the directory."""
        if self._server is not None:
            self._server.close()
        if orphaned:
            socket_of(self._directory, self._number).unlink(missing_ok=True)
            with suppress(OSError):  # the last one succeeds
                self._directory.rmdir()

    async def expose(self) -> bytes:
        """Return the metrics of all processes in Prometheus' text format.

        ``medallero_gateway_process_up`` says of which processes: 0 for one that did not answer.
        """
        numbers = sorted(int(path.stem) for path in self._directory.glob("*.sock"))
        told = await asyncio.gather(*(self._ask(number) for number in numbers))
        return generate_latest(_Merged(dict(zip(numbers, told, strict=True))))

    async def _tell(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(_encode(list(_families(self._registry))))
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has given up
        finally:
            writer.close()

    async def _ask(self, number: int) -> list[_Family] | None:
        if number == self._number:
            return list(_families(self._registry))
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_unix_connection(
                    socket_of(self._directory, number)
                )
                try:
                    return _decoder.decode(await reader.read())
                finally:
                    writer.close()
        except (OSError, TimeoutError, msgspec.DecodeError):
            return None


def socket_of(directory: Path, number: int) -> Path:
    """Return the socket file of a process, which is there once the process serves."""
    return directory / f"{number}.sock"


def _families(registry: CollectorRegistry) -> Iterator[_Family]:
    for metric in registry.collect():
        samples = [_Sample(it.name, dict(it.labels), it.value) for it in metric.samples]
        yield _Family(metric.name, metric.documentation, metric.type, samples)


class _Merged(CollectorRegistry):
    """The series of all processes, family by family."""

    def __init__(self, told: dict[int, list[_Family] | None]) -> None:
        super().__init__()
        self._told = told

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "medallero_gateway_process_up",
            "1 if this process of the gateway has told its metrics, 0 if it does not answer",
            labels=["process"],
        )
        merged: dict[str, Metric] = {}
        for number, families in self._told.items():
            up.add_metric([str(number)], float(families is not None))
            for family in families or ():
                metric = merged.get(family.name)
                if metric is None:
                    metric = Metric(family.name, family.meaning, family.type)
                    merged[family.name] = metric
                for name, labels, value in map(msgspec.structs.astuple, family.samples):
                    metric.add_sample(name, {**labels, "process": str(number)}, value)
        yield up
        yield from merged.values()
