"""Settings of the processes that count weather reports (prefix ``MEDALLERO_``)."""

from pydantic import Field

from contracts.weather_store import WeatherStoreSettings
from streams.settings import MemberSettings


class WeatherWorkerSettings(MemberSettings, WeatherStoreSettings):
    """What a weather worker needs beside what all processes share."""

    app_id: str = Field(
        default="medallero-weather-v1",
        description="consumer group; workers of one group share the work",
    )
    worker_port: int = Field(default=6067, ge=0, le=65535, description="its port")
    weather_interval: float = Field(
        default=0.1, gt=0, description="seconds between two writes of the counts at the least"
    )


class WeatherConsumerSettings(WeatherStoreSettings):
    """What a consumer of the weather queue needs beside what all processes share."""

    worker_host: str = Field(default="127.0.0.1", description="address of the private HTTP server")
    worker_port: int = Field(default=6068, ge=0, le=65535, description="its port")
    weather_batch: int = Field(
        default=1_000, ge=1, description="messages that are counted at once at most"
    )
    weather_prefetch: int = Field(
        default=10_000,
        ge=1,
        le=65_535,
        description="messages that RabbitMQ hands out before the first of them is acknowledged",
    )
