"""The stream of weather reports: its settings, its topics, and its queues in RabbitMQ."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, Field, field_validator

from contracts.settings import CommonSettings
from contracts.topics import KEPT, WRITTEN_BY_WORKERS, TopicSpec
from contracts.urls import url_of

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel

WRITERS: Final = ("kafka", "rabbitmq")


class WeatherSettings(CommonSettings):
    """What the two ends of the weather reports must agree upon, beside what all processes do."""

    weather_writers: str = Field(
        default="",
        description="where weather reports go: kafka, rabbitmq, or both (with a comma); empty: "
        "the gateway takes none",
    )
    weather_topic: str = Field(
        default="weather-reports",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="topic of the weather reports, after the prefix of all topics",
    )
    weather_partitions: int = Field(
        default=4, ge=1, description="partitions of that topic; fixed within an epoch"
    )
    weather_queue: str = Field(
        default="weather-reports",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="queue of the weather reports in RabbitMQ",
    )
    rabbitmq: Annotated[str, AfterValidator(url_of("amqp", "amqps"))] = Field(
        default="amqp://guest:guest@127.0.0.1:5672/",
        description="RabbitMQ, amqp://USER:PASSWORD@HOST:PORT/VHOST; amqps:// is TLS",
    )

    @field_validator("weather_writers")
    @classmethod
    def _writers_are_known(cls, value: str) -> str:
        names = writers_in(value)
        if not set(names) <= set(WRITERS) or len(set(names)) < len(names):
            raise ValueError("expected kafka, rabbitmq, both with a comma between, or nothing")
        return ",".join(names)

    @property
    def weather_reports_topic(self) -> str:
        """The topic of accepted weather reports, keyed by the report's id."""
        return f"{self.topic_prefix}{self.weather_topic}"

    @property
    def weather_rejected_topic(self) -> str:
        """The topic of records of the weather topic that no rule can read, with the reason."""
        return f"{self.weather_reports_topic}-rejected"

    @property
    def weather_rejected_queue(self) -> str:
        """The dead-letter queue: messages that the consumer rejected."""
        return f"{self.weather_queue}-rejected"


class QueueSpec(NamedTuple):
    """A queue as the system needs it: durable, with these arguments."""

    name: str
    arguments: Mapping[str, Any]


def writers_in(names: str) -> tuple[str, ...]:
    """Return the names of a comma-separated list."""
    return tuple(name for it in names.split(",") if (name := it.strip().lower()))


def weather_topics(settings: WeatherSettings) -> tuple[TopicSpec, ...]:
    """Return the topics of the weather reports."""
    return (
        TopicSpec(settings.weather_reports_topic, settings.weather_partitions, KEPT),
        TopicSpec(settings.weather_rejected_topic, 1, KEPT, WRITTEN_BY_WORKERS),
    )


def weather_queues(settings: WeatherSettings) -> tuple[QueueSpec, ...]:
    """Return the queues of the weather reports, the one that needs the other last.

    Quorum queues: what a publisher's confirm promises is on the disks of a majority. A rejected
    message is moved to the dead-letter queue before it leaves its own ("at-least-once", which needs
    the overflow to be "reject-publish"). Deliveries are not limited in effect: a consumer that dies
    again and again must not turn good reports into rejected ones.
    """
    return (
        QueueSpec(settings.weather_rejected_queue, {"x-queue-type": "quorum"}),
        QueueSpec(
            settings.weather_queue,
            {
                "x-queue-type": "quorum",
                "x-overflow": "reject-publish",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": settings.weather_rejected_queue,
                "x-dead-letter-strategy": "at-least-once",
                # RabbitMQ 4 has a limit of 20 where none is given.
                "x-delivery-limit": 1_000_000,
            },
        ),
    )


async def declare_weather_queues(channel: "AbstractChannel", settings: WeatherSettings) -> None:
    """Declare the queues; both sides do, whoever comes first creates them.

    :raises aio_pika.exceptions.ChannelPreconditionFailed: a queue exists with other arguments.
    """
    for queue in weather_queues(settings):
        await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
