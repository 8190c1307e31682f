"""Structured logs: events with keys, to standard error."""

import logging
import sys
from typing import Literal

import structlog


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
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in ("gateway", "streams", "medallero"):
        logging.getLogger(ours).setLevel(level.upper())
    # Faust's services log under the module of their class, each of their steps at "info".
    for chatty in ("app", "recovery", "transport"):
        logging.getLogger(f"streams.bulk.{chatty}").setLevel(logging.WARNING)
