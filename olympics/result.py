"""A result: one competitor's result in one event unit, and its three ways in and out.

``parse_result`` takes what people and programs send and is liberal; ``encode`` writes the canonical
JSON that goes onto the topic; ``decode`` reads that back and is strict, because a worker must not
guess. Whatever ``parse_result`` and ``encode`` make, ``decode`` returns as the equal value.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar
from unicodedata import is_normalized

import msgspec

from olympics.catalogue import Catalogue, Sport, UnknownName
from olympics.mark import (
    EXPECTED_MARK,
    format_mark,
    mark_of,
    parse_mark,
    plain_mark,
    why_no_mark,
)
from olympics.rank import printed_rank
from olympics.rsc import RSC_LENGTH, default_phase, parse_rsc
from olympics.text import canonical_text, is_canonical, shown
from olympics.words import Medal as Medal
from olympics.words import Outcome as Outcome
from olympics.words import Phase as Phase
from olympics.words import Status as Status

UNIT_LENGTH: Final = 128
COMPETITOR_LENGTH: Final = 64
NAME_LENGTH: Final = 200
IRM_LENGTH: Final = 16
MAX_AGE: Final = 150
MAX_RANK: Final = 100_000
MAX_VERSION: Final = 2**53  # every JSON library in the world keeps integers up to here
#: The highest version that a result may come with of itself, so that a correction has room.
MAX_FIRST_VERSION: Final = 2**52


class Competitor(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who competed: a person or a team. Only the id is part of a result's identity."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=COMPETITOR_LENGTH)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)] | None = None
    age: Annotated[int, msgspec.Meta(ge=0, le=MAX_AGE)] | None = None


class Result(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A result as it stands on the topic. Identity: (sport, unit, competitor.id).

    ``sport`` and ``faculty`` are names of the catalogue. ``mark`` is canonical text ("55.780").
    A higher ``version`` replaces a lower one completely.
    """

    sport: str
    unit: Annotated[str, msgspec.Meta(min_length=1, max_length=UNIT_LENGTH)]
    phase: Phase
    competitor: Competitor
    faculty: str
    status: Status
    version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
    mark: str | None = None
    outcome: Outcome | None = None
    rank: Annotated[int, msgspec.Meta(ge=1, le=MAX_RANK)] | None = None
    irm: Annotated[str, msgspec.Meta(min_length=1, max_length=IRM_LENGTH)] | None = None
    medal: Medal | None = None


class ResultError(ValueError):
    """A result that is refused: which field ("" is the whole object), and what was expected."""

    def __init__(self, field: str, error: str) -> None:
        super().__init__(f"{field}: {error}" if field else error)
        self.field = field
        self.error = error


def parse_result(raw: object, catalogue: Catalogue) -> Result:
    """Make a result of a JSON object as people send it. Raises ResultError.

    Names in any spelling of the catalogue; marks as text or number; whole numbers also as text;
    outcomes also W, L, T, D; empty text and null are the same as no field. The sport may be absent
    where the unit is an ODF code, the phase always. ``id`` is not looked at. ``replaces``, the
    version that this one replaces, lets a correction have a version above those of others.
    """
    if not isinstance(raw, dict):
        raise ResultError("", f"expected a JSON object, got {shown(raw)}")
    if not raw.keys() <= _FIELDS:
        _refuse_unknown(raw, _FIELDS, "")
    get = raw.get
    unit = _required(text_of(get("unit"), "unit", UNIT_LENGTH), "unit", _UNIT)
    sport = _sport_of(get("sport"), unit, catalogue)
    # Most results lack most of the optional fields: absent ones cost no call.
    phase = get("phase")
    status = get("status")
    version = get("version")
    replaces = get("replaces")
    mark = get("mark")
    outcome = get("outcome")
    rank = get("rank")
    irm = get("irm")
    medal = get("medal")
    if isinstance(rank, str) and (printed := printed_rank(rank)) is not None:
        rank = printed
    result = Result(
        sport=sport.name,
        unit=unit,
        phase=_word(phase, "phase", _PHASES) or default_phase(unit),
        competitor=_competitor_of(get("competitor")),
        faculty=faculty_of(get("faculty"), "faculty", catalogue),
        status=_word(status, "status", _STATUSES) or "official",
        version=1 if version is None and replaces is None else _version(version, replaces),
        mark=None if mark is None else _mark(mark, sport, unit),
        outcome=None if outcome is None else _word(outcome, "outcome", _OUTCOMES),
        rank=None if rank is None else whole_number(rank, "rank", 1, MAX_RANK),
        irm=None if irm is None else _irm(irm),
        medal=None if medal is None else _word(medal, "medal", _MEDALS),
    )
    if result.mark is None:
        _require_evidence(result)
    return result


