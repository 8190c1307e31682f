"""Who may send: tokens, what they may send, and a gateway that others can reach without any."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from gateway.auth.authenticator import ANYONE, Access, AccessError, check_seed
from gateway.auth.tokens import KINDS, Caller, digest_of, line_of, new_token
from gateway.errors import Reason, Refused
from gateway.settings import GatewaySettings
from medallero.commands.token import command
from olympics.catalogue import Catalogue, load_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.toml"


def a_line(name: str, token: str, more: str = "") -> str:
    return f'{name} = {{ sha256 = "{digest_of(token).hex()}"{more} }}\n'


def reason_of(access: Access, authorization: str | None) -> Reason:
    with pytest.raises(Refused) as refused:
        access.caller(authorization)
    return refused.value.reason


def test_a_gateway_on_loopback_without_tokens_lets_anyone_send(catalogue: Catalogue) -> None:
    access = Access(GatewaySettings(http_host="::1", grpc_host="localhost"), catalogue)

    assert access.caller(None) is ANYONE
    assert access.caller("Bearer whatever") is ANYONE


@pytest.mark.parametrize("hosts", [{"http_host": "0.0.0.0"}, {"grpc_host": "192.0.2.7"}])
def test_a_gateway_that_others_can_reach_does_not_start_without_tokens(
    catalogue: Catalogue, hosts: dict[str, Any]
) -> None:
    with pytest.raises(AccessError, match=r"medallero token.*MEDALLERO_ANYONE_MAY_SEND=true"):
        Access(GatewaySettings(**hosts), catalogue)


def test_who_says_so_may_take_records_from_anyone_and_is_warned(catalogue: Catalogue) -> None:
    settings = GatewaySettings(http_host="0.0.0.0", anyone_may_send=True)

    with capture_logs() as logs:
        access = Access(settings, catalogue)

    assert access.caller(None) is ANYONE
    assert [(it["event"], it["log_level"]) for it in logs] == [("anyone_may_send", "warning")]


def test_a_right_token_says_who_sends_and_what(catalogue: Catalogue) -> None:
    ours, theirs = new_token(), new_token()
    line = line_of("eng", digest_of(ours), faculties=["Ingeniería"], kinds=["entry"])
    access = Access(
        GatewaySettings(tokens=f"{line}\n{line_of('all', digest_of(theirs))}"), catalogue
    )

    for _ in range(2):  # proved, then remembered
        assert access.caller(f"Bearer {ours}") == Caller(
            "eng", frozenset({"engineering"}), frozenset({"entry"})
        )
        assert access.caller(f"bearer  {theirs} ") == Caller("all", None, None)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
def test_without_a_bearer_token_it_is_asked_for(
    catalogue: Catalogue, authorization: str | None
) -> None:
    access = Access(GatewaySettings(tokens=a_line("a", "secret")), catalogue)

    assert reason_of(access, authorization) is Reason.NO_TOKEN


@pytest.mark.parametrize(
    "token", ["Secret", "secre", "secret0", "\udcff", digest_of("secret").hex()]
)
def test_another_token_is_a_wrong_one_and_every_token_is_compared_in_constant_time(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    access = Access(GatewaySettings(tokens=a_line("a", "secret") + a_line("b", "other")), catalogue)
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def watched(one: bytes, two: bytes) -> bool:
        compared.append(one)
        return compare(one, two)

    monkeypatch.setattr(hmac, "compare_digest", watched)

    assert reason_of(access, f"Bearer {token}") is Reason.WRONG_TOKEN
    assert compared == [digest_of("secret"), digest_of("other")]


def test_a_token_that_has_expired_is_a_wrong_one(catalogue: Catalogue) -> None:
    now = datetime.now(UTC)
    text = "".join(
        (
            a_line("past", "1", f", expires = {(now - timedelta(seconds=1)).isoformat()}"),
            a_line("future", "2", f", expires = {(now + timedelta(hours=1)).isoformat()}"),
            a_line("today", "3", f", expires = {now.date().isoformat()}"),
            a_line("yesterday", "4", f", expires = {now.date() - timedelta(days=1)}"),
        )
    )
    access = Access(GatewaySettings(tokens=text), catalogue)

    assert reason_of(access, "Bearer 1") is Reason.WRONG_TOKEN
    assert access.caller("Bearer 2").name == "future"
    assert access.caller("Bearer 3").name == "today"
    assert reason_of(access, "Bearer 4") is Reason.WRONG_TOKEN


def test_a_remembered_token_expires_too(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    access = Access(
        GatewaySettings(tokens=a_line("a", "1", f", expires = {end.isoformat()}")), catalogue
    )
    assert access.caller("Bearer 1").name == "a"

    monkeypatch.setattr(time, "time", lambda: end.timestamp() + 1)

    assert reason_of(access, "Bearer 1") is Reason.WRONG_TOKEN


def test_tokens_are_rotated_without_a_restart(catalogue: Catalogue, file: Path) -> None:
    file.write_text(a_line("first", "1"))
    access = Access(GatewaySettings(tokens_file=file), catalogue)
    assert access.caller("Bearer 1").name == "first"

    file.write_text(a_line("first", "1") + a_line("second", "2"))
    access.refresh()
    assert access.caller("Bearer 1").name == "first"
    assert access.caller("Bearer 2").name == "second"

    file.write_text(a_line("second", "2"))
    access.refresh()
    assert reason_of(access, "Bearer 1") is Reason.WRONG_TOKEN
    assert access.caller("Bearer 2").name == "second"


def test_a_secret_that_is_mounted_through_links_is_seen_to_change(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    for version, name in (("1", "first"), ("2", "second")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "tokens").write_text(a_line(name, "t"))
    (tmp_path / "data").symlink_to("1")
    (tmp_path / "tokens").symlink_to("data/tokens")
    access = Access(GatewaySettings(tokens_file=tmp_path / "tokens"), catalogue)

    (tmp_path / "fresh").symlink_to("2")
    (tmp_path / "fresh").replace(tmp_path / "data")
    access.refresh()

    assert access.caller("Bearer t").name == "second"


@pytest.mark.parametrize("broken", ["", "a =", "gone"])
def test_a_file_without_tokens_any_more_shuts_the_door_and_is_told(
    catalogue: Catalogue, file: Path, broken: str
) -> None:
    file.write_text(a_line("a", "1"))
    access = Access(GatewaySettings(tokens_file=file), catalogue)
    if broken == "gone":
        file.unlink()
    else:
        file.write_text(broken)

    with capture_logs() as logs:
        access.refresh()
        access.refresh()

    for authorization in (None, "Bearer 1"):
        assert reason_of(access, authorization) is Reason.UNAVAILABLE
    assert access.shut
    # Each request has a refusal of its own: one that is raised again and again keeps each
    # request's frames alive.
    refusals = set()
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            access.caller(None)
        refusals.add(refused.value)
    assert len(refusals) == 2
    assert [it["event"] for it in logs] == ["tokens_unreadable"]

    file.write_text(a_line("b", "2"))
    access.refresh()
    assert not access.shut
    assert access.caller("Bearer 2").name == "b"
    assert reason_of(access, "Bearer 1") is Reason.WRONG_TOKEN


def test_a_file_that_has_not_changed_is_not_read_again(catalogue: Catalogue, file: Path) -> None:
    file.write_text(a_line("a", "1"))
    access = Access(GatewaySettings(tokens_file=file), catalogue)
    file.chmod(0o644)

    with capture_logs() as logs:
        access.refresh()

    assert logs == []


def bad_texts() -> Iterator[tuple[str, str]]:
    digest = digest_of("1").hex()
    yield "", "no token in it"
    yield "a", "TOML"
    yield 'a = "x"', "token a: Expected `object`"
    yield "a = {}", "token a: .*sha256"
    yield 'a = { sha256 = "12" }', "64 hexadecimal digits"
    yield f'a = {{ sha256 = "{digest}", faculty = "x" }}', "token a: .*faculty"
    yield f'a = {{ sha256 = "{digest}", faculties = ["law"] }}', "token a: .*faculty.*law"
    yield f'a = {{ sha256 = "{digest}", faculties = [] }}', "faculties: expected at least one"
    yield f'a = {{ sha256 = "{digest}", sports = ["quidditch"] }}', "token a: .*sport.*quidditch"
    both = 'faculties = ["engineering"], kinds = ["result"]'
    yield f'a = {{ sha256 = "{digest}", {both} }}', "may not send results.*limit it to sports"
    yield f'a = {{ sha256 = "{digest}", kinds = ["results"] }}', "kinds: expected result or entry"
    yield f'a = {{ sha256 = "{digest}", expires = "2027" }}', "expires: .*without quotes"
    yield f'"a b" = {{ sha256 = "{digest}" }}', "a name of letters"
    yield a_line("a", "1") + a_line("b", "1"), "a and b are the same token"
    yield a_line("a", "1") + a_line("a", "2"), "TOML"


@pytest.mark.parametrize(("text", "words"), list(bad_texts()))
def test_a_file_that_is_not_as_it_must_be_stops_the_start_and_says_where(
    catalogue: Catalogue, file: Path, text: str, words: str
) -> None:
    file.write_text(text)

    with pytest.raises(AccessError, match=words) as error:
        Access(GatewaySettings(tokens_file=file), catalogue)

    assert str(file) in str(error.value)


def test_a_name_is_one_token_only_wherever_it_is_written(catalogue: Catalogue, file: Path) -> None:
    file.write_text(a_line("a", "1"))

    with pytest.raises(AccessError, match="two tokens are named a"):
        Access(GatewaySettings(tokens_file=file, tokens=a_line("a", "2")), catalogue)


def test_the_command_makes_a_token_that_the_gateway_takes(catalogue: Catalogue) -> None:
    given = ["--name", "eng-2", "--faculty", "Ingeniería", "--faculty", "engineering"]

    made = CliRunner().invoke(
        command, [*given, "--sport", "SWM", "--expires", "2100-01-31"], catch_exceptions=False
    )

    assert made.exit_code == 0
    (token,) = [word for word in made.stderr.split() if word.startswith("mdl_")]
    assert token not in made.stdout
    access = Access(GatewaySettings(tokens=made.stdout), catalogue)
    assert access.caller(f"Bearer {token}") == Caller(
        "eng-2", frozenset({"engineering"}), frozenset({"entry"}), frozenset({"swimming"})
    )


def test_the_command_makes_no_token_for_the_results_of_a_faculty() -> None:
    made = CliRunner().invoke(
        command, ["--name", "eng", "--faculty", "engineering", "--kind", "result"]
    )

    assert made.exit_code == 2
    assert "limit it to sports" in made.stderr
    assert made.stdout == ""


def test_the_command_says_what_each_token_may_send(file: Path) -> None:
    file.write_text(
        a_line("all", "1")
        + a_line("pool", "2", ', sports = ["SWM"], kinds = ["result"], expires = 2020-01-31')
        + a_line("eng", "3", ', faculties = ["Ingeniería"]')
        + a_line("weather", "4", ', kinds = ["report"], expires = 2100-01-31')
    )

    said = CliRunner().invoke(command, ["--check", str(file)], catch_exceptions=False)

    assert said.output.splitlines() == [
        "all: results and entries and weather reports",
        "pool: results of swimming; expired 2020-02-01 00:00 UTC",
        "eng: entries of engineering",
        "weather: weather reports; until 2100-02-01 00:00 UTC",
    ]


@pytest.mark.parametrize("text", ["", "a =", "a = {}"])
def test_the_command_refuses_a_file_that_the_gateway_would_not_take(file: Path, text: str) -> None:
    file.write_text(text)

    said = CliRunner().invoke(command, ["--check", str(file)])

    assert said.exit_code == 1
    assert str(file) in said.output


@pytest.mark.parametrize("hosts", [{"http_host": "0.0.0.0"}, {"grpc_host": "192.0.2.7"}])
def test_a_gateway_that_others_can_reach_needs_a_seed_of_its_own(hosts: dict[str, Any]) -> None:
    with pytest.raises(AccessError, match="MEDALLERO_SEED"):
        check_seed(GatewaySettings(**hosts, anyone_may_send=True))
    check_seed(GatewaySettings(**hosts, seed="secret"))
    check_seed(GatewaySettings())


@pytest.mark.parametrize(
    ("limits", "may"),
    [
        ({}, {"result", "entry", "report"}),
        ({"faculties": "a"}, {"entry"}),
        ({"sports": "a"}, {"result", "entry"}),
        ({"kinds": ["report"]}, {"report"}),
        ({"kinds": ["entry", "report"], "faculties": "a"}, {"entry", "report"}),
    ],
)
def test_a_limit_says_which_kinds_may_be_sent(limits: dict[str, Any], may: set[str]) -> None:
    caller = Caller("a", **{name: frozenset(it) for name, it in limits.items()})

    assert {it for it in KINDS if caller.may_send(it)} == may
    assert caller.limited is bool(limits)


def test_no_two_tokens_are_the_same_and_each_has_256_bits() -> None:
    tokens = {new_token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert all(len(token) == len("mdl_") + 43 for token in tokens)  # 256 bits in Base64


@pytest.mark.parametrize(
    "given",
    [["--name", "a b"], ["--name", "a", "--faculty", "law"], ["--name", "a", "--kind", "x"]],
)
def test_the_command_refuses_what_the_gateway_would_not_take(given: list[str]) -> None:
    made = CliRunner().invoke(command, given)

    assert made.exit_code == 2
    assert made.stdout == ""
