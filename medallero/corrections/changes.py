"""Changing results that are on the topic already: what `correct` and `withdraw` share.

One correction or a file of them goes the same way: read the units, make the next version of each
result, show what changes, ask, send everything. The gateway takes a version only while the one that
it replaces still counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import click

from contracts.unit_log import UnitLog, UnitName
from medallero.client.connect import GatewayAddress
from medallero.client.lookup import find_competitor, find_unit, no_unit, unit_name
from medallero.client.units import Replacement, read_units, send_changes, units_of
from medallero.corrections.closing_up import what_stays_open
from medallero.corrections.preview import Preview, UnitChange
from medallero.terminal import CannotDo, read_catalogue, read_settings, reading_bar, stdout
from olympics.catalogue import Catalogue
from olympics.latest import STATUS_ORDER
from olympics.result import (
    MAX_FIRST_VERSION,
    MAX_VERSION,
    Result,
    ResultError,
    encode,
    parse_result,
)

#: From the current result as an object to the wanted one; the version is added afterwards.
Edit = Callable[[dict[str, Any]], dict[str, Any]]

_LISTED: Final = 20
_LOOKED_UP: Final = 10


class Wanted(NamedTuple):
    """A correction as it was asked for: the identity as typed, the change, its place in a file."""

    sport: str
    unit: str
    competitor: str
    change: Edit
    where: str = ""


class Manner(NamedTuple):
    """How to go about it: ``sure`` asks nothing, ``dry_run`` sends nothing."""

    sure: bool = False
    dry_run: bool = False
    close_up: bool = False


class NothingToChange(CannotDo):
    """The result says already what it should say."""


#: What the results of a unit become, by competitor; those that stay as they are included.
_Changes = dict[str, Result]


async def change_result(wanted: Wanted, gateway: GatewayAddress, manner: Manner) -> None:
    """Find one surviving result, show what the change does, ask, and send the next version."""
    catalogue = read_catalogue(read_settings())

    async def plan() -> list[UnitChange]:
        log = await find_unit(gateway, catalogue, wanted.sport, wanted.unit)
        competitor = find_competitor(log, wanted.competitor)
        now = log.competitors[competitor][0].result
        try:
            after = _next_version(log, now, wanted.change, catalogue)
        except NothingToChange:
            if not manner.close_up:
                raise
            after = now
        unit = _unit_change(log, {competitor: after}, catalogue, close_up=manner.close_up)
        if not unit.corrected:
            raise NothingToChange("Nothing would change: the result says that already.")
        return [unit]

    await _change(plan, catalogue, gateway, manner)


async def change_results(wanted: Sequence[Wanted], gateway: GatewayAddress, manner: Manner) -> None:
    """Do what `change_result` does with many: all are looked up before anything is shown."""
    catalogue = read_catalogue(read_settings())

    async def plan() -> list[UnitChange]:
        return await _plan_all(gateway, wanted, catalogue, close_up=manner.close_up)

    await _change(plan, catalogue, gateway, manner)


async def _change(
    plan: Callable[[], Awaitable[list[UnitChange]]],
    catalogue: Catalogue,
    gateway: GatewayAddress,
    manner: Manner,
) -> None:
    units = await plan()
    if not units:
        stdout().print("Nothing to change: the results say all of that already.")
        return
    preview = Preview(gateway, catalogue, stdout(wide=True))
    await preview.show(units)
    if _wants_to_close_up(units, manner):
        units = [_unit_change(it.log, it.changes, catalogue, close_up=True) for it in units]
        await preview.show(units)
    if manner.dry_run:
        stdout().print("Nothing was sent (--dry-run).")
        return
    if not manner.sure:
        click.confirm("Send this?", abort=True)
    sent = [
        Replacement(unit.now(competitor).version, result)
        for unit in units
        for competitor, result in unit.corrected.items()
    ]
    await send_changes(gateway, sent)
    _done([it.result for it in sent])


def _wants_to_close_up(units: Sequence[UnitChange], manner: Manner) -> bool:
    if manner.close_up or manner.sure or manner.dry_run:
        return False
    return any(unit.open.ranks for unit in units) and click.confirm(
        "Move these ranks up in the same correction?"
    )


async def _plan_all(
    gateway: GatewayAddress, wanted: Sequence[Wanted], catalogue: Catalogue, *, close_up: bool
) -> list[UnitChange]:
    problems: list[str] = []
    names: dict[int, UnitName] = {}
    for number, it in enumerate(wanted):
        try:
            names[number] = unit_name(catalogue, it.sport, it.unit)
        except CannotDo as error:
            problems.append(_located(it, error))
    with reading_bar("reading the units") as progress:
        logs = await read_units(gateway, set(names.values()), progress)
    missing = [it for it, log in logs.items() if not (log.competitors or log.refused)]
    looked_up = await _all_units(gateway, missing) if missing else {}
    changes: defaultdict[UnitName, _Changes] = defaultdict(dict)
    first: dict[tuple[UnitName, str], Wanted] = {}
    for number, name in names.items():
        it, log = wanted[number], logs[name]
        try:
            if name in missing:
                raise no_unit(*name, looked_up.get(name, ()))
            competitor = find_competitor(log, it.competitor)
            earlier = first.setdefault((name, competitor), it)
            if earlier is not it:
                raise CannotDo(f"It corrects the same result as {earlier.where}.")
            now = log.competitors[competitor][0].result
            try:
                changes[name][competitor] = _next_version(log, now, it.change, catalogue)
            except NothingToChange:
                changes[name][competitor] = now
        except CannotDo as error:
            problems.append(_located(it, error))
    if problems:
        raise _cannot_do_all(problems, len(wanted))
    units = [
        _unit_change(logs[name], its, catalogue, close_up=close_up)
        for name, its in sorted(changes.items())
    ]
    return [unit for unit in units if unit.corrected]


async def _all_units(
    gateway: GatewayAddress, missing: Sequence[UnitName]
) -> dict[UnitName, Sequence[str]]:
    # To compare one name with all others takes a while, so only for the first few.
    asked = missing[:_LOOKED_UP]
    units = {sport: await units_of(gateway, sport) for sport in sorted({it for it, _ in asked})}
    return {(sport, unit): units[sport] for sport, unit in asked}


def _located(wanted: Wanted, error: CannotDo) -> str:
    return f"{wanted.where}: {error.message}".replace("\n", "\n    ")


def _cannot_do_all(problems: Sequence[str], total: int) -> CannotDo:
    listed = [f"  {it}" for it in problems[:_LISTED]]
    if len(problems) > _LISTED:
        listed.append(f"  and {len(problems) - _LISTED:,} more")
    return CannotDo(
        f"{len(problems):,} of {total:,} corrections cannot be made; nothing was sent.",
        "\n".join(listed),
    )


def _next_version(log: UnitLog, now: Result, change: Edit, catalogue: Catalogue) -> Result:
    """Return what *change* makes of *now*, under the version that replaces it."""
    wanted = change(json.loads(encode(now)))
    try:
        same = parse_result(_at_version(wanted, now), catalogue)
    except ResultError as error:
        raise _no_result(error) from None
    # In a conflict the same once more is a change: one content that stands alone.
    if same == now and not log.conflicting(now.competitor.id):
        raise NothingToChange("Nothing would change: the result says that already.")
    return _replacing(now, same, catalogue)


def _replacing(now: Result, after: Result, catalogue: Catalogue) -> Result:
    try:
        wanted = json.loads(encode(after))
        wanted |= {"version": now.version + 1, "replaces": now.version}
        return parse_result(wanted, catalogue)
    except ResultError as error:
        if error.field != "version":
            raise _no_result(error) from None
    # There is no higher version. At the same one only the status can replace it.
    if STATUS_ORDER[after.status] > STATUS_ORDER[now.status]:
        return after
    raise CannotDo(
        f"Version {now.version} is the highest that there can be, so nothing replaces it.",
        "It can only be withdrawn: medallero withdraw.",
    )


def _at_version(wanted: dict[str, Any], now: Result) -> dict[str, Any]:
    """Return *wanted* under the version of *now*, whatever that is."""
    if now.version <= MAX_FIRST_VERSION:
        return {**wanted, "version": now.version}
    return {**wanted, "version": now.version, "replaces": min(now.version, MAX_VERSION - 1)}


def _no_result(error: ResultError) -> CannotDo:
    return CannotDo(f"That would not be a result. {error.field or 'It'}: {error.error}.")


def _unit_change(
    log: UnitLog, changes: Mapping[str, Result], catalogue: Catalogue, *, close_up: bool
) -> UnitChange:
    survivors = log.survivors()
    now = {it.competitor.id: it for it in survivors}
    after = dict(changes)
    still_open = what_stays_open(survivors, after, catalogue)
    moved: dict[str, tuple[int, int]] = {}
    if close_up and still_open.left:
        moved = dict(still_open.ranks)
        # The rank of who left says nothing any more; and without it a second run moves nobody.
        ranks: dict[str, int | None] = dict.fromkeys(still_open.left)
        ranks |= {competitor: rank for competitor, (_, rank) in moved.items()}
        for competitor, rank in ranks.items():
            wanted = json.loads(encode(after.get(competitor, now[competitor])))
            wanted["rank"] = rank
            try:
                result = parse_result(_at_version(wanted, now[competitor]), catalogue)
            except ResultError as error:
                raise _no_result(error) from None
            after[competitor] = _replacing(now[competitor], result, catalogue)
        still_open = what_stays_open(survivors, after, catalogue)
    return UnitChange(log, after, still_open, moved)


def _done(sent: Sequence[Result]) -> None:
    told = f"version {sent[0].version} is" if len(sent) == 1 else f"{len(sent):,} corrections are"
    stdout().print(f"Accepted: {told} written.", style="green", soft_wrap=True)
