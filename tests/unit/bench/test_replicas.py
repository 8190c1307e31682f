"""The report of the bench of replicas, and the balancer's configuration."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from bench.replicas import plan, report
from bench.replicas.balancer import configuration


def figures(rate: float, shares: list[float]) -> dict[str, Any]:
    return {
        "results": 10,
        "rate": rate,
        "visible_rate": rate / 2,
        "visible_after": 0.25,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "errors": {},
        "gateway_shares": shares,
        "worker_shares": [1.0],
        "cpu_us": dict.fromkeys(report.PARTS, 3.0),
        "worker_memory_bytes_a_result": 100.0,
    }


REPORT: dict[str, Any] = {
    "machine": {"processor": "P", "cores": 2, "memory_bytes": 2**34},
    "when": "now",
    "command": "python -m bench.replicas",
    "partitions": 8,
    "loads": {"singles": "one result a request"},
    "systems": [
        {"gateways": 1, "workers": 1, "loads": {"singles": figures(1000.0, [1.0])}},
        {"gateways": 2, "workers": 1, "loads": {"singles": figures(1500.0, [0.4, 0.6])}},
    ],
    "bytes": {"request": 143.0, "results": 224.0, "changelog": 104.0, "redis_in_all": 1e6},
}


def test_each_system_is_compared_with_one_of_each() -> None:
    text = report.markdown(REPORT)

    assert "| 1 | 1 | 1,000 | 1.00 |" in text
    assert "| 2 | 1 | 1,500 | 1.50 |" in text
    assert "0.40 0.60" in text


def test_the_table_of_the_terminal_has_the_same_rows() -> None:
    out = io.StringIO()

    report.show(Console(file=out, width=160), REPORT)

    assert out.getvalue().count("singles") == 2
    assert "1.50" in out.getvalue()


def test_the_balancer_knows_every_gateway_once() -> None:
    text = configuration(80, [1001, 1002])

    assert "bind 127.0.0.1:80\n" in text
    assert text.count("    server ") == 2
    assert "127.0.0.1:1001\n" in text
    assert text.endswith("127.0.0.1:1002\n")


def test_what_is_planned_grows_with_the_rate_and_leaves_room() -> None:
    # given 3 µs a result of each part
    few, many = (plan.need(REPORT, "singles", rate) for rate in (6_000_000, 60_000_000))

    # then 100,000 a second keep 0.3 cores busy, which is a process; ten times as many are five
    assert (few.gateways, few.workers) == (1, 1)
    assert (many.gateways, many.workers) == (5, 5)
    assert many.kafka_cores == 10 * few.kafka_cores == 9.0
    assert few.topics_bytes_a_second == 100_000 * (224 + 104) * 3
    assert "| 100,000,000 |" in plan.markdown(REPORT)
