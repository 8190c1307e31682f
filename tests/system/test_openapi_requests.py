"""Requests that schemathesis makes of the OpenAPI document get answers that the document knows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.gateway_support import running, settings_for
from tests.support.clients import run

pytestmark = pytest.mark.system

# What is asked of each answer: that the document knows it, unlike a 500. Two checks are
# left out: the rules may refuse a body that the schema allows (a unit that contradicts its sport),
# and accept one that it does not allow (clients of the course send "1" and 1 for a discipline).
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


@pytest.mark.timeout(600)
def test_every_request_that_the_document_allows_or_forbids_gets_a_documented_answer(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    with running(settings_for(kafka, redis_url, weather_writers="kafka")) as gateway:
        output = run(
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"http://127.0.0.1:{gateway.http_port}/openapi.json",
            *("--checks", ",".join(CHECKS), "--mode", "all", "--max-examples", "5"),
            *("--phases", "examples,coverage,fuzzing", "--seed", "1"),
            *("--generation-database", "none"),
            # The stream of events has no end, and its schema is that of a text.
            *("--exclude-path", "/v1/stream"),
            *("--no-color", "--request-timeout", "20"),
            directory=tmp_path,
            timeout=500,
        )

    selected, total = map(int, re.findall(r"Selected: (\d+)/(\d+)", output)[0])
    assert selected == total - 1 > 10  # all but the stream
    assert f"Tested: {selected}" in output
