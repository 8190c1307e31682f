"""Structured logs: events with keys, to standard error."""

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Final, Literal

import structlog

#: How often the same may be said within how many seconds.
REPEATED_AT_MOST: Final = 10
REPEATED_WITHIN: Final = 60.0
#: Different lines that are remembered.
_REMEMBERED: Final = 1_000
_NUMBER: Final = re.compile(r"\d+")


class RepeatedLines(logging.Filter):
    """Lets the same line through ten times a minute, and then says how many were left out.

    The same is: of one logger and level, and equal but for the numbers in it. Of events with keys
    the event alone is compared. Nothing from *critical* on is left out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        #: what is said → since when it is counted, and how often it was said
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.CRITICAL:
            return True
        said = record.msg.get("event", "") if isinstance(record.msg, dict) else record.getMessage()
        what = (record.name, record.levelno, _NUMBER.sub("#", str(said)))
        now = self._clock()
        since, times = self._said.get(what, (now, 0))
        left_out = 0
        if now - since >= REPEATED_WITHIN:
            left_out = max(0, times - REPEATED_AT_MOST)
            since, times = now, 0
        if what not in self._said and len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[what] = (since, times + 1)
        if times >= REPEATED_AT_MOST:
            return False
        if left_out:
            self._add(record, left_out)
        return True

    @staticmethod
    def _add(record: logging.LogRecord, left_out: int) -> None:
        if isinstance(record.msg, dict):
            record.msg = {**record.msg, "left_out": left_out}
        else:
            record.msg = f"{record.getMessage()} ({left_out} like this were left out)"
            record.args = ()


def configure_logs(log_format: Literal["console", "json"], level: str) -> None:
    """Send structlog's events, and the libraries' records, to standard error.

    Libraries speak from *warning* on, whatever the level: at *info* they drown our own events.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RepeatedLines())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in ("faust_bulk", "gateway", "medallero", "streams"):
        logging.getLogger(ours).setLevel(level.upper())
    # Faust's services log under the module of their class, each of their steps at "info".
    for chatty in ("app", "recovery", "transport"):
        logging.getLogger(f"faust_bulk.{chatty}").setLevel(logging.WARNING)
