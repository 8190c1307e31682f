"""How every process of ours finds Kafka and says who it is."""

import ssl
from typing import Any

from contracts.settings import CommonSettings


def kafka_options(settings: CommonSettings) -> dict[str, Any]:
    """Return the arguments that any client of aiokafka needs to reach the Kafka of the settings.

    Files are read anew each time, so that a client that reconnects uses a renewed password.

    :raises OSError: a file that was there when the settings were read is not there any more.
    """
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


def _password(settings: CommonSettings) -> str:
    if settings.kafka_password_file is not None:
        # Whoever writes a file with an editor ends it with a line break.
        return settings.kafka_password_file.read_text("utf-8").rstrip("\r\n")
    assert settings.kafka_password is not None
    return settings.kafka_password.get_secret_value()
