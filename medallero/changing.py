"""Changing a result that is on the topic already: the common part of `correct` and `withdraw`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.settings import CommonSettings
from medallero.client.connect import EndpointError, GatewayAddress, connect
from medallero.client.delivery import Delivery, Plan
from medallero.files import Record
from medallero.finding import find_competitor, find_unit
from medallero.showing import who
from medallero.terminal import CannotDo, read_catalogue, read_settings, stdout
from medallero.topic import RawTopic, TopicUnavailable, open_topic
from medallero.unit_log import UnitLog, changed_since
from olympics.catalogue import Catalogue
from olympics.recount import UnitRow, unit_standings
from olympics.result import Result, ResultError, encode, parse_result

#: From the current result as an object to the wanted one; the version is added afterwards.
Change = Callable[[dict[str, Any]], dict[str, Any]]

_FIELDS: Final = (
    "phase",
    "faculty",
    "mark",
    "outcome",
    "rank",
    "irm",
    "medal",
    "status",
    "version",
)


async def change_result(
    sport: str,
    unit: str,
    competitor: str,
    change: Change,
    *,
    gateway: GatewayAddress,
    sure: bool,
) -> None:
    """Find the surviving result, show what *change* does, ask, and send the next version."""
    settings = read_settings()
    catalogue = read_catalogue(settings)
    try:
        async with open_topic(settings) as topic:
            log = await find_unit(topic, catalogue, settings, sport, unit)
            identity = find_competitor(log, competitor)
            now = log.competitors[identity][0].result
            # In a conflict the same once more is a change: one content that stands alone.
            settles = bool(log.conflicting(identity))
            after = _next_version(now, change, catalogue, same_will_do=settles)
            _show(log, now, after, catalogue)
            if not sure:
                click.confirm("Send this?", abort=True)
            await _refuse_if_changed(topic, log)
    except TopicUnavailable as error:
        raise CannotDo(error.problem, error.remedy) from None
    await _send(after, gateway)
    _done(after, settings)


def _next_version(
    now: Result, change: Change, catalogue: Catalogue, *, same_will_do: bool
) -> Result:
    wanted = change(json.loads(encode(now)))
    try:
        same = parse_result({**wanted, "version": now.version}, catalogue)
        if same == now and not same_will_do:
            raise CannotDo("Nothing would change: the result says that already.")
        return parse_result({**wanted, "version": now.version + 1}, catalogue)
    except ResultError as error:
        raise CannotDo(
            f"That would not be a result. {error.field or 'It'}: {error.error}."
        ) from None


def _show(log: UnitLog, now: Result, after: Result, catalogue: Catalogue) -> None:
    out = stdout(wide=True)
    table = Table(
        box=box.SIMPLE_HEAD,
        title=Text(f"{log.sport}: {log.unit}, {who(now.competitor)}"),
        title_justify="left",
        title_style="bold",
    )
    for title in ("", "Now", "After"):
        table.add_column(title)
    for field in _FIELDS:
        before, then = getattr(now, field), getattr(after, field)
        if before is not None or then is not None:
            style = "bold" if before != then else "dim"
            table.add_row(field, _word(before), _word(then), style=style)
    out.print(table)
    if rivals := log.conflicting(now.competitor.id):
        out.print(
            f"Version {now.version} stands in {len(rivals)} different contents on the topic "
            "(a conflict); the new version settles it.",
            style="yellow",
            soft_wrap=True,
        )
    _show_standings(out, log, after, catalogue)


def _show_standings(out: Console, log: UnitLog, after: Result, catalogue: Catalogue) -> None:
    survivors = log.survivors()
    before = {it.competitor: it for it in unit_standings(survivors, catalogue)}
    others = [it for it in survivors if it.competitor.id != after.competitor.id]
    then = unit_standings([*others, after], catalogue)
    rows: list[tuple[str, UnitRow | None, UnitRow | None]]
    rows = [(row.competitor, before.pop(row.competitor, None), row) for row in then]
    rows += [(competitor, row, None) for competitor, row in before.items()]
    changed = [row for row in rows if len(set(_standings(row[1], row[2]))) > 1]
    if not changed:
        out.print("The unit's standings stay as they are.")
        return
    table = Table(
        box=box.SIMPLE_HEAD,
        title="What changes in the unit's standings",
        title_justify="left",
        title_style="bold",
    )
    for title in ("Competitor", "Faculty", "Now", "After"):
        table.add_column(title)
    for _, now, later in changed:
        known = later or now
        assert known is not None
        table.add_row(
            Text(who(known.result.competitor)),
            Text(known.result.faculty),
            *_standings(now, later),
        )
    out.print(table)
    if len(rows) > len(changed):
        unchanged = len(rows) - len(changed)
        out.print(f"Others, which stay as they are: {unchanged:,}.", style="dim")


def _standings(now: UnitRow | None, after: UnitRow | None) -> tuple[str, str]:
    """Return both in words; with the faculties where they are not the same."""
    before, then = _standing(now), _standing(after)
    if now and after and now.result.faculty != after.result.faculty:
        return f"{before}, for {now.result.faculty}", f"{then}, for {after.result.faculty}"
    return before, then


def _standing(row: UnitRow | None) -> str:
    if row is None:
        return "not counted"
    parts = ["unranked" if row.rank is None else f"rank {row.rank}"]
    if row.provisional:
        parts.append("provisional")
    else:
        parts.append((row.split or "").replace("_", " "))
        if row.medal:
            parts.append(row.medal)
    return ", ".join(part for part in parts if part)


def _word(value: object) -> str:
    return "–" if value is None else str(value)


async def _refuse_if_changed(topic: RawTopic, log: UnitLog) -> None:
    # Two officials with the same version would leave a conflict.
    if await changed_since(topic, log):
        raise CannotDo(
            "The unit has got new results meanwhile; nothing was sent.",
            "Run the command again to see them.",
        )


async def _send(result: Result, gateway: GatewayAddress) -> None:
    rejected: list[str] = []
    try:
        client = connect(gateway, connections=1)
    except EndpointError as error:
        raise CannotDo(str(error)) from None
    try:
        delivery = Delivery(
            client,
            Plan(connections=1, give_up_after=15.0, linger=0.0),
            lambda record, field, error: rejected.append(f"{field}: {error}" if field else error),
        )
        report = await delivery.run(_one(result))
    finally:
        await client.close()
    if report.failure:
        raise CannotDo(
            f"Not delivered: {report.failure}.",
            "Run the command again: it will see whether the change arrived.",
        )
    if rejected:
        raise CannotDo(f"The gateway rejected it. {rejected[0]}.")


async def _one(result: Result) -> Any:
    body = encode(result)
    pieces: Sequence[Record] = [
        Record("results", body, result.unit, "this command", 0, 1, len(body), False)
    ]
    yield pieces


def _done(result: Result, settings: CommonSettings) -> None:
    out = stdout()
    out.print(
        Text(f"Accepted: version {result.version} is on topic {settings.results_topic!r}."),
        style="green",
        soft_wrap=True,
    )
