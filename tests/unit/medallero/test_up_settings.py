"""The settings of `up`: flags over environment over defaults, and what they mean."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from contracts.settings import CommonSettings
from medallero.cli import main
from medallero.options import read
from medallero.terminal import CannotDo, read_settings
from medallero.up.endpoints import (
    Whereabouts,
    as_environment,
    forget_started,
    is_named_by_environment,
)
from medallero.up.settings import UpSettings
from olympics.catalogue import make_catalogue
from olympics.entry import parse_entry


def test_a_flag_is_stronger_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLERO_HTTP_PORT", "1111")
    monkeypatch.setenv("MEDALLERO_GRPC_PORT", "2222")

    settings = read(UpSettings, {"http_port": "3333", "grpc_port": None})

    assert (settings.http_port, settings.grpc_port) == (3333, 2222)


def test_the_host_is_that_of_both_protocols_unless_they_have_their_own() -> None:
    given = {"host": "0.0.0.0", "grpc_host": "::1", "anyone_may_send": "true"}
    settings = read(UpSettings, given)

    assert (settings.http_host, settings.grpc_host) == ("0.0.0.0", "::1")
    assert settings.kafka_host == settings.redis_host == settings.worker_host == "127.0.0.1"


def test_kafka_and_redis_are_ours_unless_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert UpSettings().own_kafka
    assert UpSettings().own_redis

    monkeypatch.setenv("MEDALLERO_REDIS", "redis://elsewhere:6379/0")

    assert UpSettings().own_kafka
    assert not UpSettings().own_redis


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workers": "0"}, "--workers"),
        ({"http_port": "65536"}, "--http-port"),
        ({"kafka_host": "0.0.0.0"}, "they can reach"),
        ({"host": "games.example"}, "--host"),
        ({"host": "0.0.0.0"}, "--tokens-file"),
        ({"grpc_host": "192.0.2.7"}, "--anyone-may-send true"),
        ({"tokens_file": "/nowhere/tokens"}, "--tokens-file"),
        ({"kafka_security": "SASL_SSL"}, "needs MEDALLERO_KAFKA_USER"),
        ({"kafka_user": "u", "kafka_security": "SASL_SSL"}, "needs either"),
        ({"kafka_user": "u"}, "SASL_SSL"),
        ({"kafka_security": "SSL"}, "name it with --kafka"),
        ({"maven": "ftp://mirror"}, "--maven"),
        ({"workers": "2", "worker_port": "65535"}, "above 65535"),
    ],
)
def test_what_cannot_be_is_told_with_its_flag(given: dict[str, str], words: str) -> None:
    with pytest.raises(CannotDo) as caught:
        read(UpSettings, given)

    assert words in caught.value.message


def _whereabouts(path: Path, port: int = 8080, **fields: str) -> Whereabouts:
    return Whereabouts(
        CommonSettings(**fields),  # type: ignore[arg-type]
        http=("127.0.0.1", port),
        grpc=("127.0.0.1", 50051),
        workers=(("127.0.0.1", 6066), ("::1", 6067)),
        data=path,
        logs=path / "logs",
        started=("kafka", "redis", "epoch", "data_dir"),
    )


def test_a_system_at_the_usual_places_needs_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = tmp_path / ".medallero"
    assert not any("source" in line for line in _whereabouts(usual).lines())
    for unusual in (
        _whereabouts(usual, port=8081),
        _whereabouts(usual, seed="Tokyo 2020"),
        _whereabouts(tmp_path / "elsewhere"),
    ):
        assert any("source" in line for line in unusual.lines())


def test_a_shell_with_the_environment_asks_for_the_status_of_this_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _whereabouts(tmp_path).environment().items():
        monkeypatch.setenv(name, value)

    for command in ("status", "down"):
        assert f"Nothing runs in {tmp_path}" in CliRunner().invoke(main, [command]).output


@pytest.mark.parametrize(
    "shell", ["sh", "bash", *(pytest.param(it, marks=pytest.mark.system) for it in ("zsh", "fish"))]
)
def test_the_environment_file_suits_any_shell(tmp_path: Path, shell: str) -> None:
    seed = r"what's \'this\' \\ $HOME"
    file = _whereabouts(tmp_path, seed=seed).write_environment()

    shown = subprocess.run(
        [shell, "-c", f'. "{file}" && printf %s "$MEDALLERO_SEED"'],
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == seed


def test_the_example_is_of_the_catalogue_in_use(tmp_path: Path) -> None:
    catalogue = make_catalogue(
        """
        revision = 1
        [sports.judo]
        title = "Judo d'été"
        code = "JUD"
        order = "head-to-head"
        [faculties.law]
        title = "Droit d'Évreux"
        """
    )
    for where, sport, faculty in (
        (_whereabouts(tmp_path), "swimming", "engineering"),
        (replace(_whereabouts(tmp_path), catalogue=catalogue), "judo", "law"),
    ):
        lines = list(where.lines())
        curl = next(place for place, line in enumerate(lines) if line.startswith("  curl"))
        words = shlex.split(lines[curl].removesuffix("\\") + lines[curl + 1])
        entry = json.loads(words[words.index("-d") + 1])

        result = parse_entry(entry, where.catalogue, entry_id="a", seed="")

        assert (result.sport, result.faculty) == (sport, faculty)


def test_paths_in_the_environment_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = _whereabouts(tmp_path, catalogue="games/catalogue.toml").write_environment()

    assert f"MEDALLERO_CATALOGUE={tmp_path}/games/catalogue.toml\n" in file.read_text("utf-8")


def test_prometheus_is_told_of_the_gateway_and_of_each_worker(tmp_path: Path) -> None:
    targets = json.loads(_whereabouts(tmp_path).write_targets().read_text())

    assert {(it["labels"]["job"], it["labels"]["instance"], *it["targets"]) for it in targets} == {
        ("medallero-gateway", "gateway", "127.0.0.1:8080"),
        ("medallero-worker", "worker-1", "127.0.0.1:6066"),
        ("medallero-worker", "worker-2", "[::1]:6067"),
    }


def test_up_in_a_shell_that_has_sourced_it_starts_its_own_servers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _whereabouts(tmp_path, seed="Paris").environment().items():
        monkeypatch.setenv(name, value)
    assert not UpSettings().own_kafka

    forget_started()

    settings = UpSettings()
    assert settings.own_kafka
    assert settings.own_redis
    assert settings.seed == "Paris"
    assert settings.data_dir == Path(".medallero")
    assert "MEDALLERO_STARTED" not in os.environ


def test_a_directory_that_the_shell_itself_names_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_named_by_environment(tmp_path)
    monkeypatch.setenv("MEDALLERO_DATA_DIR", "games")
    assert is_named_by_environment(tmp_path / "games")
    assert not is_named_by_environment(tmp_path)


def test_a_password_reaches_the_processes_and_no_file(tmp_path: Path) -> None:
    where = _whereabouts(
        tmp_path, kafka_security="SASL_SSL", kafka_user="u", kafka_password="Pa55word"
    )

    file = where.write_environment()

    assert "Pa55word" not in file.read_text("utf-8")
    assert file.stat().st_mode & 0o077 == 0  # the address of Redis may hold another
    assert "MEDALLERO_KAFKA_USER=u" in file.read_text("utf-8")
    environment = as_environment(where.common, secrets=True)
    assert environment["MEDALLERO_KAFKA_PASSWORD"] == "Pa55word"


def test_a_wrong_setting_is_told_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLERO_KAFKA_PASSWORD", "Pa55word")

    for reading in (lambda: read(UpSettings, {}), read_settings):
        with pytest.raises(CannotDo, match="MEDALLERO_KAFKA_SECURITY") as caught:
            reading()
        assert "Pa55word" not in caught.value.message
    with pytest.raises(ValueError, match="MEDALLERO_KAFKA_SECURITY") as raised:
        CommonSettings()
    assert "Pa55word" not in str(raised.value)
