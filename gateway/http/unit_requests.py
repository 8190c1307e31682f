"""What officials do with a unit: see its history, preview results, change what others may change.

A change names the version that it replaces. The unit is read from the topic up to its end first;
if another version survives there, nothing is written. In one process the changes of a unit take
turns. Two gateways may still check at the same moment; then both versions are on the topic, and
whose record came second is told so. Versions have no holes: a change is always the next version of
what it replaces, so that two of them are a conflict that everybody sees, never an overwriting.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import unquote
from weakref import WeakValueDictionary

import msgspec
from aiohttp.web import BaseRequest

from contracts.pages import Page
from contracts.unit_log import UnitLog, UnitName, Version
from contracts.units import told
from gateway.auth.authenticator import Access
from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused, StaleChange
from gateway.http.body import read_whole
from gateway.http.submissions import is_lines, items_of
from gateway.intake.base import Draft
from gateway.intake.results import Intake
from gateway.limits.budget import Budget
from gateway.limits.rate import Rate, network_of
from gateway.limits.record_count import too_many
from gateway.observability.tracing import headers_of
from gateway.outcome import Outcome, Rejected
from gateway.reading.unit_logs import UnitLogs
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue, UnknownName
from olympics.events import MEDALS
from olympics.latest import Latest, join, latest_of
from olympics.ranking import Steps, rank
from olympics.result import Result, digest_of, encode
from olympics.text import canonical_text
from olympics.words import Medal

#: Results of a request at most, and the units that they may be of.
MOST_RESULTS: Final = 1000
MOST_UNITS: Final = 32
#: Bytes of a request at most.
LARGEST: Final = 512 << 10

HISTORY: Final = "/v1/history/"

_WHOLE: Final = Page()

_Value = TypeVar("_Value")

#: Records of the units that a preview stands beside, at most: to rank them costs time.
_MOST_BESIDE: Final = 2000

_item = msgspec.json.Decoder().decode
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _PreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Results to rank; ``beside``: also those that are there now."""

    results: list[msgspec.Raw]
    beside: bool = False


_preview = msgspec.json.Decoder(_PreviewRequest).decode


class Preview(msgspec.Struct, frozen=True):
    """A unit as it would be, and as it is: rankings as of /v1/units; None where nobody asked."""

    now: dict[str, Any] | None
    after: dict[str, Any]


class Moved(msgspec.Struct, frozen=True):
    """How many medals a faculty would gain or lose."""

    faculty: str
    gold: int
    silver: int
    bronze: int


class PreviewAnswer(msgspec.Struct, frozen=True):
    """What results would do; ``changed``: those that replace what is there no more.

    ``sender``: the name of the token that asks.
    """

    units: list[Preview]
    medals: list[Moved]
    rejected_count: int
    rejected: list[Rejected]
    changed: list[StaleChange]
    sender: str | None


