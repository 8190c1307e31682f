"""The short way in for results that are written as they will stand on the topic.

Programs that keep to the documents send names of the catalogue, tidy texts and nothing in a wrong
type. Such a result needs no more than to be checked; whatever is not so plain goes through
``parse_result``, which decides alone what is an error. Both ways give the same bytes.
"""

from functools import lru_cache
from typing import Annotated, Final
from unicodedata import is_normalized

import msgspec
from msgspec import UNSET, Meta, UnsetType

from olympics.catalogue import Catalogue
from olympics.mark import format_mark, plain_mark
from olympics.result import (
    COMPETITOR_LENGTH,
    MAX_AGE,
    MAX_FIRST_VERSION,
    MAX_RANK,
    NAME_LENGTH,
    UNIT_LENGTH,
)
from olympics.rsc import RSC_LENGTH
from olympics.words import Medal, Outcome, Phase, Status


class _Competitor(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: Annotated[str, Meta(min_length=1, max_length=COMPETITOR_LENGTH)]
    name: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)] | UnsetType = UNSET
    age: Annotated[int, Meta(ge=0, le=MAX_AGE)] | UnsetType = UNSET


class PlainResult(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A result that ``encode_plain`` writes as ``encode`` would write the same ``Result``.

    The fields are those of ``Result`` in its order. ``irm`` is not among them: with one, a result
    is not plain.
    """

    sport: str
    unit: Annotated[str, Meta(min_length=1, max_length=UNIT_LENGTH)]
    phase: Phase = "round"
    competitor: _Competitor
    faculty: str
    status: Status = "official"
    version: Annotated[int, Meta(ge=1, le=MAX_FIRST_VERSION)] = 1
    mark: str | int | float | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    rank: Annotated[int, Meta(ge=1, le=MAX_RANK)] | UnsetType = UNSET
    medal: Medal | UnsetType = UNSET


def read_plain(data: bytes | msgspec.Raw, catalogue: Catalogue) -> PlainResult | None:
    """Return the result that *data* holds, as JSON; None if it is not plain, or not JSON."""
    try:
        result = _decode(data)
        if result.mark is not UNSET:
            result.mark = _canonical_mark(result.mark)
        elif not _has_evidence(result):
            return None
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    unit = result.unit
    if (
        len(unit) == RSC_LENGTH  # a code says more than its letters
        or result.sport not in catalogue.sports
        or result.faculty not in catalogue.faculties
    ):
        return None
    mark = result.mark
    if (
        mark is not UNSET
        and (mark == "0.000" or mark[0] == "-")
        and catalogue.sports[result.sport].times_of(unit)
    ):
        return None
    competitor = result.competitor
    name = competitor.id if competitor.name is UNSET else competitor.name
    # One look at all texts: a space at an end, or a double one, makes a double one here. A name
    # with a joiner is not printable, and goes the long way.
    texts = f" {unit} {competitor.id} {name} "
    if "  " in texts or not texts.isprintable():
        return None
    if not texts.isascii() and not is_normalized("NFC", texts):
        return None
    return result


#: Writes the canonical JSON of a plain result, as it goes onto the topic.
encode_plain: Final = msgspec.json.Encoder().encode

_decode: Final = msgspec.json.Decoder(PlainResult).decode


# Marks of a sport lie close together, so most were seen before. A text and a number are never
# equal; a whole number and the same number as a float are the same mark.
@lru_cache(maxsize=65_536)
def _canonical_mark(value: str | int | float) -> str:
    return format_mark(plain_mark(value))


def _has_evidence(result: PlainResult) -> bool:
    return (
        result.outcome is not UNSET
        or result.rank is not UNSET
        or result.medal is not UNSET
        or result.status == "withdrawn"
    )
