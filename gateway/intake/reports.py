"""The way in for weather reports: raw items of either protocol become reports, or are rejected."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from msgspec import Raw

from contracts.partitioning import partition_of
from gateway.intake.base import (
    BLANK,
    Decode,
    Draft,
    Log,
    NotAnItem,
    RecordIntake,
    given_id,
    id_by_key,
)
from gateway.metrics import Metrics
from gateway.settings import GatewaySettings
from weather.report import NAMES, ReportError, encode, key_of, parse_report


@dataclass(frozen=True, slots=True)
class Reports:
    """Items are weather reports.

    ``key`` makes a retry safe for reports without an id: it becomes the id of the only item, or
    ``key#index`` if there are ``several``.
    """

    key: str | None = None
    several: bool = False

    kind = "report"
    plural = "reports"


class ReportIntake(RecordIntake):
    """Takes weather reports."""

    fields = frozenset(("object", *(name for names in NAMES.values() for name in names)))

    def __init__(self, settings: GatewaySettings, log: Log, metrics: Metrics) -> None:
        super().__init__(log, metrics)
        self._partitions = settings.weather_partitions

    def read(
        self,
        draft: Draft,
        kind: Reports,
        items: Iterable[tuple[int, object]],
        decode: Decode | None = None,
    ) -> None:
        now = time.time_ns() // 10**6
        allowed = draft.caller.may_send(kind.kind)
        partitions = self._partitions
        records, headers = draft.records, draft.headers
        before = len(records)
        room = self._log.largest_record
        for index, raw in items:
            if decode is not None and type(raw) is Raw:
                raw = decode(raw)
                if raw is BLANK:
                    continue
            try:
                if isinstance(raw, NotAnItem):
                    raise ReportError("", str(raw))
                if not allowed:
                    raise ReportError("", "the token may not send reports")
                given = given_id(raw) or id_by_key(kind.key, kind.several, index)
                report = parse_report(raw, report_id=given or uuid4().hex, at=now)
                key, value = key_of(report), encode(report)
                if room is not None:
                    self._check_size(room, key, value, headers)
            except ReportError as error:
                self._reject(draft, kind, index, raw, error)
                continue
            if given is None:
                draft.outcome.mint(index, report.id)
            records.append((partition_of(key, partitions), key, value, headers))
        read = len(records) - before
        draft.by_kind[kind.kind] = draft.by_kind.get(kind.kind, 0) + read
