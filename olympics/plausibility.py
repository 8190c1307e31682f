"""Results that are valid, and probably not what was meant.

Each check looks at accepted results and tells what a person should look at: two spellings of one
final give two gold medals, and no rule forbids it. Nothing here changes how a result counts.

``examine`` takes results in any order, of any versions. `medallero send` calls it with what a file
would send, `medallero doctor` with what is on the topic. The checks, by their kind:

=====================  ==========================================================================
``unrecognised``       the sport has patterns for its events, none knows this unit, and marks rank
                       it: by the sport's default order
``order``              officials' ranks, or the file's result type, say the opposite of the
                       catalogue's order
``look_alikes``        units whose names differ by case, accents, blanks, punctuation, or by where
                       a word such as "final" stands
``heats_as_finals``    several finals of one event: each gives its own gold medal
``shared_medals``      several medals of one colour in one unit for one faculty: often the members
                       of a team, of which there is one result
``ranks_and_marks``    some results of a unit have a rank, others only a mark
``ranks``              officials' ranks that cannot all be right: 1, 1, 2; or one against the marks
``far_mark``           a mark that is many times the others: 1.02 beside 58.40, 612 beside 6.05
``drawn``              nobody wins a final or bronze match of two: each takes the medal
``contradiction``      one result says two things: did not start, and a mark; or two results of
                       one bout do: both have won
``unknown_irm``        an invalid-result mark that neither the rules nor the catalogue know
``phases``             the results of a unit disagree about its phase
``conflict``           two results of one competitor in one unit, of the same version
``no_medal``           a final without gold, or a bronze match without bronze (``without_medals``)
=====================  ==========================================================================
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, get_args

from olympics.catalogue import Catalogue, Sport
from olympics.mark import parse_mark
from olympics.recount import unit_standings
from olympics.result import Result
from olympics.rsc import parse_rsc
from olympics.text import folded, shown
from olympics.words import Order, Phase

Kind = Literal[
    "unrecognised",
    "order",
    "look_alikes",
    "heats_as_finals",
    "shared_medals",
    "ranks_and_marks",
    "ranks",
    "far_mark",
    "drawn",
    "contradiction",
    "unknown_irm",
    "phases",
    "conflict",
    "no_medal",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: (sport, unit), both as in a result
UnitKey = tuple[str, str]


class Finding(NamedTuple):
    """What is probably wrong: in which units of a sport, in words, and what to do about it."""

    kind: Kind
    sport: str
    units: tuple[str, ...]
    words: str
    remedy: str


def examine(
    results: Iterable[Result],
    catalogue: Catalogue,
    *,
    result_types: Mapping[UnitKey, str] | None = None,
) -> list[Finding]:
    """Return what all checks find, by kind, sport and unit.

    ``result_types``: what a file calls the marks of a unit (``TIME``, ``DISTANCE``, ``POINTS`` …).
    """
    units, findings = _by_unit(results)
    phases: dict[UnitKey, Phase] = {}
    for key, its_results in units.items():
        sport, unit = key
        if unit.startswith("entry/"):  # the course's coins: one competitor each
            continue
        rules = catalogue.sports[sport]
        counted = [it for it in its_results if it.status != "withdrawn"]
        phases[key] = _phase_of(rules, unit, counted)
        its_type = (result_types or {}).get(key, "")
        for kind, words, remedy in _in_unit(rules, unit, counted, phases[key], its_type, catalogue):
            findings.append(Finding(kind, sport, (unit,), words, remedy))
    findings.extend(_unrecognised(units, catalogue))
    findings.extend(_look_alikes(phases))
    findings.extend(_heats_as_finals(phases))
    findings.sort(key=lambda it: (KINDS.index(it.kind), it.sport, it.units))
    return findings


def without_medals(results: Iterable[Result], catalogue: Catalogue) -> list[Finding]:
    """Return the finals in which nobody takes gold, and the bronze matches without a bronze.

    Only for whole units: of a part of a unit the winner may be missing. Left out are units with
    unofficial results, with officials' word that somebody takes no medal, and those in which nobody
    competed.
    """
    units, _ = _by_unit(results)
    findings = []
    for (sport, unit), its_results in sorted(units.items()):
        counted = [it for it in its_results if it.status != "withdrawn"]
        phase = _phase_of(catalogue.sports[sport], unit, counted)
        medal = {"final": "gold", "bronze": "bronze"}.get(phase)
        if medal is None or not any(_competed(catalogue.sports[sport], it) for it in counted):
            continue
        if any(it.status != "official" or it.medal == "none" for it in counted):
            continue
        if all(row.medal != medal for row in unit_standings(counted, catalogue)):
            findings.append(
                Finding(
                    "no_medal",
                    sport,
                    (unit,),
                    f"{shown(unit)}: nobody takes {medal}",
                    "correct the ranks or outcomes; leave it if the place is vacant",
                )
            )
    return findings


def _competed(sport: Sport, result: Result) -> bool:
    return result.irm is None or sport.irm_class(result.irm) is None


def comparable(unit: str) -> str:
    """Return the form in which names of units are compared; units of one form look alike.

    Case, accents, blanks and punctuation do not matter, nor where words such as "final" and
    "women" stand. Numbers and all other words keep their order, and a sign of a weight class
    (+78, -78) is no punctuation.
    """
    return " ".join(_without_movable(_tokens(unit)))


# What _in_unit finds: kind, words, remedy.
_Found = tuple[Kind, str, str]


def _in_unit(
    sport: Sport,
    unit: str,
    results: Sequence[Result],
    phase: Phase,
    result_type: str,
    catalogue: Catalogue,
) -> Iterable[_Found]:
    by_mark = [it for it in results if _ranks_by_mark(it)]
    yield from _wrong_order(sport, unit, results, result_type)
    if phase in ("final", "bronze") and len(results) > 1:
        yield from _shared_medals(unit, results, catalogue)
    ranked = sum(it.rank is not None for it in results)
    if ranked and by_mark:
        yield (
            "ranks_and_marks",
            f"{shown(unit)}: {ranked} with a rank, {len(by_mark)} with only a mark "
            f"(competitor {by_mark[0].competitor.id}); the two rankings are mixed",
            "give all of them a rank, or none",
        )
    yield from _wrong_ranks(sport, unit, results, phase)
    yield from _far_marks(sport, unit, by_mark)
    decides = phase in ("final", "bronze")
    if decides and len(results) == 2 and sport.order_of(unit) == "head-to-head":
        yield from _drawn(unit, results, catalogue)
    if len({it.phase for it in results}) > 1 and sport.phase_of(unit) is None:
        counts = Counter(it.phase for it in results)
        told = ", ".join(f"{count} × {name}" for name, count in counts.most_common())
        yield (
            "phases",
            f"{shown(unit)}: its results disagree about the phase ({told})",
            "give all results of a unit the same phase",
        )
    words = _contradicting_outcomes(results)
    if words:
        yield (
            "contradiction",
            f"{shown(unit)}: {words}",
            "one has won and one has lost, or both tied",
        )
    unknown = Counter(it.irm for it in results if it.irm and not _known_irm(sport, it.irm))
    for code, count in unknown.items():
        yield (
            "unknown_irm",
            f"{shown(unit)}: nobody knows the invalid-result mark {shown(code)} ({count} results); "
            "rank and outcome stay in force, a mark does not",
            "write DNS, DNF or DSQ; or say in the catalogue's irm what it means",
        )
    for result in results:
        words = _contradiction(sport, result)
        if words:
            yield (
                "contradiction",
                f"{shown(unit)}, competitor {result.competitor.id}: {words}",
                "remove one of the two",
            )


def _unrecognised(
    units: Mapping[UnitKey, Sequence[Result]], catalogue: Catalogue
) -> Iterable[Finding]:
    """One finding a sport: where one event is not known, usually many are not."""
    by_sport: defaultdict[str, list[str]] = defaultdict(list)
    for (sport, unit), results in units.items():
        known = catalogue.sports[sport].recognises(unit) or unit.startswith("entry/")
        if not known and any(it.status != "withdrawn" and _ranks_by_mark(it) for it in results):
            by_sport[sport].append(unit)
    for sport, names in by_sport.items():
        names.sort()
        order = catalogue.sports[sport].order
        yield Finding(
            "unrecognised",
            sport,
            tuple(names),
            f"no pattern of {sport} in the catalogue matches {_listed(names)}: the marks rank by "
            f"the sport's default, {_ORDER_WORDS[order]}",
            f"add a pattern with the order to sports.{sport}.events, or name the event as the "
            "catalogue does",
        )


def _ranks_by_mark(result: Result) -> bool:
    return (
        result.mark is not None
        and result.rank is None
        and result.outcome is None
        and result.irm is None
    )


_ORDER_WORDS: Mapping[Order, str] = {
    "lower": "the lowest first",
    "higher": "the highest first",
    "head-to-head": "the highest first",
}

#: How marks of a type rank, by the names of the Olympic Data Feed and of results lists.
ORDER_OF_TYPE: Final[Mapping[str, Order]] = {
    "TIME": "lower",
    "STROKES": "lower",
    "PENALTIES": "lower",
    "DISTANCE": "higher",
    "HEIGHT": "higher",
    "LENGTH": "higher",
    "WEIGHT": "higher",
    "POINTS": "higher",
    "SCORE": "higher",
    "PERCENT": "higher",
}


def _wrong_order(
    sport: Sport, unit: str, results: Sequence[Result], result_type: str
) -> Iterable[_Found]:
    order = sport.order_of(unit)
    lower = order == "lower"
    remedy = f"set the order of this event in sports.{sport.name}.events of the catalogue"
    agreement = None if order == "head-to-head" else _agreement(results, lower=lower)
    if agreement is False:
        yield (
            "order",
            f"{shown(unit)}: the ranks say that the {'highest' if lower else 'lowest'} mark is "
            f"the best, the catalogue ranks {_ORDER_WORDS[order]}",
            remedy,
        )
    elif agreement is None and any(it.mark is not None for it in results):
        expected = ORDER_OF_TYPE.get(result_type.strip().upper())
        # Where the lowest wins and marks are no times, points are penalties.
        points = result_type.strip().upper() in ("POINTS", "SCORE")
        penalties = points and lower and not sport.times_of(unit)
        decided = all(it.outcome is not None for it in results)
        differs = expected is not None and (expected == "lower") is not lower
        if expected is not None and differs and not decided and not penalties:
            yield (
                "order",
                f"{shown(unit)}: the file says that its marks are {result_type.strip().upper()} "
                f"({_ORDER_WORDS[expected]}), the catalogue ranks {_ORDER_WORDS[order]}",
                remedy,
            )


def _agreement(results: Sequence[Result], *, lower: bool) -> bool | None:
    """Whether the officials' ranks follow the marks; None if fewer than three tell, or they mix."""
    places = sorted(
        (it.rank, parse_mark(it.mark))
        for it in results
        if it.rank is not None and it.mark is not None and it.irm is None
    )
    steps = [
        (later > earlier) is lower
        for (rank, earlier), (next_rank, later) in itertools.pairwise(places)
        if rank != next_rank and earlier != later
    ]
    if len(steps) < 2 or len(set(steps)) > 1:
        return None
    return steps[0]


