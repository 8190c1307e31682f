"""How every process of ours finds Kafka and says who it is."""

import ssl
from collections.abc import Awaitable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

from contracts.settings import CommonSettings
from faust_bulk.damage import place_damage


def kafka_options(settings: CommonSettings) -> dict[str, Any]:
    """Return the arguments that any client of aiokafka needs to reach the Kafka of the settings.

    Files are read anew each time, so that a client that reconnects uses a renewed password.

    :raises OSError: a file that was there when the settings were read is not there any more.
    """
    _know_closed_connections()
    place_damage()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": _password(settings),
        }
    if settings.kafka_security.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca)
    return options


def _know_closed_connections() -> None:
    """Have aiokafka notice on uvloop, too, that a connection is closed.

    To write to a transport that has just been closed is an OSError on asyncio's loop, and that
    is what aiokafka 0.14 expects; on uvloop it is a RuntimeError (aiokafka's issue 1038). It
    ended the task that sends batches, and whoever waited for one waited for ever.
    """
    send = AIOKafkaConnection.send
    if hasattr(send, "__wrapped__"):
        return

    @wraps(send)
    def send_or_close(self: AIOKafkaConnection, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        try:
            answer: Awaitable[Any] = send(self, *args, **kwargs)
        except KafkaError:  # these are RuntimeErrors, too
            raise
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"{self.host}:{self.port} is closed: {error}") from error
        return answer

    AIOKafkaConnection.send = send_or_close


def _password(settings: CommonSettings) -> str:
    if settings.kafka_password_file is not None:
        # Whoever writes a file with an editor ends it with a line break.
        return settings.kafka_password_file.read_text("utf-8").rstrip("\r\n")
    assert settings.kafka_password is not None
    return settings.kafka_password.get_secret_value()