def encode(result: Result) -> bytes:
    """Return the canonical JSON of a result, as it goes onto the topic."""
    return _ENCODER.encode(result)


def decode(data: bytes, catalogue: Catalogue) -> Result:
    """Read a result from the topic: strictly, but for the order of fields and unknown extra ones.

    (A newer writer must not stop an older reader.) Raises ResultError.
    """
    try:
        result = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise _decode_error(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultError("", f"expected a JSON object in UTF-8 ({error})") from None
    except RecursionError:
        raise ResultError("", "expected a JSON object without such deep nesting") from None
    sport = catalogue.sports.get(result.sport)
    if sport is None:
        raise ResultError("sport", f"expected the name of a sport, got {shown(result.sport)}")
    if result.faculty not in catalogue.faculties:
        raise ResultError("faculty", f"expected the name of a faculty, got {shown(result.faculty)}")
    unit = result.unit
    identity = result.competitor.id
    name = result.competitor.name
    mark = result.mark
    # One look at the texts together: a space at an end, or a double one, makes a double one here.
    texts = f" {unit} {identity} {identity if name is None else name} "
    if (
        "  " in texts
        or not texts.isprintable()
        or not (texts.isascii() or is_normalized("NFC", texts))
    ):
        _require_canonical(unit, identity, name)
    if len(unit) == RSC_LENGTH and unit[:3] != sport.code:
        _refuse_contradiction(sport, unit, catalogue)
    if mark is None:
        _require_evidence(result)
    else:
        number = mark_of(mark)
        if number is None:
            raise ResultError(
                "mark",
                "expected a decimal number with three decimals, or four if the last is not zero, "
                f"got {shown(mark)}",
            )
        if number <= 0:
            _refuse_no_time(number, sport, unit)
    if result.irm is not None and not _is_canonical_irm(result.irm):
        raise ResultError("irm", f"expected {_IRM} in capitals, got {shown(result.irm)}")
    return result


def key_of(sport: str, unit: str) -> bytes:
    """Return the topic's key of a unit. Sports' names have no "/", so it is unambiguous."""
    return f"{sport}/{unit}".encode()


def digest_of(data: bytes) -> int:
    """Return the 64-bit digest of a record's bytes: the last word between equal versions."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _require_canonical(unit: str, identity: str, name: str | None) -> None:
    if not is_canonical(unit):
        raise ResultError("unit", f"expected {_CANONICAL_TEXT}, got {shown(unit)}")
    if not is_canonical(identity):
        raise ResultError("competitor.id", f"expected {_CANONICAL_TEXT}, got {shown(identity)}")
    if name is not None and not is_canonical(name, joiners=True):
        raise ResultError("competitor.name", f"expected {_CANONICAL_TEXT}, got {shown(name)}")


# What follows is also used for entries.


def text_of(value: object, field: str, longest: int, *, joiners: bool = False) -> str | None:
    """Return a text in canonical form, None for null and empty text; raises ResultError."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ResultError(field, f"expected text, got {shown(value)}")
    if 0 < len(value) <= longest and is_canonical(value):
        return value
    if len(value) > 8 * longest:  # not worth normalising
        raise ResultError(field, f"expected {_length(longest)}, got {len(value)}")
    try:
        text = canonical_text(value, joiners=joiners)
    except ValueError as error:
        raise ResultError(field, f"expected {error}") from None
    if len(text) > longest:
        raise ResultError(field, f"expected {_length(longest)}, got {len(text)}")
    return text or None


def whole_number(value: object, field: str, lowest: int, highest: int) -> int | None:
    """Return a whole number (also from text or 3.0), None for null and empty text.

    Raises ResultError, also for true and false, which are numbers to Python alone.
    """
    if type(value) is int and lowest <= value <= highest:
        return value
    number: object = value
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 20:
            number = int(text)
    elif value is None:
        return None
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if type(number) is int and lowest <= number <= highest:
        return number
    raise ResultError(
        field, f"expected a whole number from {lowest} to {highest}, got {shown(value)}"
    )


def faculty_of(value: object, field: str, catalogue: Catalogue) -> str:
    """Return the catalogue's name of a faculty; raises ResultError, also if there is none."""
    if isinstance(value, str) and not value.strip():
        value = None
    try:
        return catalogue.faculty(value).name
    except UnknownName as error:
        raise ResultError(field, str(error)) from None


def sport_of(value: object, field: str, catalogue: Catalogue) -> Sport:
    """Return a sport of the catalogue; raises ResultError, also if there is none."""
    try:
        return catalogue.sport(value)
    except UnknownName as error:
        raise ResultError(field, str(error)) from None


_FIELDS = frozenset(("id", "replaces", *Result.__struct_fields__))
_COMPETITOR_FIELDS = frozenset(Competitor.__struct_fields__)

_PHASES: dict[str, Phase] = {
    "round": "round",
    "semifinal": "semifinal",
    "final": "final",
    "bronze": "bronze",
    "other": "other",
}
_STATUSES: dict[str, Status] = {
    "official": "official",
    "unofficial": "unofficial",
    "withdrawn": "withdrawn",
}
_OUTCOMES: dict[str, Outcome] = {
    "won": "won",
    "lost": "lost",
    "tied": "tied",
    "w": "won",
    "l": "lost",
    "t": "tied",
    "d": "tied",
}
_MEDALS: dict[str, Medal] = {"gold": "gold", "silver": "silver", "bronze": "bronze", "none": "none"}

_UNIT = f"text of 1 to {UNIT_LENGTH} characters that names the race, bout or heat"
_COMPETITOR = 'an object such as {"id": "8", "name": "Ana", "age": 20}'
_COMPETITOR_ID = f"text of 1 to {COMPETITOR_LENGTH} characters, or a whole number"
_IRM = f"a code such as DNS, DNF or DSQ, of at most {IRM_LENGTH} letters, digits and signs"
_CANONICAL_TEXT = "normalised text (NFC, single spaces, nothing invisible)"
_EVIDENCE = "at least one of mark, outcome, rank, irm, medal"

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Result)

