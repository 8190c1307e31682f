"""Why a process has ended, as the end of its log tells it, and what a person can do about it."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 300
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: Lines of a traceback, of a frame drawn around one, and of Java's.
_FRAMES: Final = re.compile(r"\s|[│╭╰─┃]|Traceback |at |\.\.\. \d+ more|$")
#: What our own processes write before an event, and the levels at which nothing is wrong.
_HEAD: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+ +\[(\w+) *\] *")
_QUIET: Final = ("debug", "info")
#: What Kafka, Redis and Python say of a thing that a person can mend, and the remedy.
_REMEDIES: Final = (
    (
        re.compile(r"(?i)no space left|disk is full|MISCONF|ENOSPC|KafkaStorageException"),
        "make room on the disk; nothing that was acknowledged is lost",
    ),
    (
        re.compile(r"(?i)UnknownTopicOrPartition|topic '?[^ ]+'?:? does not exist"),
        "a topic is gone: run `medallero doctor`, which says how to go on",
    ),
    (
        re.compile(r"InvalidTimestamp"),
        "compare the clocks of this machine and of Kafka's: it takes nothing from an hour ahead",
    ),
    (
        re.compile(r"(?i)out of memory|OutOfMemoryError|MemoryError|cannot allocate memory"),
        "close other programs, or give the machine more memory",
    ),
    (
        re.compile(r"(?i)address (is )?already in use"),
        "another program listens on that port: end it, or choose another port",
    ),
    (
        re.compile(r"(?i)too many open files"),
        "raise the limit of open files (ulimit -n) and start again",
    ),
)


def last_words(log: str) -> str:
    """Return the last line of *log* that says something, without colours; "" if none does.

    What is only information says nothing: it is not why a process ended.
    """
    for line in reversed(_COLOURS.sub("", log).splitlines()):
        head = _HEAD.match(line)
        if head and head[1] in _QUIET:
            return ""
        if not _FRAMES.match(line):
            return line[head.end() if head else 0 :].strip()[:_LONGEST]
    return ""


def remedy_of(text: str) -> str | None:
    """Return what a person can do about what *text* tells; None if that is not known."""
    return next((remedy for cause, remedy in _REMEDIES if cause.search(text)), None)