class UnitRequests:
    """Answers officials' requests."""

    def __init__(
        self,
        settings: GatewaySettings,
        catalogue: Catalogue,
        intake: Intake,
        budget: Budget,
        access: Access,
        rate: Rate,
    ) -> None:
        self._catalogue = catalogue
        self._intake = intake
        self._budget = budget
        self._access = access
        self._rate = rate
        self._body_timeout = settings.body_timeout
        self._logs = UnitLogs(settings, catalogue)
        #: who changes a unit at this moment
        self._turns: WeakValueDictionary[UnitName, asyncio.Lock] = WeakValueDictionary()

    def admit(self, request: BaseRequest) -> tuple[Caller, str]:
        """Return who asks, and as whose it counts. Raises Refused."""
        caller = self._access.caller(request.headers.get("Authorization"))
        if not caller.may_send("result"):
            raise Refused(Reason.WRONG_TOKEN, "the token may not send results")
        client = caller.name or network_of(request.remote or "")
        self._rate.take(client)
        return caller, client

    async def history(self, request: BaseRequest) -> bytes:
        """Return every version of a unit's results as JSON. Raises Refused."""
        _, client = self.admit(request)
        name = self._unit_of(request.rel_url.raw_path.removeprefix(HISTORY))
        log = (await self._logs.read(client, [name]))[name]
        if not log.competitors and not log.refused:
            raise Refused(Reason.NOT_FOUND, f"there are no results of {name[1]!r} of {name[0]}")
        return msgspec.json.encode(log)

    async def preview(self, request: BaseRequest) -> bytes:
        """Return what results would do as JSON; nothing is written. Raises Refused."""
        caller, client = self.admit(request)
        async with self._body(request, client) as body:
            return await self._show(body, caller, client)

    async def _show(self, body: bytes, caller: Caller, client: str) -> bytes:
        try:
            asked = _preview(body)
        except msgspec.ValidationError as error:
            raise Refused(Reason.BAD_REQUEST, str(error)) from None
        except _NOT_JSON as error:
            raise _not_json(error) from None
        draft = Draft(caller)
        changes = self._intake.read_changes(draft, _items(asked.results), conditional=False)
        units = _by_unit(changes.values())
        logs = {}
        if asked.beside:
            logs = await self._logs.read(client, units, most=_MOST_BESIDE)
        previews: list[Preview] = []
        moved: Counter[tuple[str, Medal]] = Counter()
        for name, results in units.items():
            before = None
            there: dict[str, Latest] = {}
            if asked.beside:
                there = {it.competitor.id: _latest(it) for it in logs[name].survivors()}
                before, medals = await self._ranking(name, there)
                moved.subtract(medals)
            for result in results:
                new = _latest(result)
                known = there.get(new.competitor)
                there[new.competitor] = new if known is None else join(known, new)
            after, medals = await self._ranking(name, there)
            moved.update(medals)
            previews.append(Preview(before, after))
        faculties = sorted({faculty for (faculty, _), count in moved.items() if count})
        return msgspec.json.encode(
            PreviewAnswer(
                previews,
                [Moved(it, *(moved[it, medal] for medal in MEDALS)) for it in faculties],
                draft.outcome.rejected_count,
                draft.outcome.rejected,
                _changed(changes, logs) if asked.beside else [],
                caller.name or None,
            )
        )

    async def change(self, request: BaseRequest, caller: Caller, client: str) -> Outcome:
        """Write results that replace what the sender knows of, all or none of them.

        :raises Refused: also if something else survives by now (changed).
        """
        self._intake.check_ready()
        headers = request.headers
        trace = headers_of(headers.get("traceparent"), headers.get("tracestate"))
        async with self._body(request, client) as body:
            return await self._write(body, Draft(caller, trace), client)

    async def _write(self, body: bytes, draft: Draft, client: str) -> Outcome:
        items = items_of(body, MOST_RESULTS).raw
        changes = self._intake.read_changes(draft, _items(items))
        self._rate.charge(client, len(items))
        if draft.outcome.rejected_count:
            return draft.outcome  # nothing is written
        units = _by_unit(changes.values())
        async with self._in_turn(units):
            before = await self._logs.read(client, units)
            if changed := _changed(changes, before):
                raise Refused(
                    Reason.CHANGED,
                    f"{len(changed)} of {len(items)} results were changed meanwhile; nothing was "
                    "written",
                    changed=changed,
                )
            # What was sent before, and its answer lost, is not written again.
            draft.records = [
                record
                for record, (_, result) in zip(draft.records, changes.values(), strict=True)
                if _written(result, before) is None
            ]
            outcome = await self._intake.commit(draft)
            outcome.accepted = len(items)
            rivals = _rivals(changes, before, await self._logs.read(client, units))
        if rivals:
            raise Refused(
                Reason.CHANGED,
                f"{len(rivals)} of {len(items)} results were changed through another gateway at "
                "the same moment; both versions are written, and the next one settles it",
                outcome=outcome,
                changed=rivals,
            )
        return outcome

    async def close(self) -> None:
        """Let those wait in vain who wait, and end."""
        await self._logs.close()

    def _unit_of(self, path: str) -> UnitName:
        sport, slash, unit = path.partition("/")
        if not slash or not unit:
            raise Refused(Reason.NOT_FOUND, f"expected {HISTORY}<sport>/<unit>")
        try:
            return self._catalogue.sport(unquote(sport)).name, canonical_text(unquote(unit))
        except UnknownName as error:
            raise Refused(Reason.NOT_FOUND, str(error)) from None
        except ValueError as error:
            raise Refused(Reason.NOT_FOUND, f"unit: expected {error}") from None

    @asynccontextmanager
    async def _body(self, request: BaseRequest, client: str) -> AsyncIterator[bytes]:
        """Yield the body; its bytes are in flight until whoever asked for it is done."""
        if is_lines(request.headers.get("Content-Type")):
            raise Refused(Reason.WRONG_TYPE, "expected application/json")
        lease = self._budget.lease(client, 0)
        try:
            yield await read_whole(request, LARGEST, lease, self._body_timeout)
        finally:
            lease.end()

    async def _ranking(
        self, name: UnitName, results: Mapping[str, Latest]
    ) -> tuple[dict[str, Any], Counter[tuple[str, Medal]]]:
        """Return a unit's ranking as it is told, and its medals by faculty."""
        sport = self._catalogue.sports[name[0]]
        ranking = await _made(rank(sport, name[1], [list(results.values())]))
        medals = Counter(
            (it.latest.faculty, it.medal) for it in ranking.places() if it.medal is not None
        )
        return await _made(told(ranking, sport, name[1], _WHOLE)), medals

    @asynccontextmanager
    async def _in_turn(self, units: Iterable[UnitName]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name in sorted(units):  # in one order, so that nobody waits for each other
                lock = self._turns.setdefault(name, asyncio.Lock())
                await stack.enter_async_context(lock)
            yield


def _items(raw: Sequence[msgspec.Raw]) -> Iterator[tuple[int, object]]:
    if len(raw) > MOST_RESULTS:
        raise too_many(MOST_RESULTS)
    for index, item in enumerate(raw):
        try:
            yield index, _item(item)
        except _NOT_JSON as error:
            raise _not_json(error) from None


def _not_json(error: Exception) -> Refused:
    return Refused(Reason.NOT_JSON, f"expected JSON in UTF-8: {error}")


def _by_unit(changes: Iterable[tuple[int | None, Result]]) -> dict[UnitName, list[Result]]:
    units: defaultdict[UnitName, list[Result]] = defaultdict(list)
    for _, result in changes:
        units[result.sport, result.unit].append(result)
    if len(units) > MOST_UNITS:
        raise Refused(
            Reason.TOO_LARGE, f"expected results of at most {MOST_UNITS} units, got {len(units)}"
        )
    return units


def _changed(
    changes: Mapping[int, tuple[int | None, Result]], logs: Mapping[UnitName, UnitLog]
) -> list[StaleChange]:
    """Return those changes that replace what survives no more, and are not written yet."""
    changed = []
    for index, (replaced, result) in changes.items():
        versions = logs[result.sport, result.unit].competitors.get(result.competitor.id)
        now = versions[0] if versions else None
        stands = now.result.version if now else 0
        if replaced is not None and replaced != stands and _written(result, logs) is None:
            changed.append(StaleChange(index, replaced, now))
    return changed


def _written(result: Result, logs: Mapping[UnitName, UnitLog]) -> Version | None:
    """Return the version that is on the topic already and says the same, if there is one."""
    digest = f"{digest_of(encode(result)):016x}"
    versions = logs[result.sport, result.unit].competitors.get(result.competitor.id, ())
    return next((it for it in versions if it.digest == digest), None)


def _rivals(
    changes: Mapping[int, tuple[int | None, Result]],
    before: Mapping[UnitName, UnitLog],
    after: Mapping[UnitName, UnitLog],
) -> list[StaleChange]:
    """Return the changes before which somebody else wrote another one since it was looked."""
    rivals = []
    for index, (replaced, result) in changes.items():
        name = result.sport, result.unit
        own = _written(result, after)
        assert own is not None
        for it in after[name].competitors[result.competitor.id]:
            if before[name].end <= it.records[0].offset < own.records[0].offset:
                rivals.append(StaleChange(index, replaced or 0, it))
                break
    return rivals


def _latest(result: Result) -> Latest:
    return latest_of(result, encode(result), 0)


async def _made(steps: Steps[_Value]) -> _Value:
    """Return what *steps* make, and let others have the event loop between them."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        await asyncio.sleep(0)
