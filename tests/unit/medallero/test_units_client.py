"""Changes on their way to the gateway, and with which token it is asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from medallero.client.connect import GatewayAddress
from medallero.client.reading import read_latest
from medallero.client.units import Replacement, send_changes
from medallero.terminal import CannotDo
from olympics.catalogue import load_catalogue
from olympics.result import parse_result
from tests.unit.medallero.fake_gateway import FakeGateway, serving


def test_requests_hold_what_the_gateway_takes() -> None:
    sizes = {"large": 2300, "small": 10, **{f"heat {it}": 1 for it in range(40)}}
    catalogue = load_catalogue()
    changes = [
        Replacement(
            0,
            parse_result(
                {
                    **{"sport": "swimming", "unit": unit, "faculty": "agronomy", "mark": "60"},
                    "competitor": {"id": str(number)},
                },
                catalogue,
            ),
        )
        for unit, size in sizes.items()
        for number in range(size)
    ]

    with serving(FakeGateway()) as gateway:
        asyncio.run(send_changes(GatewayAddress(gateway.url), changes))

    bodies: list[Any] = [body for _, (body,) in gateway.requests]
    assert all(len(body) <= 1000 for body in bodies)
    assert all(len({it["unit"] for it in body}) <= 32 for body in bodies)
    sent = [(it["unit"], it["competitor"]["id"]) for body in bodies for it in body]
    assert sent == [(it.result.unit, it.result.competitor.id) for it in changes]


@pytest.mark.parametrize("token", ["mdl_secret\n", "mdl_sécret"])
def test_a_token_that_is_none_is_an_error_and_not_shown(token: str) -> None:
    with (
        serving(FakeGateway()) as gateway,
        pytest.raises(CannotDo, match="characters that no token has") as error,
    ):
        asyncio.run(read_latest(GatewayAddress(gateway.url, token)))

    assert "cret" not in error.value.format_message()
    assert gateway.requests == []
