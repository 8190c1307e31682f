"""A weather report: what one person or station said of one place, and its ways in and out.

``parse_report`` takes what people and programs send and is liberal; ``encode`` writes the JSON
that goes onto the topic and into the queue; ``decode`` reads that back and is strict, because a
consumer must not guess. Whatever ``parse_report`` and ``encode`` make, ``decode`` returns as the
equal value.

Of several records under one id the one with the least ``(at, bytes)`` counts. So a retry, which has
the same id and a later time of receipt, changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec

from olympics.result import ResultError, text_of
from olympics.synonyms import is_given, meanings
from olympics.text import canonical_text, is_canonical, shown

ID_LENGTH: Final = 64
PLACE_LENGTH: Final = 64
WEATHER_LENGTH: Final = 64
DESCRIPTION_LENGTH: Final = 500
#: The largest record that is read, bytes. What :func:`encode` writes has a few thousand; a larger
#: one, with extra fields, would not fit into the topic that keeps what counts.
RECORD_LENGTH: Final = 1_000_000
#: °C. The extremes ever measured are -89.2 and 56.7 (World Meteorological Organization).
LOWEST_TEMPERATURE: Final = -100
HIGHEST_TEMPERATURE: Final = 100
#: The end of the year 9999, Unix milliseconds: the last one that RFC 3339 can write.
LATEST: Final = 253_402_300_799_999

#: What clients call the fields of a report; but for ``id``, in any case.
NAMES: Final = {
    "id": ("id",),
    "country": ("country", "pais", "name", "nombre"),
    "municipality": ("municipality", "municipio", "municipalidad"),
    "weather": ("weather", "clima"),
    "description": ("description", "descripcion"),
    "temperature": ("temperature", "temperatura"),
    "humidity": ("humidity", "humedad"),
    "at": ("at",),
}
_FIELDS: Final = NAMES.keys()
#: What the course's clients number from 1 on.
MUNICIPALITIES: Final = ("mixco", "guatemala", "amatitlan", "chinautla")
WEATHERS: Final = ("sunny", "cloudy", "rainy", "foggy")

PlaceKind = Literal["country", "municipality"]


class Report(
    msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False, tag_field="v", tag=1
):
    """A report as it stands on the topic and in the queue; ``v`` there is the format's version.

    ``place``: a country's code or name in capitals, or a municipality's name in small letters.
    ``weather`` is in small letters, in the language that it came in. ``at``: Unix milliseconds, the
    sender's or else those of its receipt. ``temperature``: hundredths of °C. ``humidity``:
    hundredths of %.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH)]
    place_kind: PlaceKind
    place: Annotated[str, msgspec.Meta(min_length=1, max_length=PLACE_LENGTH)]
    weather: Annotated[str, msgspec.Meta(min_length=1, max_length=WEATHER_LENGTH)]
    at: Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
    description: Annotated[str, msgspec.Meta(max_length=DESCRIPTION_LENGTH)] = ""
    temperature: (
        Annotated[int, msgspec.Meta(ge=100 * LOWEST_TEMPERATURE, le=100 * HIGHEST_TEMPERATURE)]
        | None
    ) = None
    humidity: Annotated[int, msgspec.Meta(ge=0, le=100 * 100)] | None = None


#: A report that is refused: which field ("" is the whole object), and what was expected.
ReportError = ResultError


