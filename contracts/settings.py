"""Settings that every process shares, read from the environment (prefix ``MEDALLERO_``)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    """Where Kafka and Redis are, what the topics are called, which rules are in force.

    Each process derives its own settings from this class, so that one environment
    variable means the same thing everywhere.
    """

    model_config = SettingsConfigDict(env_prefix="MEDALLERO_", frozen=True, extra="ignore")

    kafka: str = Field(default="127.0.0.1:9092", description="Kafka bootstrap servers, host:port,…")
    redis: str = Field(default="redis://127.0.0.1:6379/0", description="Redis URL of the mirror")
    catalogue: Path | None = Field(
        default=None, description="catalogue of sports and faculties (TOML); default: the course's"
    )
    seed: str = Field(default="medallero", description="the games' seed: decides entries' coins")
    epoch: int = Field(
        default=1, ge=1, description="raise it when the topics are recreated: old snapshots yield"
    )
    partitions: int = Field(
        default=4, ge=1, description="partitions of the results topic; fixed within an epoch"
    )
    replication: int = Field(default=1, ge=1, description="replication factor of created topics")
    topic_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="put before each topic's name"
    )
    redis_prefix: str = Field(default="olympics:", description="put before each key in Redis")
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def results_topic(self) -> str:
        """The topic of accepted results, keyed by unit: the source of truth."""
        return f"{self.topic_prefix}results"

    @property
    def rejected_topic(self) -> str:
        """The topic of records that no rule can read, with the reason."""
        return f"{self.topic_prefix}results-rejected"

    @property
    def tallies_topic(self) -> str:
        """The topic of absolute tallies, keyed by partition of the results topic."""
        return f"{self.topic_prefix}tallies"

    @property
    def changelog_topic(self) -> str:
        """The topic that holds the ``latest`` table's state.

        Its version is part of the name: a state format that outgrows its use gets a new
        changelog and replays the results topic, and nothing is ever deleted from the old one.
        """
        return f"{self.topic_prefix}medallero-v1-latest-changelog"
