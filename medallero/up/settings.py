"""Settings of `medallero up`, from flags or the environment (prefix ``MEDALLERO_``)."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, FilePath, model_validator

from contracts.weather_store import WeatherStoreSettings
from gateway.paths import PathsText


def _address(text: str) -> str:
    """Accept an IP address; a host name could mean several, on which not all would listen."""
    return "127.0.0.1" if text == "localhost" else str(ip_address(text))


def _reachable_address(text: str) -> str:
    """Accept an address that clients can be told."""
    text = _address(text)
    if ip_address(text).is_unspecified:
        raise ValueError("clients are told this address, so it must be one that they can reach")
    return text


Address = Annotated[str, AfterValidator(_address)]
ReachableAddress = Annotated[str, AfterValidator(_reachable_address)]
Port = Annotated[int, Field(ge=1, le=65535)]


class UpSettings(WeatherStoreSettings):
    """What to start on this machine, and where it listens and keeps its files.

    A Kafka or Redis that is named (``kafka``, ``redis``) is used and not started.
    """

    workers: int = Field(default=1, ge=1, le=64, description="how many workers to start")

    host: Address = Field(
        default="127.0.0.1", description="address of the gateway's HTTP and gRPC servers"
    )
    http_host: Address = Field(default="", description="address of the HTTP server; default: host")
    http_port: Port = Field(default=8080, description="port of the HTTP server")
    grpc_host: Address = Field(default="", description="address of the gRPC server; default: host")
    grpc_port: Port = Field(default=50051, description="port of the gRPC server")
    tokens_file: FilePath | None = Field(
        default=None, description="file of the tokens that may send; made by `medallero token`"
    )
    tokens: str = Field(default="", description="the same as text, beside or instead of the file")
    anyone_may_send: bool = Field(
        default=False, description="true: take records without a token from whoever can reach it"
    )
    tls_certificate: FilePath | None = Field(
        default=None, description="certificate and its chain (PEM) for HTTPS and gRPC"
    )
    tls_key: FilePath | None = Field(
        default=None, description="key of the certificate (PEM); default: in the same file"
    )
    paths: PathsText = Field(
        default="", description="further paths that take records; see `medallero gateway`"
    )
    worker_host: ReachableAddress = Field(
        default="127.0.0.1", description="address of the workers' private HTTP servers"
    )
    worker_port: Port | None = Field(
        default=None,
        description="port of the first worker's private HTTP server, the next worker's is one "
        "higher; default: free ones",
    )
    kafka_host: ReachableAddress = Field(
        default="127.0.0.1", description="address of the embedded Kafka"
    )
    kafka_port: Port = Field(default=9092, description="port of the embedded Kafka")
    kafka_heap: str = Field(
        default="512m", pattern=r"^\d+[kmg]$", description="memory of the embedded Kafka's heap"
    )
    redis_host: ReachableAddress = Field(
        default="127.0.0.1", description="address of the embedded Redis"
    )
    redis_port: Port = Field(default=6379, description="port of the embedded Redis")

    rabbitmq_port: Port = Field(
        default=5672, description="port of the embedded RabbitMQ, on 127.0.0.1 (--with weather)"
    )
    valkey_port: Port = Field(
        default=6380, description="port of the embedded Valkey, on 127.0.0.1 (--with weather)"
    )

    data_dir: Path = Field(
        default=Path(".medallero"), description="directory of the servers' data and of logs"
    )
    cache_dir: Path = Field(
        default=Path("~/.cache/medallero"), description="directory of downloaded software"
    )
    maven: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="address of a mirror of Maven Central from which Kafka is fetched",
    )
    start_timeout: float = Field(
        default=120.0, gt=0, description="seconds that a service may take to become ready"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_hosts(cls, values: dict[str, object]) -> dict[str, object]:
        host = values.get("host", "127.0.0.1")
        return {"http_host": host, "grpc_host": host, **values}

    @model_validator(mode="after")
    def _worker_ports_exist(self) -> Self:
        if self.worker_port is not None and self.worker_port + self.workers - 1 > 65535:
            raise ValueError("worker_port: the last worker's port would be above 65535")
        return self

    @model_validator(mode="after")
    def _others_need_tokens(self) -> Self:
        # The gateway would refuse to start, and say so in its log only.
        hosts = [it for it in (self.http_host, self.grpc_host) if not ip_address(it).is_loopback]
        if hosts and not (self.tokens_file or self.tokens or self.anyone_may_send):
            raise ValueError(
                f"others can reach {hosts[0]}: make tokens with `medallero token` and name their "
                "file with --tokens-file, or take records from anybody with --anyone-may-send true"
            )
        return self

    @model_validator(mode="after")
    def _the_embedded_kafka_is_plain(self) -> Self:
        if self.own_kafka and self.kafka_security != "PLAINTEXT":
            raise ValueError(
                f"MEDALLERO_KAFKA_SECURITY={self.kafka_security} is for a Kafka of yours; name it "
                "with --kafka (MEDALLERO_KAFKA)"
            )
        return self

    @property
    def own_kafka(self) -> bool:
        """Whether Kafka is ours to start."""
        return "kafka" not in self.model_fields_set

    @property
    def own_redis(self) -> bool:
        """Whether Redis is ours to start."""
        return "redis" not in self.model_fields_set