def _wrong_ranks(
    sport: Sport, unit: str, results: Sequence[Result], phase: Phase
) -> Iterable[_Found]:
    ranked = [it for it in results if it.rank is not None and it.irm is None]
    counts = Counter(it.rank for it in ranked if it.rank is not None)
    for rank, count in sorted(counts.items()):
        later = [it for it in range(rank + 1, rank + count) if it in counts]
        # The members of one team are told as such.
        if later and len({it.faculty for it in ranked if it.rank == rank}) > 1:
            yield (
                "ranks",
                f"{shown(unit)}: {count} with rank {rank}, and another with rank {later[0]}",
                "who share a rank take the next ones too: 1, 1, 3; or name two events apart",
            )
            return
    if phase != "final" or not sport.times_of(unit):
        return
    by_rank = sorted(
        ((it.rank or 0, parse_mark(it.mark), it) for it in ranked if it.mark is not None),
        key=lambda it: it[:2],
    )
    wrong = [
        (one, other)
        for (rank, mark, one), (next_rank, next_mark, other) in itertools.pairwise(by_rank)
        if rank < next_rank and next_mark < mark
    ]
    # Where most are the other way round, it is the order of the event.
    if wrong and len(wrong) * 2 < len(by_rank):
        one, other = wrong[0]
        yield (
            "ranks",
            f"{shown(unit)}: competitor {other.competitor.id} has rank {other.rank} with "
            f"{other.mark}, {one.competitor.id} has rank {one.rank} with {one.mark}",
            "correct a rank or a mark; leave it if officials decided so",
        )


