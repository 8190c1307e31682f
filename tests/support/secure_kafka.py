"""A Kafka that speaks TLS only, and only to a user who proves a password (SCRAM-SHA-512)."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from medallero.embedded import kafka
from medallero.embedded.kafka import EmbeddedKafka
from medallero.embedded.processes import Process, stop_all
from tests.support.certificates import Certificate, make_certificate
from tests.support.ports import free_port
from tests.support.waiting import wait_until

USER: Final = "medallero"
PASSWORD: Final = "correct horse battery staple"


@dataclass(frozen=True)
class SecureKafka:
    """Where it is, and what vouches for it."""

    address: str
    certificate: Certificate
    #: its own listener, without TLS or users: whoever comes in there may do everything
    own: str

    def settings(self, **fields: Any) -> dict[str, Any]:
        """Return the settings that reach it, with *fields* instead of some."""
        return {
            "kafka": self.address,
            "kafka_security": "SASL_SSL",
            "kafka_ca": self.certificate.ca,
            "kafka_user": USER,
            "kafka_password": PASSWORD,
            **fields,
        }


@contextmanager
def running_secure_kafka(
    directory: Path,
    jars: tuple[Path, ...],
    users: Mapping[str, str] | None = None,
    *,
    authorize: Literal["", "strictly", "leniently"] = "",
) -> Iterator[SecureKafka]:
    """Run a broker that knows *users* and their passwords, or else ``USER``.

    They may do everything; if it authorizes *strictly*, nothing until rules say what; if
    *leniently*, everything that no rule is about.
    """
    certificate = make_certificate(directory / "tls")
    keystore = directory / "tls" / "keystore.pem"
    keystore.write_bytes(certificate.key.read_bytes() + certificate.certificate.read_bytes())
    broker = _Broker(
        directory / "kafka",
        jars,
        "127.0.0.1",
        free_port(),
        controller_port=free_port(),
        log=directory / "kafka.log",
        keystore=keystore,
        own_port=free_port(),
        users=dict(users or {USER: PASSWORD}),
        authorize=authorize,
    )
    process = Process(broker.prepare())
    try:
        wait_until(
            lambda: _serves(broker) or process.exit_code is not None,
            timeout=120,
            what=lambda: f"Kafka listens:\n{process.log_tail(20)}",
        )
        assert process.exit_code is None, process.log_tail(40)
        yield SecureKafka(broker.bootstrap, certificate, f"127.0.0.1:{broker.own_port}")
    finally:
        stop_all([process], grace=20.0)


@dataclass(frozen=True)
class _Broker(EmbeddedKafka):
    """The embedded Kafka, with a listener for clients that asks for TLS and a password."""

    keystore: Path = Path()
    own_port: int = 0
    users: dict[str, str] = field(default_factory=dict)
    authorize: str = ""

    def _write_properties(self, name: str, data: Path) -> Path:
        file = super()._write_properties(name, data)
        # Of two lines for one name the later holds.
        with file.open("a", encoding="utf-8") as properties:
            properties.write(
                _SECURE.format(
                    host=self.host,
                    port=self.port,
                    own=self.own_port,
                    controller=self.controller_port,
                    keystore=self.keystore,
                )
            )
            if self.authorize:
                properties.write(_AUTHORIZED)
            if self.authorize == "leniently":
                properties.write("allow.everyone.if.no.acl.found=true\n")
        return file

    def _java(self, *flags: str, main: str, args: tuple[str, ...]) -> tuple[str, ...]:
        if main.endswith("StorageTool"):
            for name, password in self.users.items():
                args += ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        return super()._java(*flags, main=main, args=args)


def _serves(broker: _Broker) -> bool:
    # To those without a password the other listener says nothing.
    with socket.socket() as client:
        listens = client.connect_ex((broker.host, broker.port)) == 0
    return listens and kafka.answers("127.0.0.1", broker.own_port)


_SECURE: Final = """
listeners=CLIENT://{host}:{port},OWN://127.0.0.1:{own},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://{host}:{port},OWN://127.0.0.1:{own},\
CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CLIENT:SASL_SSL,OWN:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=OWN
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""

# Nobody has a name on the broker's own listeners, and nobody else is nobody.
_AUTHORIZED: Final = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
