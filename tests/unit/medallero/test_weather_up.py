"""What `medallero up --with weather` decides to start, on machines that have this or that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medallero.embedded.rabbitmq import NoRabbitMq
from medallero.embedded.redis import NoRedisServer
from medallero.terminal import CannotDo
from medallero.up import weather as weather_up
from medallero.up.settings import UpSettings


class Machine:
    """What is installed; and what `up` has said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *installed: str) -> None:
        self.installed = installed
        self.said: list[str] = []
        monkeypatch.setattr(weather_up, "server_script", self._rabbitmq)
        monkeypatch.setattr(weather_up, "server_binary", self._valkey)

    def plan(self, wanted: bool = True, **settings: Any) -> weather_up.WeatherUp | None:
        return weather_up.plan(UpSettings(**settings), wanted, self.said.append)

    def _rabbitmq(self) -> Path:
        if "rabbitmq" not in self.installed:
            raise NoRabbitMq("there is none")
        return Path("rabbitmq-server")

    def _valkey(self, kind: str) -> Path:
        if kind not in self.installed:
            raise NoRedisServer(f"no {kind}-server on the PATH")
        return Path(kind)


def test_nothing_is_started_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Machine(monkeypatch, "rabbitmq", "valkey").plan(wanted=False) is None


def test_with_rabbitmq_and_valkey_there_are_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, "rabbitmq", "valkey")

    plan = machine.plan(rabbitmq_port=7001, valkey_port=7002)

    assert plan is not None
    assert (plan.writers, plan.own_rabbitmq, plan.store) == (("kafka", "rabbitmq"), True, "valkey")
    assert machine.said == []
    assert [(it.port, it.flag) for it in plan.listeners()] == [
        (7001, "--rabbitmq-port"),
        (7002, "--valkey-port"),
    ]
    shared = plan.shared({})
    assert shared.weather_writers == "kafka,rabbitmq"
    assert shared.rabbitmq == "amqp://guest:guest@127.0.0.1:7001/"
    assert shared.valkey == "redis://127.0.0.1:7002/0"
    # So that a shell that has sourced them does not make the next `up` look for them.
    assert list(plan.started()) == ["weather_writers", "rabbitmq", "valkey"]


def test_without_rabbitmq_reports_go_by_kafka_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, "valkey")

    plan = machine.plan()

    assert plan is not None
    assert (plan.writers, plan.store, list(plan.listeners())) == (("kafka",), None, [])
    (line,) = machine.said
    assert "no RabbitMQ" in line
    assert "MEDALLERO_RABBITMQ" in line
    assert "rabbitmq-server" in line


def test_who_names_rabbitmq_must_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotDo, match="no RabbitMQ on this machine"):
        Machine(monkeypatch, "valkey").plan(weather_writers="rabbitmq")


def test_servers_that_are_named_are_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Machine(monkeypatch).plan(
        rabbitmq="amqp://broker/", valkey="redis://store:6379/3", wanted=True
    )

    assert plan is not None
    assert (plan.own_rabbitmq, plan.store, list(plan.listeners())) == (False, None, [])
    assert plan.shared({}).rabbitmq == "amqp://broker/"
    assert list(plan.started()) == ["weather_writers"]


def test_a_second_redis_stands_in_for_valkey_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, "rabbitmq", "redis")

    plan = machine.plan()

    assert plan is not None
    assert plan.store == "redis"
    assert "a second Redis counts" in machine.said[0]


def test_naming_the_writers_is_asking_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Machine(monkeypatch).plan(wanted=False, weather_writers="kafka")

    assert plan is not None
    assert plan.writers == ("kafka",)
    assert list(plan.started()) == []
