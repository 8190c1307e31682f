"""Addresses with passwords in them: read as people write them, shown without the password."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from redis import Redis

from contracts.settings import CommonSettings
from contracts.urls import shown_url, url_of
from contracts.weather_store import WeatherStoreSettings

read = url_of("redis", "rediss", "unix")
# "%41" would be an escape, and the parser strips what is no part of a line.
PASSWORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="%", min_codepoint=32), min_size=1
)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://localhost",
        "rediss://user:p%40ss@[::1]:6379/1?socket_timeout=5",
        "redis://:secret@redis:6379",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_a_url_that_is_well_formed_stays_as_it_is(url: str) -> None:
    assert read(url) == url


def test_a_url_of_valkey_is_that_of_redis() -> None:
    assert read("valkey://worker:a/b@127.0.0.1:6379/0") == "redis://worker:a%2Fb@127.0.0.1:6379/0"
    assert read("valkeys://cache.example:6379") == "rediss://cache.example:6379"
    with pytest.raises(ValueError, match="expected amqp://"):
        url_of("amqp", "amqps")("valkey://localhost")


@given(PASSWORDS)
def test_any_password_arrives_and_is_never_shown(password: str) -> None:
    url = read(f"redis://worker:{password}@127.0.0.1:1/3")

    kwargs: dict[str, Any] = Redis.from_url(url).connection_pool.connection_kwargs
    assert (kwargs["username"], kwargs["password"]) == ("worker", password)
    assert (kwargs["host"], kwargs["port"], kwargs["db"]) == ("127.0.0.1", 1, 3)
    for shown in (shown_url(url), shown_url(f"redis://worker:{password}@127.0.0.1:1/3")):
        assert shown == "redis://worker:***@127.0.0.1:1/3"


def test_a_password_in_the_query_is_not_shown() -> None:
    assert shown_url("redis://host/0?db=1&password=a/b#c") == "redis://host/0?db=1&password=***"


@pytest.mark.parametrize(
    "url",
    ["redis://worker:s3cret", "s3cret@host", "http://a:s3cret@host", "redis://a:s3cret@host:70000"],
)
@pytest.mark.parametrize("name", ["redis", "valkey", "rabbitmq"])
def test_what_is_no_address_is_refused_without_a_word_of_it(name: str, url: str) -> None:
    given_url: dict[str, Any] = {name: url}
    with pytest.raises(ValidationError, match=r"expected (redis|amqp)://") as error:
        WeatherStoreSettings(**given_url)

    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["redis://worker:s3cretA", "redis://worker:s3cretA/9#z@127.0.0.1:1/0"]
)
@pytest.mark.parametrize(
    "arguments",
    [["board", "--once"], ["gateway"], ["worker"], ["doctor"]],
    ids=lambda it: it[0],
)
def test_no_command_says_the_password(arguments: list[str], url: str) -> None:
    environment = os.environ | {
        "MEDALLERO_REDIS": url,
        "MEDALLERO_KAFKA": "127.0.0.1:1",
        "MEDALLERO_HTTP_PORT": "0",
        "MEDALLERO_GRPC_PORT": "0",
    }
    command = [sys.executable, "-m", "medallero", *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        # A gateway goes on without Redis: it is stopped some time after its first line.
        said = process.stdout.readline()
        try:
            said += process.communicate(timeout=3 if arguments[0] == "gateway" else None)[0]
        except subprocess.TimeoutExpired:
            process.terminate()
            said += process.communicate()[0]

    assert "s3cret" not in said
    assert said


def test_the_settings_keep_what_was_meant() -> None:
    assert CommonSettings(redis="redis://w:a/b@h:1/2").redis == "redis://w:a%2Fb@h:1/2"