def parse_report(raw: object, *, report_id: str, at: int) -> Report:
    """Make a report of a JSON object as people send it. Raises ReportError.

    Both editions of the course's payload: ``country``, ``weather``, ``description``; and
    ``municipality``, ``temperature`` (°C), ``humidity`` (%), ``weather``; with the names of
    ``NAMES``. Exactly one of ``country`` and ``municipality``, and ``weather``, are needed.
    Municipality and weather may be numbers (``MUNICIPALITIES``, ``WEATHERS``). Numbers also as
    text, also with a decimal comma; what is finer than hundredths is rounded, half to even. Empty
    text and null are the same as no field. ``at`` of the object, Unix milliseconds or RFC 3339 with
    an offset, wins over *at*, the time of receipt. Its ``id`` is not looked at: *report_id* is what
    the gateway made of it.
    """
    if not isinstance(raw, dict):
        raise ReportError("", f"expected a JSON object, got {shown(raw)}")
    if not raw.keys() <= _FIELDS:
        return _parse_renamed(raw, report_id, at)
    get = raw.get
    identity = text_of(report_id, "id", ID_LENGTH)
    if identity is None:
        raise ReportError("id", f"expected text of 1 to {ID_LENGTH} characters, got nothing")
    country = text_of(get("country"), "country", PLACE_LENGTH)
    municipality = text_of(
        _named(get("municipality"), "municipality", MUNICIPALITIES), "municipality", PLACE_LENGTH
    )
    if country is not None and municipality is not None:
        raise ReportError("municipality", "expected either country or municipality, got both")
    kind: PlaceKind
    if country is not None:
        kind, place = "country", _cased(country.upper(), "country", PLACE_LENGTH)
    elif municipality is not None:
        kind, place = "municipality", _cased(municipality.lower(), "municipality", PLACE_LENGTH)
    else:
        raise ReportError("country", "expected a country or a municipality, got neither")
    weather = text_of(_named(get("weather"), "weather", WEATHERS), "weather", WEATHER_LENGTH)
    if weather is None:
        raise ReportError("weather", f"expected {_WEATHER}, got nothing")
    description = get("description")
    temperature = get("temperature")
    humidity = get("humidity")
    when = get("at")
    return Report(
        id=identity,
        place_kind=kind,
        place=place,
        weather=_cased(weather.lower(), "weather", WEATHER_LENGTH),
        at=at if when is None or when == "" else _at(when),
        description=""
        if description is None
        else text_of(description, "description", DESCRIPTION_LENGTH, joiners=True) or "",
        temperature=None
        if temperature is None
        else _hundredths(temperature, "temperature", LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE),
        humidity=None if humidity is None else _hundredths(humidity, "humidity", 0, 100),
    )


def encode(report: Report) -> bytes:
    """Return the canonical JSON of a report, as it goes onto the topic and into the queue."""
    return _ENCODER.encode(report)


def decode(value: bytes) -> Report:
    """Read a report from the topic or the queue: strictly, but for unknown extra fields.

    (A newer writer must not stop an older reader.) A record without ``v`` is read as of version 1.
    Raises ReportError.
    """
    if len(value) > RECORD_LENGTH:
        raise ReportError("", f"expected at most {RECORD_LENGTH} bytes, got {len(value)}")
    try:
        report = _DECODER.decode(value)
    except msgspec.ValidationError as error:
        # "Expected `int` >= 0 - at `$.at`", "Object missing required field `place`"
        expected, _, path = str(error).partition(" - at `$")
        field = path.rstrip("`").lstrip(".")
        raise ReportError(field, expected[:1].lower() + expected[1:]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError("", f"expected a JSON object in UTF-8 ({error})") from None
    except RecursionError:
        raise ReportError("", "expected a JSON object without such deep nesting") from None
    place = report.place
    weather = report.weather
    # One look at the texts together: a space at an end, or a double one, makes a double one here.
    texts = f" {report.id} {place} {weather} {report.description or 'x'} "
    if (
        not texts.isascii()
        or not texts.isprintable()
        or "  " in texts
        or weather != weather.lower()
        or place != (place.upper() if report.place_kind == "country" else place.lower())
    ):
        _require_canonical(report)
    return report


def key_of(report: Report) -> bytes:
    """Return the topic's key: the report's id, so that all records of one id share a partition."""
    return report.id.encode()


_WEATHER: Final = f"text of 1 to {WEATHER_LENGTH} characters such as Lluvioso"
_AT: Final = "Unix milliseconds, or a time such as 2025-10-03T18:05:00Z"
_CENT: Final = Decimal("0.01")
_meaning = meanings(NAMES)

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Report)


