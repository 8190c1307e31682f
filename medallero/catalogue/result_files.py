"""What result files say of sports, events and faculties; for drafts of a catalogue, and checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from medallero.catalogue.draft import Seen
from medallero.files.inputs import Input, Reading, Unreadable
from olympics.entry import ENTRY_UNIT_PREFIX
from olympics.importers import Imported, Unusable, import_rows
from olympics.words import Phase


def seen_in(source: Input) -> Iterator[Seen | Unusable | Unreadable]:
    """Read all results and entries of a file, whatever the catalogue knows of them.

    Rows and records of which nothing can be used come as what they are. Raises InputError.
    """
    if source.table is not None:
        for it in import_rows(source.table):
            yield _of_row(it) if isinstance(it, Imported) else it
        return
    for record in source.records(Reading()):
        if isinstance(record, Unreadable):
            yield record
        elif record.kind != "reports":
            yield _of_record(msgspec.json.decode(record.body), record.kind == "entries")


def _of_row(row: Imported) -> Seen:
    seen = _of_record(row.result, False)
    return seen._replace(
        event=row.event,
        sport_title=row.sport_title,
        faculty_title=row.faculty_title,
        result_type=row.result_type,
    )


def _of_record(raw: dict[str, Any], entry: bool) -> Seen:
    competitor = raw.get("competitor")
    identity = competitor.get("id") if isinstance(competitor, dict) else competitor
    rank = raw.get("rank")
    return Seen(
        sport=_first(raw, "discipline", "disciplina") if entry else _first(raw, "sport"),
        unit=f"{ENTRY_UNIT_PREFIX}{_first(raw, 'id')}" if entry else _first(raw, "unit"),
        competitor=str(identity),
        faculty=_first(raw, "faculty", "facultad"),
        phase=cast("Phase | None", raw.get("phase")),
        rank=int(rank) if isinstance(rank, int) else None,
        mark=_first(raw, "mark") or None,
        outcome=_first(raw, "outcome") or None,
    )


def _first(raw: dict[str, Any], *keys: str) -> str:
    values = (raw.get(key) for key in keys)
    return next((" ".join(str(it).split()) for it in values if it is not None), "")
