"""W3C trace context: what is handed on, and what is not."""

from __future__ import annotations

import pytest

from gateway.observability.tracing import headers_of

#: The example of the standard.
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_what_is_well_formed_is_handed_on_as_it_came() -> None:
    assert headers_of(PARENT, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7") == (
        ("traceparent", PARENT.encode()),
        ("tracestate", b"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
    )
    assert headers_of(PARENT, None) == (("traceparent", PARENT.encode()),)


def test_versions_to_come_may_be_longer() -> None:
    later = "cc" + PARENT[2:] + "-what-comes"

    assert headers_of(later, None) == (("traceparent", later.encode()),)


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "00",
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "0",
        "ff" + PARENT[2:],
        PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        PARENT + "\nx",
        "cc" + PARENT[2:] + "-\x00",
    ],
)
def test_what_is_malformed_is_left_out_with_its_state(parent: str | None) -> None:
    assert headers_of(parent, "congo=t61rcWkgMzE") == ()


@pytest.mark.parametrize("state", ["", " ", "a=" + "x" * 600, "a=\x00", "a=é"])
def test_a_bad_state_is_left_out_by_itself(state: str) -> None:
    assert headers_of(PARENT, state) == (("traceparent", PARENT.encode()),)
