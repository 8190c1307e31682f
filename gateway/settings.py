"""Settings of the gateway, read from the environment (prefix ``MEDALLERO_``)."""

from pathlib import Path

from pydantic import Field

from contracts.weather import WeatherSettings
from gateway.paths import PathsText


class GatewaySettings(WeatherSettings):
    """Where the gateway listens, and the limits within which it keeps its promises.

    Sizes are bytes, times seconds unless the name says otherwise.
    """

    http_host: str = Field(default="127.0.0.1", description="address of the HTTP server")
    http_port: int = Field(default=8080, ge=0, le=65535, description="0 takes any free port")
    http_hosts: str = Field(
        default="",
        description="further names that a gateway on a loopback address answers to, with commas; "
        "*: any. Without them it answers to localhost alone, against DNS rebinding",
    )
    cors_origins: str = Field(
        default="",
        description="origins whose pages may read (never send), with commas; *: any",
    )
    frame_ancestors: str = Field(
        default="'self'",
        pattern=r"^[^;,\r\n]*$",
        description="who may show the page in a frame, as Content-Security-Policy says it",
    )
    grpc_host: str = Field(default="127.0.0.1", description="address of the gRPC server")
    grpc_port: int = Field(default=50051, ge=0, le=65535, description="0 takes any free port")

    paths: PathsText = Field(
        default="",
        description="further paths that take records, beside those of the course's clients: "
        "PATH KIND [faculty=NAME] [status=200|202] [nameless=true], …",
    )

    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that share both ports; limits and rates hold for each by itself",
    )

    tokens_file: Path | None = Field(
        default=None, description="file of the tokens that may send (TOML); read again when changed"
    )
    tokens: str = Field(default="", description="the same as text, beside or instead of the file")
    anyone_may_send: bool = Field(
        default=False, description="true: take records without a token from whoever can reach it"
    )

    tls_certificate: Path | None = Field(
        default=None,
        description="certificate and its chain (PEM) for HTTPS and gRPC; read again when renewed",
    )
    tls_key: Path | None = Field(
        default=None, description="key of the certificate (PEM); default: in the same file"
    )

    reload_interval: float = Field(
        default=1.0, gt=0, description="pause between looks at the files of tokens and TLS"
    )

    max_body: int = Field(
        default=16 * 2**20,
        ge=1024,
        description="a JSON body, decompressed; gRPC messages: 4 MiB at most",
    )
    max_line: int = Field(default=64 * 2**10, ge=1024, description="a line of NDJSON, decompressed")
    max_records: int = Field(
        default=50_000, ge=1, description="records in a JSON body or gRPC message; lines have none"
    )
    max_in_flight: int = Field(
        default=24 * 2**20, ge=2**20, description="bytes of all requests that are being served"
    )
    max_connections: int = Field(
        default=10_000, ge=1, description="HTTP connections of a process; those beyond get 429"
    )
    head_timeout: float = Field(
        default=10.0, gt=0, description="longest wait for a request's complete headers"
    )
    body_timeout: float = Field(
        default=30.0, gt=0, description="longest wait for the next piece of a request's body"
    )

    rate_requests: float = Field(
        default=0.0, ge=0, description="requests a second that one client may send; 0: no limit"
    )
    rate_records: float = Field(
        default=0.0, ge=0, description="records a second that one client may send; 0: no limit"
    )
    rate_burst: float = Field(
        default=5.0,
        gt=0,
        description="so many seconds' worth of its rate a client may send at once",
    )
    grpc_connection_age: float = Field(
        default=300.0,
        ge=0,
        description="a gRPC connection is told to come anew after so long, so that new gateways "
        "get their share; calls in flight go on; 0: never",
    )
    max_rpcs: int = Field(
        default=500, ge=1, description="gRPC calls at once in a process; RESOURCE_EXHAUSTED beyond"
    )

    linger_ms: float = Field(
        default=1.0, ge=0, le=1000, description="how long a record waits for company, milliseconds"
    )
    batch_bytes: int = Field(
        default=512 * 2**10, ge=16 * 2**10, description="largest record batch sent to Kafka"
    )
    kafka_timeout: float = Field(
        default=10.0,
        gt=0,
        description="records that Kafka (or RabbitMQ) has not acknowledged by then: 503",
    )
    kafka_stall: float = Field(
        default=3.0, gt=0, description="a batch unacknowledged for so long: not ready"
    )
    kafka_check: float = Field(
        default=1.0, gt=0, description="pause between two looks at Kafka while nothing is wrong"
    )
    kafka_heartbeat: float = Field(
        default=5.0,
        gt=0,
        description="a gateway whose last record was acknowledged so long ago writes one to the "
        "topic `heartbeats`; seconds",
    )
    drain_timeout: float = Field(
        default=15.0, gt=0, description="longest wait for requests in flight when stopping"
    )
    worker_timeout: float = Field(
        default=2.0, gt=0, description="longest wait for a worker's answer about a unit"
    )
    live_interval: float = Field(
        default=0.2, ge=0, description="least time between two snapshots on the live stream"
    )
    live_heartbeat: float = Field(
        default=2.0, gt=0, le=3, description="time between two signs of life on the live stream"
    )
    max_viewers: int = Field(
        default=1000, ge=0, description="viewers of the live stream; more are refused with 429"
    )
    standings_max_age: float = Field(
        default=0.1,
        ge=0,
        description="how old a snapshot, or a list of events, may be that readers share",
    )
