"""Finding a unit and a competitor by what the user typed."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from contracts.unit_log import UnitLog, UnitName
from medallero.client.connect import GatewayAddress
from medallero.client.units import read_units, units_of
from medallero.formatting import who
from medallero.terminal import CannotDo
from olympics.catalogue import Catalogue, UnknownName
from olympics.result import UNIT_LENGTH
from olympics.text import canonical_text, folded

_NEAR: Final = 5

#: One sentence for each command that takes them.
HELP_OF_ARGUMENTS = (
    "SPORT may be any name, code, number or alias of the catalogue; UNIT and COMPETITOR are as "
    "they were sent."
)


async def find_unit(
    gateway: GatewayAddress, catalogue: Catalogue, sport: str, unit: str
) -> UnitLog:
    """Read the unit; end the command, with units of similar names, if there are no records."""
    name = unit_name(catalogue, sport, unit)
    log = (await read_units(gateway, [name], lambda *_: None))[name]
    if log.competitors or log.refused:
        return log
    raise no_unit(*name, await units_of(gateway, name[0]))


def unit_name(catalogue: Catalogue, sport: str, unit: str) -> UnitName:
    """Return sport and unit as they stand on the topic.

    :raises CannotDo: there is no such sport, or no unit can have such a name.
    """
    try:
        name = catalogue.sport(sport).name
    except UnknownName as error:
        raise CannotDo(f"There is no sport {sport!r}.", f"SPORT: {error}.") from None
    try:
        wanted = canonical_text(unit)
    except ValueError as error:
        raise CannotDo(f"UNIT: expected {error}.") from None
    if not wanted or len(wanted) > UNIT_LENGTH:
        raise CannotDo(f"UNIT: expected text of 1 to {UNIT_LENGTH} characters.")
    return name, wanted


def no_unit(sport: str, unit: str, known: Iterable[str]) -> CannotDo:
    """Return the error for a unit that is not there; *known* are the sport's units."""
    return CannotDo(
        f"There is no unit {unit!r} of {sport}.",
        _suggestions(nearest(unit, known)),
    )


def find_competitor(log: UnitLog, competitor: str) -> str:
    """Return the competitor's id; end the command, with similar ones, if there is none."""
    if competitor in log.competitors:
        return competitor
    known = {
        who(versions[0].result.competitor): versions[0].result.competitor
        for versions in log.competitors.values()
    }
    by_id = {it.id: shown for shown, it in known.items()}
    by_name = {it.name: shown for shown, it in known.items() if it.name}
    near = [by_id[it] for it in nearest(competitor, by_id)]
    near += [by_name[it] for it in nearest(competitor, by_name)]
    if not near and len(known) <= 10:
        near = sorted(known)
    raise CannotDo(
        f"There is no competitor {competitor!r} in unit {log.unit!r} of {log.sport}.",
        _suggestions(list(dict.fromkeys(near))),
    )


def _suggestions(near: list[str]) -> str:
    if not near:
        return "Nothing there is called anything like it."
    return "Did you mean one of these?\n" + "\n".join(f"  {name}" for name in near)


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Return some of *names* that are like *text*, the likest first; case does not matter."""
    by_folded: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_folded[folded(name)].append(name)
    wanted = folded(text)
    # Somebody who knows a part of the name finds the whole.
    parts = [it for it in by_folded if wanted and wanted in it]
    close = difflib.get_close_matches(wanted, by_folded, n=_NEAR, cutoff=0.5)
    likest = dict.fromkeys([*close, *parts])
    return [name for it in likest for name in by_folded[it]][:_NEAR]