_Word = TypeVar("_Word", bound=str)


def _sport_of(value: object, unit: str, catalogue: Catalogue) -> Sport:
    if value is None or (isinstance(value, str) and not value.strip()):
        rsc = parse_rsc(unit)
        return sport_of(rsc.discipline if rsc else None, "sport", catalogue)
    sport = sport_of(value, "sport", catalogue)
    if len(unit) == RSC_LENGTH and unit[:3] != sport.code:
        _refuse_contradiction(sport, unit, catalogue)
    return sport


def _refuse_contradiction(sport: Sport, unit: str, catalogue: Catalogue) -> None:
    rsc = parse_rsc(unit)
    if rsc is None:
        return
    try:
        if catalogue.sport(rsc.discipline) is sport:  # several disciplines, by their aliases
            return
    except UnknownName:
        pass
    raise ResultError(
        "unit", f"expected a unit of {sport.name} ({sport.code}), got a code of {rsc.discipline}"
    )


def _version(value: object, replaces: object) -> int:
    """Return a version; above the others' bound only the one next to what it *replaces*."""
    replaced = whole_number(replaces, "replaces", 1, MAX_VERSION - 1)
    if replaced is None:
        return whole_number(value, "version", 1, MAX_FIRST_VERSION) or 1
    version = whole_number(value, "version", 1, MAX_VERSION) or 1
    if version not in (replaced, replaced + 1):
        raise ResultError(
            "version", f"expected {replaced} or {replaced + 1}, since it replaces {replaced}"
        )
    return version