# A race's times, and a competition's distances, are alike.
_FAR: Final = 8


def _far_marks(sport: Sport, unit: str, results: Sequence[Result]) -> Iterable[_Found]:
    marks_of = sorted({parse_mark(it.mark) for it in results if it.mark is not None})
    one = parse_mark("1")
    if (
        sport.order_of(unit) != "lower"
        and len(marks_of) >= 3
        and marks_of == [one * n for n in range(1, len(marks_of) + 1)]
    ):
        yield (
            "far_mark",
            f"{shown(unit)}: its marks are 1, 2, 3 … as ranks are, and the highest wins",
            "if they are ranks, give them as rank",
        )
    marks = sorted(
        ((parse_mark(it.mark), it) for it in results if it.mark is not None),
        key=lambda it: it[0],
    )
    order = sport.order_of(unit)
    if len(marks) < 3 or order == "head-to-head":
        return
    values = [value for value, _ in marks]
    median = values[len(values) // 2]
    lower = order == "lower"
    best, result = marks[0] if lower else marks[-1]
    if lower and not sport.times_of(unit):
        return
    if 0 < best * _FAR < median if lower else best > median * _FAR > 0:
        yield (
            "far_mark",
            f"{shown(unit)}: competitor {result.competitor.id} would win with {result.mark}, which "
            "is far from the others",
            "write all marks in one unit of measure: minutes as 1:02.34, metres as 6.12",
        )


def _drawn(unit: str, results: Sequence[Result], catalogue: Catalogue) -> Iterable[_Found]:
    official = [_as_official(it) for it in results]
    medals = {row.medal for row in unit_standings(official, catalogue)}
    if (
        len(medals) == 1
        and medals <= {"gold", "bronze"}
        and all(it.medal is None for it in results)
    ):
        yield (
            "drawn",
            f"{shown(unit)}: nobody wins, and both take {medals.pop()}",
            "say who has won, after extra time or penalties too; leave it if both were honoured",
        )


def _shared_medals(unit: str, results: Sequence[Result], catalogue: Catalogue) -> Iterable[_Found]:
    faculties = Counter(it.faculty for it in results)
    if max(faculties.values()) < 2:
        return
    # Unofficial ones are looked at as if they were official.
    official = [_as_official(it) for it in results]
    medals = Counter(
        (row.result.faculty, row.medal)
        for row in unit_standings(official, catalogue)
        if row.medal not in (None, "none")
    )
    shared = {pair: count for pair, count in medals.items() if count > 1}
    if shared:
        told = ", ".join(
            f"{count} {medal} for {faculty}" for (faculty, medal), count in shared.items()
        )
        yield (
            "shared_medals",
            f"{shown(unit)}: {told}",
            "a team is one result, whatever the number of its members; leave it if they tied",
        )


def _as_official(result: Result) -> Result:
    if result.status == "official":
        return result
    fields = {name: getattr(result, name) for name in result.__struct_fields__}
    return Result(**{**fields, "status": "official"})


def _contradiction(sport: Sport, result: Result) -> str:
    if result.irm is None:
        return ""
    kind = sport.irm_class(result.irm)
    if kind == "did_not_start":
        if result.mark is not None:
            return f"{result.irm} (did not start) beside the mark {result.mark}"
        if result.rank is not None:
            return f"{result.irm} (did not start) beside rank {result.rank}"
        if result.outcome == "won":
            return f"{result.irm} (did not start) beside won"
    elif kind == "disqualified":
        if result.outcome == "won":
            return f"{result.irm} (disqualified) beside won"
        if result.medal not in (None, "none"):
            return f"{result.irm} (disqualified) beside the medal {result.medal}"
    return ""


def _contradicting_outcomes(results: Sequence[Result]) -> str:
    """Return what is wrong with the outcomes of a bout of two; "" if nothing is."""
    outcomes = [it.outcome for it in results if it.status != "withdrawn"]
    if len(outcomes) != 2 or None in outcomes or any(it.irm for it in results):
        return ""
    if outcomes[0] == outcomes[1]:
        return "" if outcomes[0] == "tied" else f"both have {outcomes[0]}"
    return "one has tied, the other has not" if "tied" in outcomes else ""


def _known_irm(sport: Sport, code: str) -> bool:
    return sport.irm_class(code) is not None or code in _IRMS_WITHOUT_CLASS


# Codes of sports' federations that need no class: rank and outcome stay in force.
_IRMS_WITHOUT_CLASS: Final = frozenset(
    (
        *("DNF", "NM", "NH", "NT", "ND", "NP", "NC", "LAP", "OTL", "DNQ", "RET", "RT", "ABD", "AB"),
        *(
            "W/O",
            "WO",
            "WDR",
            "WD",
            "EL",
            "ELI",
            "EXC",
            "REL",
            "OVL",
            "RAL",
            "FS",
            "FALL",
            "INJ",
            "BUW",
            "DFT",
            "DEF",
        ),
        *(
            "OCS",
            "BFD",
            "UFD",
            "ZFP",
            "SCP",
            "STP",
            "RDG",
            "DPI",
            "DNC",
            "DNE",
            "TLE",
            "NSC",
            "ARB",
        ),
        *("RSC", "REF", "PUN", "KIK", "HAN", "FUS", "SAN", "MDF", "CUT"),
    )
)


def _phase_of(sport: Sport, unit: str, results: Sequence[Result]) -> Phase:
    """Return the catalogue's phase of a unit, else that of the highest version."""
    by_catalogue = sport.phase_of(unit)
    if by_catalogue is not None or not results:
        return by_catalogue or "round"
    return max(results, key=lambda it: it.version).phase


def _by_unit(results: Iterable[Result]) -> tuple[dict[UnitKey, list[Result]], list[Finding]]:
    """Group results that survive by their unit; and tell identities with two contents."""
    units: dict[UnitKey, dict[str, Result]] = {}
    conflicts: list[Finding] = []
    for result in results:
        its = units.setdefault((result.sport, result.unit), {})
        identity = result.competitor.id
        other = its.get(identity)
        if other is None or _order(result) > _order(other):
            its[identity] = result
        elif _order(result) == _order(other) and result != other:
            conflicts.append(
                Finding(
                    "conflict",
                    result.sport,
                    (result.unit,),
                    f"{shown(result.unit)}: competitor {identity} has two different results of "
                    f"version {result.version}, of which one will survive",
                    "remove one; or, if it is a correction, give it a higher version",
                )
            )
    return {key: list(its.values()) for key, its in units.items()}, conflicts


def _order(result: Result) -> tuple[int, int]:
    return result.version, ("unofficial", "official", "withdrawn").index(result.status)


def _look_alikes(units: Iterable[UnitKey]) -> Iterable[Finding]:
    alike: defaultdict[UnitKey, list[str]] = defaultdict(list)
    for sport, unit in units:
        if parse_rsc(unit) is None:
            alike[sport, comparable(unit)].append(unit)
    for (sport, _), names in alike.items():
        if len(names) > 1:
            names.sort()
            yield Finding(
                "look_alikes",
                sport,
                tuple(names),
                f"{_listed(names)} look like one unit and are {len(names)}, each with its own "
                "ranking and medals",
                "write the name in one way",
            )


def _heats_as_finals(phases: Mapping[UnitKey, Phase]) -> Iterable[Finding]:
    finals: defaultdict[UnitKey, list[str]] = defaultdict(list)
    for (sport, unit), phase in phases.items():
        if phase == "final":
            finals[sport, _event_of(unit)].append(unit)
    for (sport, _), names in finals.items():
        # Mere spellings of one name are told as look-alikes.
        if len(names) > 1 and len({comparable(it) for it in names}) > 1:
            names.sort()
            yield Finding(
                "heats_as_finals",
                sport,
                tuple(names),
                f"{_listed(names)} are {len(names)} finals of one event, each with its own medals",
                "a timed final in heats is one unit: send all its results under one name; "
                "of several finals only one has the phase final",
            )


def without_heat(unit: str) -> str:
    """Return ``comparable`` of a unit's name without the number of its heat."""
    return " ".join(_without_movable(_without_heats(_tokens(unit))))


def _event_of(unit: str) -> str:
    rsc = parse_rsc(unit)
    if rsc:
        return rsc.discipline + rsc.gender + rsc.event
    return " ".join(it for it in without_heat(unit).split() if it != "final")


def _listed(names: Sequence[str]) -> str:
    texts = [shown(it) for it in names[:4]]
    more = len(names) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")


# How names of units are compared.

# Words that may stand anywhere in a name, each with the one that it is compared as.
_MOVABLE: Final[Mapping[str, str]] = (
    dict.fromkeys(("final", "finals", "finale", "finales"), "final")
    | dict.fromkeys(("semifinal", "semifinals", "semifinales"), "semifinal")
    | dict.fromkeys(("men", "mens", "male", "hombres", "varones", "masculino", "masculina"), "men")
    | dict.fromkeys(("women", "womens", "female", "mujeres", "damas"), "women")
    | dict.fromkeys(("femenino", "femenina"), "women")
    | dict.fromkeys(("mixed", "mixto", "mixta"), "mixed")
)
_HEAT_WORDS: Final = frozenset(
    (
        *("heat", "heats", "h", "serie", "series", "manga", "tanda", "lauf", "flight", "section"),
        *("race", "run", "carrera", "regata", "group", "grupo", "pool"),
        *("final", "finals", "finales"),
    )
)
_OF: Final = frozenset(("of", "de", "von", "sur", "/"))
_NUMBER: Final = re.compile(r"[0-9]{1,3}|[a-h]|i{1,3}|iv|v|vi{1,3}|ix|x", re.ASCII).fullmatch
_ASCII_TOKENS: Final = re.compile(
    r"[a-z]+|[0-9]+|(?<![a-z0-9])-(?=[0-9])|[+$<>=^`|~/]", re.ASCII
).findall
_TOKENS: Final = re.compile(r"[^\W\d_]+|\d+|(?<!\w)-(?=\d)|[^\w\s]").findall


@lru_cache(maxsize=16_384)
def _tokens(unit: str) -> tuple[str, ...]:
    text = folded(unit).replace("'", "").replace("’", "").replace("×", "x").replace("−", "-")
    if text.isascii():
        return tuple(_ASCII_TOKENS(text))
    return tuple(
        token
        for token in _TOKENS(text)
        if token in "+-/" or token[0].isalnum() or unicodedata.category(token[0])[0] != "P"
    )


def _without_movable(tokens: Sequence[str]) -> list[str]:
    moved = sorted(_MOVABLE[it] for it in tokens if it in _MOVABLE)
    # A slash is punctuation between words, and a part of "1/8".
    return [it for it in tokens if it not in _MOVABLE and it != "/"] + moved


def _without_heats(tokens: Sequence[str]) -> list[str]:
    kept: list[str] = []
    at = 0
    while at < len(tokens):
        word = tokens[at]
        at += 1
        number = tokens[at] if at < len(tokens) else ""
        if word not in _HEAT_WORDS or not _NUMBER(number):
            kept.append(word)
            continue
        if word.startswith("final"):
            if at + 1 < len(tokens) and tokens[at + 1].isdigit():  # "Final 7-12" is of places
                kept.append(word)
                continue
            kept.append("final")
        at += 1
        if at + 1 < len(tokens) and tokens[at] in _OF and tokens[at + 1].isdigit():
            at += 2
    return kept
