"""A short campaign against the gateway, and the same documents over HTTP and gRPC.

The long one is `make fuzz-gateway`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.grpc.codec import results_of
from olympics.catalogue import load_catalogue
from protos.medallero.v1 import intake_pb2 as pb
from protos.medallero.v1.status_pb2 import Status
from tests.fuzz.campaign import SETTINGS, Campaign
from tests.fuzz.expected import Kind, check_outcome, foresee
from tests.support.stack import Stack, StackFactory

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("fuzz")]

CATALOGUE = load_catalogue()
SEED = 20260711
ROUND = 500
#: A short run may still find its level: what a leak of a buffer a request would exceed.
GROWTH = 24 * 2**20


@pytest.fixture
def gateway(stack: StackFactory) -> Stack:
    return stack(workers=0, environment=SETTINGS)


@pytest.fixture
async def campaign(gateway: Stack) -> AsyncIterator[Campaign]:
    async with Campaign(gateway, SEED) as started:
        yield started


async def test_whatever_comes_the_answers_are_true_and_nothing_grows(campaign: Campaign) -> None:
    await campaign.round(ROUND)
    before = await campaign.vitals()
    await campaign.round(ROUND)
    await campaign.round(ROUND)
    after = await campaign.check_vitals(before, growth=GROWTH)

    tally = campaign.tally
    assert tally.inputs >= 3 * ROUND
    # Good and bad, over both protocols: a campaign that hits nothing proves nothing.
    assert tally.foreseen > ROUND
    assert tally.records > ROUND
    for answer in ("202", "400", "404", "405", "413", "415", "422", "OK", "INVALID_ARGUMENT"):
        assert tally.answers[answer], answer
    assert after.series < 2 * before.series


# The same records in both protocols, from texts and numbers of all kinds.

TEXTS = st.text(max_size=70) | st.sampled_from(
    ("won", "lost", "DNS", "DSQ", "gold", "final", "official", "55.78", "2:06:26", "8,35", "1")
)
RESULTS = st.builds(
    pb.Result,
    id=TEXTS,
    sport=st.sampled_from(("swimming", "Natación", "3", "BOX")) | TEXTS,
    unit=st.just("100m final") | TEXTS,
    phase=st.sampled_from(("", "final", "Semifinal")) | TEXTS,
    competitor=st.builds(
        pb.Competitor,
        id=st.sampled_from(("8", "9")) | TEXTS,
        name=TEXTS,
        age=st.none() | st.integers(-(2**31), 2**31 - 1),
    ),
    faculty=st.sampled_from(("engineering", "AGRONOMIA")) | TEXTS,
    mark=st.sampled_from(("", "55.78")) | TEXTS,
    outcome=st.sampled_from(("", "won", "T")) | TEXTS,
    irm=st.sampled_from(("", "DNF")) | TEXTS,
    medal=st.sampled_from(("", "none")) | TEXTS,
    status=st.sampled_from(("", "withdrawn")) | TEXTS,
    rank=st.none() | st.integers(1, 3) | st.integers(-(2**31), 2**31 - 1),
    version=st.none() | st.integers(1, 3) | st.integers(-(2**63), 2**63 - 1),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("sport", "unit", "competitor", "faculty", "mark", "rank", "version", "id", "medal")
GOOD: dict[str, Any] = {
    "sport": "swimming",
    "unit": "100m",
    "competitor": {"id": "8"},
    "faculty": "engineering",
    "mark": "55.78",
}
DOCUMENTS = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3).map(
    lambda changes: GOOD | changes
)

example_settings = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_any_json_has_the_answer_that_the_rules_give(gateway: Stack) -> None:
    @example_settings
    @given(st.lists(DOCUMENTS, max_size=20))
    def check(items: list[object]) -> None:
        body = json.dumps(items, ensure_ascii=False).encode()
        status, outcome = _post(gateway, body)

        assert status == (422 if items and not outcome["accepted"] else 202)
        foreseen = foresee(body, lines=False, max_body=2**20, max_line=2**20)
        check_outcome(foreseen, Kind(), outcome, CATALOGUE, gateway.settings.seed)

    check()


def test_both_protocols_say_the_same_of_the_same_records(gateway: Stack) -> None:
    with grpc.insecure_channel(gateway.grpc[0]) as channel:
        submit = channel.unary_unary("/medallero.v1.ResultIntake/Submit")

        @example_settings
        @given(st.lists(RESULTS, min_size=1, max_size=6))
        def check(results: list[pb.Result]) -> None:
            request = pb.SubmitRequest(results=results)
            items = [raw for _, raw in results_of(request.results, 0)]
            _, over_http = _post(gateway, json.dumps(items).encode())

            over_grpc = _submit(submit, request)

            assert over_grpc.accepted == over_http["accepted"]
            assert [(it.index, it.id, it.field, it.error) for it in over_grpc.rejected] == [
                (it["index"], it["id"] or "", it["field"], it["error"])
                for it in over_http["rejected"]
            ][: len(over_grpc.rejected)]

        check()


def _post(gateway: Stack, body: bytes) -> tuple[int, dict[str, Any]]:
    status, outcome = gateway.gateway.request("POST", "/v1/results", body)
    assert status in (202, 422), outcome
    return status, outcome


def _submit(submit: Any, request: pb.SubmitRequest) -> pb.SubmitResponse:
    """Return the response, or the one in the details of an error."""
    try:
        return pb.SubmitResponse.FromString(submit(request.SerializeToString()))
    except grpc.RpcError as error:
        refused: Any = error
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(refused.trailing_metadata())["grpc-status-details-bin"]
    (packed,) = Status.FromString(details).details
    response = pb.SubmitResponse()
    assert packed.Unpack(response)
    return response