def _competitor_of(raw: object) -> Competitor:
    if not isinstance(raw, dict):
        raise ResultError("competitor", f"expected {_COMPETITOR}, got {shown(raw)}")
    if not raw.keys() <= _COMPETITOR_FIELDS:
        _refuse_unknown(raw, _COMPETITOR_FIELDS, "competitor.")
    identity = raw.get("id")
    if type(identity) is int and abs(identity) < 10**18:
        identity = str(identity)
    name = raw.get("name")
    age = raw.get("age")
    return Competitor(
        _required(
            text_of(identity, "competitor.id", COMPETITOR_LENGTH), "competitor.id", _COMPETITOR_ID
        ),
        None if name is None else text_of(name, "competitor.name", NAME_LENGTH, joiners=True),
        None if age is None else whole_number(age, "competitor.age", 0, MAX_AGE),
    )


def _required(text: str | None, field: str, expected: str) -> str:
    if text is None:
        raise ResultError(field, f"expected {expected}, got nothing")
    return text


def _word(value: object, field: str, words: Mapping[str, _Word]) -> _Word | None:
    if value is None:
        return None
    if isinstance(value, str):
        word = words.get(value)
        if word is not None:
            return word
        text = value.strip().lower() if len(value) <= 40 else value
        if not text:
            return None
        word = words.get(text)
        if word is not None:
            return word
    listed = ", ".join(dict.fromkeys(words.values()))
    raise ResultError(field, f"expected one of {listed}; got {shown(value)}")


def _mark(value: object, sport: Sport, unit: str) -> str | None:
    if isinstance(value, str) and not value.strip():
        return None
    try:
        # Most marks are plain numbers, which mean the same whatever is measured.
        number = plain_mark(value)
    except ValueError:
        number = _spelled_mark(value, sport, unit)
    if number <= 0:
        _refuse_no_time(number, sport, unit)
    return format_mark(number)


def _spelled_mark(value: object, sport: Sport, unit: str) -> int:
    time = True if sport.times_of(unit) else None if sport.order_of(unit) == "lower" else False
    try:
        return parse_mark(value, time=time)
    except ValueError:
        advice = why_no_mark(value, time=time)
        raise ResultError(
            "mark",
            f"expected {EXPECTED_MARK}; got {shown(value)}" + (f": {advice}" if advice else ""),
        ) from None


def _refuse_no_time(number: int, sport: Sport, unit: str) -> None:
    if sport.times_of(unit):
        raise ResultError(
            "mark",
            f"expected a time above 0, got {format_mark(number)}: without a time, leave mark out "
            "and give irm (DNS, DNF, DSQ …)",
        )


def _irm(value: object) -> str | None:
    if isinstance(value, str) and len(value) <= 8 * IRM_LENGTH:
        text = value.strip().upper()
        if not text:
            return None
        if len(text) <= IRM_LENGTH and _is_canonical_irm(text):
            return text
    raise ResultError("irm", f"expected {_IRM}; got {shown(value)}")


def _is_canonical_irm(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and text.upper() == text


def _require_evidence(result: Result) -> None:
    # A withdrawal needs none: it says that there is no result.
    if (
        result.mark is None
        and result.outcome is None
        and result.rank is None
        and result.irm is None
        and result.medal is None
        and result.status != "withdrawn"
    ):
        raise ResultError("", f"expected {_EVIDENCE}")


def _refuse_unknown(raw: dict[Any, Any], known: frozenset[str], prefix: str) -> None:
    unknown = next(name for name in raw if name not in known)
    name = unknown if isinstance(unknown, str) and unknown.isprintable() else shown(unknown)
    raise ResultError(
        f"{prefix}{name[:64]}", f"unknown field; expected only {', '.join(sorted(known))}"
    )


def _length(longest: int) -> str:
    return f"text of at most {longest} characters"


def _decode_error(error: msgspec.ValidationError) -> ResultError:
    # "Expected `int` >= 1 - at `$.version`", "Object missing required field `unit`"
    expected, _, path = str(error).partition(" - at `$")
    return ResultError(path.rstrip("`").lstrip("."), expected[:1].lower() + expected[1:])
