"""Settings that every process shares, read from the environment (prefix ``MEDALLERO_``)."""

import ssl
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.topics import TopicNames
from contracts.urls import url_of


def _certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise ValueError("expected a file with certificates in PEM") from None
    return path


def _secret(path: Path) -> Path:
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        raise ValueError("expected a file of text that can be read") from None
    if not text.strip():
        raise ValueError("the file is empty")
    return path


#: A file of certificates in PEM.
CertificatesFile = Annotated[Path, AfterValidator(_certificates)]
#: A Redis, or a Valkey.
RedisUrl = Annotated[str, AfterValidator(url_of("redis", "rediss", "unix"))]
#: Settings that are secret, or have secrets in them: nobody prints what was given for them.
SECRETS: Final = frozenset(("redis", "valkey", "rabbitmq", "seed", "tokens", "kafka_password"))
#: A file that holds one secret.
SecretFile = Annotated[FilePath, AfterValidator(_secret)]


#: Of a gateway that only its own machine can reach: everybody knows it.
DEFAULT_SEED: Final = "medallero"


class CommonSettings(TopicNames, BaseSettings):
    """Where Kafka and Redis are, what is before the topics' names, which rules are in force.

    Each process derives its own settings from this class, so that one environment
    variable means the same thing everywhere.
    """

    model_config = SettingsConfigDict(
        env_prefix="MEDALLERO_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    kafka: str = Field(default="127.0.0.1:9092", description="Kafka bootstrap servers, host:port,…")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="how Kafka is spoken to: SSL is TLS, SASL a user's name"
    )
    kafka_ca: CertificatesFile | None = Field(
        default=None,
        description="certificates (PEM) that vouch for Kafka's; default: the public ones",
    )
    kafka_user: str | None = Field(default=None, description="user of Kafka (SASL)")
    kafka_password: SecretStr | None = Field(
        default=None, description="the user's password; a file is safer"
    )
    kafka_password_file: SecretFile | None = Field(
        default=None, description="file of the user's password"
    )
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        default="SCRAM-SHA-512", description="how the user proves the password"
    )
    redis: RedisUrl = Field(
        default="redis://127.0.0.1:6379/0", description="Redis URL of the mirror"
    )
    catalogue: Path | None = Field(
        default=None, description="catalogue of sports and faculties (TOML); default: the course's"
    )
    seed: str = Field(
        default=DEFAULT_SEED,
        description="the games' secret seed, which decides entries' coins; `up` makes one",
    )
    epoch: int = Field(
        default=1, ge=1, description="raise it when the topics are recreated: old snapshots yield"
    )
    partitions: int = Field(
        default=4, ge=1, description="partitions of the results topic; fixed within an epoch"
    )
    replication: int = Field(default=1, ge=1, description="replication factor of created topics")
    compression: Literal["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"] = Field(
        default="producer", description="compression.type of created topics; all are read"
    )
    topic_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="put before each topic's name"
    )
    redis_prefix: str = Field(default="olympics:", description="put before each key in Redis")
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _kafka_security_is_whole(self) -> Self:
        passwords = (self.kafka_password, self.kafka_password_file)
        given = [it for it in passwords if it is not None]
        if self.kafka_security.startswith("SASL"):
            if not self.kafka_user:
                raise ValueError(
                    f"MEDALLERO_KAFKA_SECURITY={self.kafka_security} needs MEDALLERO_KAFKA_USER"
                )
            if len(given) != 1:
                raise ValueError(
                    f"MEDALLERO_KAFKA_SECURITY={self.kafka_security} needs either "
                    "MEDALLERO_KAFKA_PASSWORD_FILE or MEDALLERO_KAFKA_PASSWORD"
                )
        elif self.kafka_user or given:
            # Silently talking without the password would be the worse surprise.
            raise ValueError(
                "there is a user or a password for Kafka; set MEDALLERO_KAFKA_SECURITY=SASL_SSL"
            )
        if self.kafka_ca is not None and not self.kafka_security.endswith("SSL"):
            raise ValueError(
                "MEDALLERO_KAFKA_CA is set; set MEDALLERO_KAFKA_SECURITY to SASL_SSL or SSL"
            )
        return self
