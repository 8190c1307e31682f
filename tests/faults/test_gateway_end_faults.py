"""The gateway's own end in the middle of everything, and clients that vanish."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import struct
import threading
import time
from contextlib import closing

import pytest

from tests.faults.load import KINDS, Load
from tests.support.oracle import topic_records
from tests.support.stack import Member, StackFactory
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("gateway ends"),
]

_RESET = struct.pack("ii", 1, 0)


def test_a_gateway_killed_in_the_middle_has_kept_what_it_acknowledged(stack: StackFactory) -> None:
    gateway = stack(workers=0)
    with Load(gateway) as load:
        for _ in range(3):
            load.wait_for_more()
            struck = load.wait_in_flight()
            gateway.gateway.kill()
            wait_until(lambda: load.cut >= len(KINDS), timeout=90)
            gateway.gateway.start()
            gateway.gateway.wait_ready()
            print(f"killed with {struck} records in flight")
        load.wait_for_more()

    assert load.check() > 0


def test_one_of_two_gateways_killed_does_not_harm_what_the_other_takes(
    stack: StackFactory,
) -> None:
    gateway = stack(workers=0, gateways=2)
    with Load(gateway) as load:
        load.wait_for_more()
        load.wait_in_flight()
        gateway.gateways[1].kill()
        wait_until(lambda: load.cut >= 3, timeout=90)
        load.wait_for_more(2000)

    assert not load.refused
    load.check()


def test_a_gateway_told_to_end_finishes_what_it_has_begun_and_sends_others_away(
    stack: StackFactory,
) -> None:
    gateway = stack(workers=0)
    member = gateway.gateway
    kept = http.client.HTTPConnection("127.0.0.1", member.port, timeout=30)
    with Load(gateway) as load, _half_a_request(member) as slow, closing(kept):
        # The request that is half-way holds the end up, so that there is time to see the rest.
        load.wait_for_more()
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        struck = load.wait_in_flight()
        member.kill(signal.SIGTERM)
        time.sleep(0.5)
        kept.request("POST", "/v1/results", json.dumps(_RESULT), _JSON)
        response = kept.getresponse()
        refusal = json.loads(response.read())
        slow.sendall(_BODY[20:])
        finished = slow.recv(65536)
        code = member.process.wait(20)
    print(f"told to end with {struck} records in flight")

    assert code == 0
    assert finished.startswith(b"HTTP/1.1 202 ")
    assert (response.status, refusal["code"], refusal["retryable"]) == (503, "unavailable", True)
    assert response.headers["Retry-After"]
    assert load.refused.keys() <= {"503", "UNAVAILABLE"}
    assert not load.not_retryable
    units = {json.loads(it.value or b"")["unit"] for it in topic_records(gateway.settings)}
    assert _RESULT["unit"] in units
    load.sent[str(_RESULT["unit"])] = "single"
    load.check()


def test_clients_that_vanish_leave_nothing_behind(stack: StackFactory) -> None:
    gateway = stack(workers=0)
    member = gateway.gateway
    over = threading.Event()
    vanished = [0]

    def vanish(part: int) -> None:
        while not over.is_set():
            with socket.create_connection(("127.0.0.1", member.port), timeout=30) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.sendall((_HEAD + _BODY)[:part] if part else _LINES)
            vanished[0] += 1

    everything = len(_HEAD) + len(_BODY)
    parts = (0, 10, len(_HEAD), everything - 5, everything)
    threads = [threading.Thread(target=vanish, args=(part,)) for part in parts]
    with Load(gateway) as load:
        load.wait_for_more(100)
        for thread in threads:
            thread.start()
        wait_until(lambda: vanished[0] >= 1000, timeout=60)
        load.wait_for_more()
        over.set()
        for thread in threads:
            thread.join()

    assert not load.refused
    assert not load.cut
    wait_until(lambda: _metric(member, "medallero_gateway_in_flight_bytes") == 0)
    # This look is itself one.
    name = 'medallero_gateway_in_flight_requests{protocol="http"}'
    wait_until(lambda: _metric(member, name) == 1)
    assert "error" not in {line.split("[")[-1][:5] for line in member.log(2000).splitlines()}


_JSON = {"Content-Type": "application/json"}
_RESULT = {
    "sport": "swimming",
    "unit": "the last one",
    "competitor": {"id": "8"},
    "faculty": "engineering",
    "mark": "55.78",
}
_BODY = json.dumps(_RESULT).encode()
_HEAD = b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
_LINES = (
    b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % (len(_BODY) + 1) + _BODY + b"\n\r\n"
)


def _half_a_request(member: Member) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", member.port), timeout=30)
    client.sendall(_HEAD + _BODY[:20])
    return client


def _metric(member: Member, name: str) -> float | None:
    _, text = member.request("GET", "/metrics")
    for line in str(text).splitlines():
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    return None
