"""Lines that are said again and again are gathered."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

from contracts.logs import REPEATED_AT_MOST, REPEATED_WITHIN, RepeatedLines


def record(message: Any, level: int = logging.WARNING, name: str = "any") -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, None, None)


def test_the_same_line_is_said_a_few_times_and_then_how_many_were_left_out() -> None:
    now = 0.0
    lines = RepeatedLines(lambda: now)
    # given a line ten times a second, with another number each time
    said = 0
    for number in range(600):
        now = number / 10
        said += lines.filter(record(f"no leader for partition {number}"))
    assert said == REPEATED_AT_MOST
    # when the minute is over, it is said again, with what was left out
    now = REPEATED_WITHIN
    again = record("no leader for partition 7")
    assert lines.filter(again)
    assert again.getMessage() == "no leader for partition 7 (590 like this were left out)"


def test_lines_that_differ_in_words_logger_or_level_are_all_said() -> None:
    lines = RepeatedLines(lambda: 0.0)
    for _ in range(REPEATED_AT_MOST):
        assert lines.filter(record("one"))
        assert lines.filter(record("two"))
        assert lines.filter(record("one", name="other"))
        assert lines.filter(record("one", level=logging.ERROR))
    assert not lines.filter(record("one"))


def test_of_events_the_event_is_compared_and_the_number_left_out_is_a_key() -> None:
    now = 0.0
    lines = RepeatedLines(lambda: now)
    assert sum(lines.filter(record({"event": "no", "at": it})) for it in range(15)) == 10
    now = REPEATED_WITHIN + 1
    again = record({"event": "no", "at": 99})
    assert lines.filter(again)
    assert again.msg == {"event": "no", "at": 99, "left_out": 5}


def test_the_last_words_of_a_process_are_never_left_out() -> None:
    lines = RepeatedLines(lambda: 0.0)
    for _ in range(3 * REPEATED_AT_MOST):
        assert lines.filter(record("process_ended", level=logging.CRITICAL))


def test_what_is_remembered_is_bounded() -> None:
    lines = RepeatedLines(lambda: 0.0)
    for number in range(5_000):
        lines.filter(record("x" * (number % 4_000)))
    assert len(lines._said) <= 1_000


def test_what_our_packages_say_at_info_is_logged_and_what_others_say_is_not() -> None:
    heard = ("faust_bulk", "gateway.http", "medallero", "streams.worker")
    program = f"""
import logging
from contracts.logs import configure_logs
configure_logs("json", "info")
for name in {(*heard, "faust_bulk.recovery", "aiokafka.conn")}:
    logging.getLogger(name).info("said")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert [json.loads(line)["logger"] for line in ran.stderr.splitlines()] == [*heard]
