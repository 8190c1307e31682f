"""Figures from samples. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple


class Sample(NamedTuple):
    """What was seen of a process at one moment.

    ``at`` in seconds of a steady clock; ``records`` processed since its start; ``memory`` resident
    bytes and ``cpu`` seconds of user and system time, None where the system does not tell.
    """

    at: float
    records: int
    memory: int | None = None
    cpu: float | None = None


def rate(samples: Sequence[Sample]) -> float | None:
    """Return records a second between the first progress and the last.

    What came before the first progress is start-up, what comes after the last is waiting; both
    are left out, and so are the records of the first report. None without two reports.
    """
    moving = progress(samples)
    if len(moving) < 2:
        return None
    first, last = moving[0], moving[-1]
    return (last.records - first.records) / (last.at - first.at)


def is_enough(samples: Sequence[Sample]) -> bool:
    """Whether a rate says something: five reports, the first before a third of the work was done.

    A report comes up to 150 ms late; over less than that the rate would be one of reports.
    """
    moving = progress(samples)
    return len(moving) >= 5 and moving[0].records * 3 <= moving[-1].records


def rate_between(samples: Sequence[Sample], start: int, end: int) -> float | None:
    """Return records a second while the count went from *start* to *end*, interpolated."""
    begun, ended = moment_of(samples, start), moment_of(samples, end)
    if begun is None or ended is None or ended <= begun:
        return None
    return (end - start) / (ended - begun)


def moment_of(samples: Sequence[Sample], records: int) -> float | None:
    """Return when the count passed *records*, interpolated between reports; None if never."""
    moving = progress(samples)
    if moving and moving[0].records >= records:
        return moving[0].at if moving[0].records == records else None
    for before, after in pairwise(moving):
        if after.records >= records:
            share = (records - before.records) / (after.records - before.records)
            return before.at + share * (after.at - before.at)
    return None


def progress(samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples in which the count had grown, without those at zero."""
    moving: list[Sample] = []
    for sample in samples:
        if sample.records > (moving[-1].records if moving else 0):
            moving.append(sample)
    return moving


def cpu_per_record(samples: Sequence[Sample]) -> float | None:
    """Return seconds of processor time a record, over the stretch that :func:`rate` takes."""
    moving = progress(samples)
    if len(moving) < 2 or moving[0].cpu is None or moving[-1].cpu is None:
        return None
    return (moving[-1].cpu - moving[0].cpu) / (moving[-1].records - moving[0].records)