def _parse_renamed(raw: dict[Any, Any], report_id: str, at: int) -> Report:
    """Do what ``parse_report`` does, for fields with other names; errors name them as they came."""
    plain: dict[str, Any] = {}
    called: dict[str, str] = {}
    others: list[tuple[str, str, Any]] = []
    for name, value in raw.items():
        field = _meaning(name)
        if field is None or (field == "id" and name != "id"):  # whose value would not be used
            _refuse_unknown(name)
        if not is_given(value):
            continue
        if field in plain:
            others.append((field, name, value))
        else:
            plain[field], called[field] = value, name
    report = _parse_called(plain, called, report_id, at)
    for field, name, value in others:
        if _parse_called({**plain, field: value}, {**called, field: name}, report_id, at) != report:
            raise ReportError(
                name, f"expected the same as {called[field]}, of which it is a synonym"
            )
    return report


def _parse_called(plain: dict[str, Any], called: dict[str, str], report_id: str, at: int) -> Report:
    try:
        return parse_report(plain, report_id=report_id, at=at)
    except ReportError as error:
        raise ReportError(called.get(error.field, error.field), error.error) from None


def _refuse_unknown(name: object) -> NoReturn:
    called = name if isinstance(name, str) and name.isprintable() else shown(name)
    raise ReportError(called[:64], f"unknown field; expected only {', '.join(sorted(_FIELDS))}")


def _named(value: object, field: str, names: Sequence[str]) -> object:
    """Return the name of a number, counted from 1, also as text; other values as they are."""
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit()):
            return value
        number: object = int(text[:4])
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif type(value) is int:
        number = value
    else:
        return value
    if type(number) is int and 1 <= number <= len(names):
        return names[number - 1]
    listed = ", ".join(f"{place} {name}" for place, name in enumerate(names, 1))
    raise ReportError(field, f"expected text, or a number ({listed}); got {shown(value)}")


def _cased(text: str, field: str, longest: int) -> str:
    """Return *text*, whose case was changed: that can make it longer, and undo its normal form."""
    if not text.isascii():
        text = canonical_text(text)
    if len(text) > longest:
        raise ReportError(
            field, f"expected text of at most {longest} characters in one case, got {len(text)}"
        )
    return text


def _at(value: object) -> int:
    if type(value) is int and 0 <= value <= LATEST:
        return value
    if isinstance(value, float) and value.is_integer() and 0 <= value <= LATEST:
        return int(value)
    if isinstance(value, str) and len(value) <= 40:
        try:
            when = msgspec.convert(value.strip(), datetime)
            if when.tzinfo is not None:
                milliseconds = round(when.timestamp() * 1000)
                if 0 <= milliseconds <= LATEST:
                    return milliseconds
        except (msgspec.ValidationError, OverflowError):
            pass
    raise ReportError("at", f"expected {_AT}; got {shown(value)}")


def _hundredths(value: object, field: str, lowest: int, highest: int) -> int | None:
    number: Decimal | None = None
    if type(value) is int:
        if lowest <= value <= highest:
            return 100 * value
    elif isinstance(value, float):
        number = Decimal(repr(value))
    elif isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _is_decimal(text):
            number = Decimal(text.replace(",", "."))
    if number is not None and lowest <= number <= highest:
        return int(100 * number.quantize(_CENT, ROUND_HALF_EVEN))
    raise ReportError(field, f"expected a number from {lowest} to {highest}, got {shown(value)}")


def _is_decimal(text: str) -> bool:
    digits = text.removeprefix("-") if text[0] == "-" else text.removeprefix("+")
    whole, _, fraction = digits.replace(",", ".").partition(".")
    return (
        len(text) <= 40
        and text.isascii()
        and whole.isdigit()
        and (not fraction or fraction.isdigit())
    )


def _require_canonical(report: Report) -> None:
    for field in ("id", "place", "weather", "description"):
        text: str = getattr(report, field)
        if not is_canonical(text, joiners=field == "description"):
            raise ReportError(
                field,
                "expected normalised text (NFC, single spaces, nothing invisible), "
                f"got {shown(text)}",
            )
    if report.weather != report.weather.lower():
        raise ReportError("weather", f"expected small letters, got {shown(report.weather)}")
    place = report.place
    if report.place_kind == "country":
        if place != place.upper():
            raise ReportError("place", f"expected a country in capitals, got {shown(place)}")
    elif place != place.lower():
        raise ReportError("place", f"expected a municipality in small letters, got {shown(place)}")
