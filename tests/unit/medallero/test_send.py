"""`medallero send` against a gateway that really answers, refuses, and cuts connections."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from medallero.commands.send import command
from tests.unit.medallero.fake_gateway import Busy, FakeGateway, serving
from tests.unit.medallero.test_send_files import CSV


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gateway() -> Any:
    with serving(FakeGateway()) as running:
        yield running


def result(number: int, unit: str = "100m") -> dict[str, Any]:
    return {
        "sport": "swimming",
        "unit": unit,
        "competitor": {"id": str(number)},
        "faculty": "agronomy",
        "mark": number,
    }


def entry(number: int) -> dict[str, Any]:
    return {"student": f"S{number}", "age": 20, "faculty": "agronomy", "discipline": 1}


def ndjson(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(it) + "\n" for it in records))
    return str(path)


def send(gateway: FakeGateway, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        command, ["--endpoint", gateway.url, *arguments], input=stdin, catch_exceptions=False
    )


def test_everything_goes_in_and_the_exit_code_says_so(gateway: FakeGateway, tmp_path: Path) -> None:
    records = [result(n, f"unit {n % 7}") for n in range(1234)]

    ran = send(gateway, ndjson(tmp_path / "r.ndjson", records))

    assert ran.exit_code == 0
    assert sorted(it["mark"] for it in gateway.accepted) == list(range(1234))
    assert "1,234" in ran.stdout
    assert not list(tmp_path.glob("*.rejected*"))


def test_results_of_a_unit_keep_their_order(gateway: FakeGateway, tmp_path: Path) -> None:
    records = [result(n, f"unit {n % 5}") for n in range(400)]
    gateway.answers = [Busy(503), Busy(None), Busy(429)]

    ran = send(gateway, "--batch", "7", ndjson(tmp_path / "r.ndjson", records))

    assert ran.exit_code == 0
    for unit in range(5):
        marks = [it["mark"] for it in gateway.accepted if it["unit"] == f"unit {unit}"]
        assert marks == sorted(marks)


def test_several_requests_are_in_flight(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.delay = 0.05
    path = ndjson(tmp_path / "r.ndjson", [result(n, f"unit {n}") for n in range(400)])

    send(gateway, "--batch", "10", "--connections", "4", path)

    assert gateway.most_in_flight == 4
    assert max(len(records) for _, records in gateway.requests) == 10


def test_entries_and_results_of_one_file_go_where_they_belong(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = ndjson(tmp_path / "r.ndjson", [result(1), entry(1), result(2), entry(2)])

    send(gateway, path)

    sent = {path: len(records) for path, records in gateway.requests}
    assert set(sent) == {"/v1/results", "/v1/entries"}
    assert len(gateway.accepted) == 4


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_gateway_is_tried_again(gateway: FakeGateway, tmp_path: Path, status: int) -> None:
    gateway.answers = [Busy(status), Busy(status)]

    ran = send(gateway, "--json", ndjson(tmp_path / "r.ndjson", [result(1)]))

    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["retries"] == 2
    assert len(gateway.accepted) == 1


def test_retry_after_is_waited_for(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.answers = [Busy(503, {"Retry-After": "1"})]
    began = time.monotonic()

    ran = send(gateway, ndjson(tmp_path / "r.ndjson", [result(1)]))

    assert ran.exit_code == 0
    assert time.monotonic() - began >= 1.0


def test_an_entrys_id_is_the_same_in_every_attempt(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.answers = [Busy(503, takes=True), Busy(None, takes=True)]

    ran = send(gateway, ndjson(tmp_path / "e.ndjson", [entry(1), entry(2)]), "--connections", "1")

    assert ran.exit_code == 0
    assert len(gateway.accepted) == 6
    assert len({it["id"] for it in gateway.accepted}) == 2


def test_the_same_run_id_gives_the_same_ids(gateway: FakeGateway, tmp_path: Path) -> None:
    path = ndjson(tmp_path / "e.ndjson", [entry(1), entry(2)])

    for _ in range(2):
        send(gateway, path, "--run-id", "monday")

    assert len(gateway.accepted) == 4
    assert len({it["id"] for it in gateway.accepted}) == 2


def test_a_gateway_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    gateway = FakeGateway()
    gateway.port = port
    path = ndjson(tmp_path / "r.ndjson", [result(1)])
    outcome: list[Any] = []

    def start_late() -> None:
        time.sleep(0.7)
        with serving(gateway, port):
            deadline = time.monotonic() + 10
            while not gateway.accepted and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.2)

    thread = threading.Thread(target=start_late)
    thread.start()
    outcome = [send(gateway, path)]
    thread.join()

    assert outcome[0].exit_code == 0
    assert len(gateway.accepted) == 1


def test_it_gives_up_and_says_what_is_not_delivered(tmp_path: Path) -> None:
    gateway = FakeGateway()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gateway.port = closed.getsockname()[1]

        ran = send(gateway, "--give-up-after", "0.5", "--json", ndjson(tmp_path / "r", [result(1)]))

    assert ran.exit_code == 2
    summary = json.loads(ran.stdout)
    assert summary["undelivered"] == 1
    assert "cannot connect" in summary["failure"]
    assert "Connection refused" in summary["failure"]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_without_a_gateway_it_says_at_once_and_in_the_end_what_to_do(
    tmp_path: Path, scheme: str
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"{scheme}://127.0.0.1:{closed.getsockname()[1]}"
        arguments = ["--endpoint", endpoint, "--give-up-after", "1"]

        ran = CliRunner().invoke(command, [*arguments, ndjson(tmp_path / "r", [result(1)])])

    assert ran.exit_code == 2
    waiting, failed = ran.stderr.index("waiting:"), ran.stderr.index("Not delivered:")
    advice = [it.start() for it in re.finditer("`medallero up` starts one", ran.stderr)]
    assert len(advice) == 2
    assert waiting < advice[0] < failed < advice[1]
    assert "MEDALLERO_ENDPOINT" in ran.stderr
    assert "source DIR/env" in ran.stderr


def test_a_gateway_that_is_busy_needs_no_advice(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.answers = [Busy(503, {"Retry-After": "1"})]

    ran = send(gateway, ndjson(tmp_path / "r.ndjson", [result(1)]))

    assert ran.exit_code == 0
    assert "medallero up" not in ran.stderr


def test_rejected_records_go_to_a_file_with_their_reasons(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.rule = lambda it: ("mark", "expected a time") if it["mark"] % 10 == 3 else None
    path = ndjson(tmp_path / "r.ndjson", [result(n) for n in range(20)])

    ran = send(gateway, path)

    assert ran.exit_code == 1
    lines = [json.loads(it) for it in Path(path + ".rejected.ndjson").read_text().splitlines()]
    assert lines == [
        {
            "source": path,
            "line": n + 1,
            "index": n,
            "field": "mark",
            "error": "expected a time",
            "record": result(n),
        }
        for n in (3, 13)
    ]
    assert "2 × mark: expected a time" in ran.stderr
    assert len(gateway.accepted) == 18


def test_the_file_of_rejected_records_can_be_corrected_and_sent(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.rule = lambda it: ("mark", "expected a time") if it["mark"] == 1 else None
    rejected = tmp_path / "bad.ndjson"
    path = ndjson(tmp_path / "r.ndjson", [result(0), result(1)])
    assert send(gateway, path, "--rejected", str(rejected)).exit_code == 1
    gateway.rule = lambda it: None

    ran = send(gateway, str(rejected))

    assert ran.exit_code == 0
    assert gateway.accepted == [result(0), result(1)]


def test_all_rejected_is_not_undelivered(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.rule = lambda it: ("sport", "expected a sport")

    ran = send(gateway, "--json", ndjson(tmp_path / "r.ndjson", [result(n) for n in range(3)]))

    assert ran.exit_code == 1
    summary = json.loads(ran.stdout)
    assert (summary["accepted"], summary["rejected"], summary["undelivered"]) == (0, 3, 0)


def test_an_unreadable_line_is_rejected_here_with_its_number(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "r.ndjson"
    path.write_text(f"{json.dumps(result(1))}\n{{oops\n{json.dumps(result(2))}\n")

    ran = send(gateway, str(path))

    assert ran.exit_code == 1
    assert len(gateway.accepted) == 2
    line = json.loads(Path(f"{path}.rejected.ndjson").read_text())
    assert (line["line"], line["text"]) == (2, "{oops")


def test_a_request_that_is_refused_whole_is_halved_until_the_record_is_found(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    # The first two answers concern all ten records, then five, of which the third is alone.
    gateway.answers = [Busy(413, body='{"error": "too large"}')] * 2
    path = ndjson(tmp_path / "r.ndjson", [result(n) for n in range(10)])

    ran = send(gateway, "--connections", "1", path)

    assert ran.exit_code == 0
    assert [it["mark"] for it in gateway.accepted] == list(range(10))


def test_a_record_that_alone_is_too_large_is_rejected(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.answers = [Busy(413, body='{"error": "too large"}')]

    ran = send(gateway, ndjson(tmp_path / "r.ndjson", [result(1)]))

    assert ran.exit_code == 1
    assert "413: too large" in ran.stderr


@pytest.mark.parametrize(
    ("busy", "said"),
    [
        (Busy(401, body='{"error": "no token"}'), "--token"),
        (Busy(403), "is the token right"),
        (Busy(404), "is this a Medallero gateway"),
        (Busy(302, {"Location": "http://example.org"}), "is this a Medallero gateway"),
        (Busy(202, body="<html>"), "no Medallero gateway"),
        (Busy(202, body='{"accepted": 7, "rejected_count": 0}'), "accounts for 7 of 1"),
    ],
)
def test_what_will_never_be_accepted_is_not_tried_again(
    gateway: FakeGateway, tmp_path: Path, busy: Busy, said: str
) -> None:
    gateway.answers = [busy]

    ran = send(gateway, ndjson(tmp_path / "r.ndjson", [result(1)]))

    assert ran.exit_code == 2
    assert said in ran.stderr
    assert len(gateway.requests) == 1


def test_a_token_is_sent_as_bearer(gateway: FakeGateway, tmp_path: Path) -> None:
    send(gateway, "--token", "secret", ndjson(tmp_path / "r.ndjson", [result(1)]))

    assert gateway.headers[0]["Authorization"] == "Bearer secret"


def test_shuffled_is_another_order_of_the_same(gateway: FakeGateway, tmp_path: Path) -> None:
    path = ndjson(tmp_path / "r.ndjson", [result(n) for n in range(100)])

    send(gateway, "--shuffle", "--seed", "1", "--connections", "1", path)

    marks = [it["mark"] for it in gateway.accepted]
    assert marks != list(range(100))
    assert sorted(marks) == list(range(100))


def test_duplicated_is_everything_several_times_with_the_same_ids(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    lines = "".join(json.dumps(it) + "\n" for it in [result(1), entry(1), result(2)])

    ran = send(gateway, "--duplicate", "3", "-", stdin=lines)

    assert ran.exit_code == 0
    assert len(gateway.accepted) == 9
    assert len({it["id"] for it in gateway.accepted if "id" in it}) == 1


def test_a_data_feed_may_come_through_a_pipe(gateway: FakeGateway) -> None:
    ran = send(gateway, "-", stdin=CSV)

    assert ran.exit_code == 1
    assert len(gateway.accepted) == 2
    assert Path("stdin.rejected.ndjson").read_text().count("\n") == 1


def test_the_rate_is_kept(gateway: FakeGateway, tmp_path: Path) -> None:
    path = ndjson(tmp_path / "r.ndjson", [result(n) for n in range(50)])
    began = time.monotonic()

    send(gateway, "--rate", "50", path)

    assert time.monotonic() - began > 0.9


def test_one_bad_file_among_several_sends_nothing(gateway: FakeGateway, tmp_path: Path) -> None:
    good = ndjson(tmp_path / "r.ndjson", [result(1)])

    ran = send(gateway, good, str(tmp_path / "missing"))

    assert ran.exit_code == 2
    assert "missing: cannot be opened: No such file or directory" in ran.stderr
    assert gateway.requests == []


def test_an_array_that_breaks_off_says_what_went_in(gateway: FakeGateway, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    text = f"[{json.dumps(result(1))},\n{json.dumps(result(2))},\n{{"
    path.write_text(text)

    ran = send(gateway, "--json", "-", stdin=text)

    assert ran.exit_code == 2
    summary = json.loads(ran.stdout)
    assert summary["accepted"] == 2
    assert "line 3" in summary["failure"]

    ran = send(gateway, str(path))  # a file is read before anything is sent

    assert ran.exit_code == 2
    assert "line 3" in ran.stderr
    assert len(gateway.accepted) == 2


@pytest.mark.parametrize(
    "endpoint", ["", "localhost:8080", "ftp://x", "http://", "http://h:99999", "grpc://h"]
)
def test_an_endpoint_that_is_none_is_told(tmp_path: Path, endpoint: str) -> None:
    path = ndjson(tmp_path / "r.ndjson", [result(1)])

    ran = CliRunner().invoke(command, ["--endpoint", endpoint, path])

    assert ran.exit_code == 2
    assert "expected for example http://127.0.0.1:8080" in ran.stderr


def test_the_files_to_send_are_never_overwritten(tmp_path: Path) -> None:
    path = ndjson(tmp_path / "r.ndjson", [result(1)])

    ran = CliRunner().invoke(command, ["--rejected", path, path])

    assert ran.exit_code == 2
    assert "would overwrite" in ran.stderr


def test_a_place_that_cannot_be_written_is_told(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.rule = lambda it: ("mark", "no")
    path = ndjson(tmp_path / "r.ndjson", [result(1)])

    ran = send(gateway, "--rejected", str(tmp_path / "no" / "such" / "x"), path)

    assert ran.exit_code == 1
    assert "choose a place with --rejected" in ran.stderr


def run_process(gateway: FakeGateway, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "medallero", "send", "--endpoint", gateway.url, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_pipes_get_a_summary_without_colours_or_bars(gateway: FakeGateway, tmp_path: Path) -> None:
    path = ndjson(tmp_path / "r.ndjson", [result(1)])

    with run_process(gateway, path) as process:
        out, err = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "accepted" in out
    assert "\x1b" not in out + err
    assert err == ""


def test_interrupted_it_ends_at_once_and_says_what_was_sent(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = ndjson(tmp_path / "r.ndjson", [entry(n) for n in range(5000)])

    with run_process(gateway, "--rate", "100", path) as process:
        wait_for(lambda: len(gateway.accepted) > 10)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)

    assert process.returncode == 130
    assert re.search(rf"^accepted +{len(gateway.accepted)}$", out, re.MULTILINE)
    assert "--run-id" in err
    assert "Traceback" not in err


def test_interrupted_while_standard_input_is_silent_it_ends_too(gateway: FakeGateway) -> None:
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, (json.dumps(result(1)) + "\n").encode())
        with run_process(gateway, "-", stdin=read_end) as process:
            # What a silent pipe has given is sent without waiting for more.
            wait_for(lambda: gateway.accepted)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
    finally:
        os.close(read_end)
        os.close(write_end)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Fatal" not in err
