"""Every place that lists a result's fields lists those of ``olympics.result.Result``.

A new field is added there; the tests that then fail name what else it touches.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.grpc.codec import results_of
from gateway.http import openapi
from medallero.client import grpc as client
from medallero.corrections import files as corrections
from olympics.catalogue import load_catalogue
from olympics.latest import Latest
from olympics.plain import PlainResult
from olympics.result import Competitor, Result, decode, encode, parse_result
from protos.medallero.v1 import intake_pb2

GUIDE: Final = Path(__file__).parents[2] / "docs" / "guide" / "results.md"
CATALOGUE: Final = load_catalogue()

FIELDS: Final = Result.__struct_fields__
OF_COMPETITOR: Final = Competitor.__struct_fields__
#: Fields of a request alone: they are not stored.
OF_REQUEST: Final = {"id", "replaces"}

_COMMON: Final[dict[str, Any]] = {
    "sport": "swimming",
    "unit": "100 m freestyle women",
    "phase": "final",
    "competitor": {"id": "s123", "name": "Ana Sol", "age": 21},
    "faculty": "agronomy",
    "status": "unofficial",
    "version": 7,
}
#: Between them, a value other than the default for each field.
SAMPLES: Final[list[dict[str, Any]]] = [
    {**_COMMON, "mark": "58.40", "rank": 2, "medal": "silver"},
    {**_COMMON, "sport": "boxing", "outcome": "won"},
    {**_COMMON, "irm": "DSQ"},
]


def test_the_samples_have_every_field() -> None:
    assert {field for sample in SAMPLES for field in sample} == set(FIELDS)
    assert set(_COMMON["competitor"]) == set(OF_COMPETITOR)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda it: str(list(it)[-1]))
def test_parser_stored_form_and_grpc_carry_every_field(sample: dict[str, Any]) -> None:
    result = parse_result(sample, CATALOGUE)

    for field in sample:
        assert getattr(result, field) is not None
    assert all(getattr(result.competitor, field) is not None for field in OF_COMPETITOR)
    assert decode(encode(result), CATALOGUE) == result
    [(_, raw)] = results_of([client._result(sample)], 0)
    assert parse_result(raw, CATALOGUE) == result


def test_the_plain_form_has_the_fields_in_their_order() -> None:
    assert PlainResult.__struct_fields__ == tuple(it for it in FIELDS if it != "irm")


def test_what_is_kept_of_a_result_has_its_fields_or_its_key_has() -> None:
    """The key is sport, unit and competitor's id. An age counts for nothing."""
    assert set(FIELDS) - {"sport", "unit"} <= set(Latest.__struct_fields__)
    assert set(OF_COMPETITOR) - {"id", "age"} <= set(Latest.__struct_fields__)


def test_the_grpc_message_has_the_fields() -> None:
    message = intake_pb2.Result.DESCRIPTOR

    assert set(message.fields_by_name) == {*FIELDS, "id"}
    competitor = message.fields_by_name["competitor"].message_type
    assert competitor is not None
    assert set(competitor.fields_by_name) == set(OF_COMPETITOR)


def test_the_openapi_document_has_the_fields() -> None:
    properties = openapi._result()["properties"]

    assert set(properties) == {*FIELDS, *OF_REQUEST}
    assert set(properties["competitor"]["properties"]) == set(OF_COMPETITOR)


def test_correct_changes_every_field_but_the_identity_and_the_version() -> None:
    changed = {*FIELDS, *OF_COMPETITOR} - {"sport", "unit", "competitor", "id", "version"}

    assert set(corrections.FIELDS) == changed


def test_the_guide_lists_the_fields() -> None:
    table = re.search(r"^\|[ -]+\|[^\n]*\n((?:\|.*\n)+)", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert table

    listed = re.findall(r"^\| `(\w+)`", table[1], re.MULTILINE)
    assert set(listed) == {*FIELDS, *OF_REQUEST}
