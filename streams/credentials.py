"""What Faust's own clients need to reach Kafka, in Faust's words."""

from collections.abc import Mapping
from typing import Any

import faust


def faust_credentials(kafka_settings: Mapping[str, Any]) -> Any:
    """Return the broker credentials that say the same as arguments of aiokafka; None for none."""
    context = kafka_settings.get("ssl_context")
    if "sasl_mechanism" in kafka_settings:
        return faust.SASLCredentials(
            username=kafka_settings["sasl_plain_username"],
            password=kafka_settings["sasl_plain_password"],
            mechanism=kafka_settings["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
