"""Settings of the gateway, read from the environment (prefix ``MEDALLERO_``)."""

from pathlib import Path

from pydantic import Field

from contracts.settings import CommonSettings


class GatewaySettings(CommonSettings):
    """Where the gateway listens, and the limits within which it keeps its promises.

    Sizes are bytes, times seconds unless the name says otherwise.
    """

    http_host: str = Field(default="127.0.0.1", description="address of the HTTP server")
    http_port: int = Field(default=8080, ge=0, le=65535, description="0 takes any free port")
    grpc_host: str = Field(default="127.0.0.1", description="address of the gRPC server")
    grpc_port: int = Field(default=50051, ge=0, le=65535, description="0 takes any free port")

    tokens_file: Path | None = Field(
        default=None, description="file of the tokens that may send (TOML); read again when changed"
    )
    tokens: str = Field(default="", description="the same as text, beside or instead of the file")
    anyone_may_send: bool = Field(
        default=False, description="true: take records without a token from whoever can reach it"
    )

    max_body: int = Field(
        default=16 * 2**20, ge=1024, description="a JSON body or gRPC message, decompressed"
    )
    max_line: int = Field(default=64 * 2**10, ge=1024, description="a line of NDJSON, decompressed")
    max_in_flight: int = Field(
        default=64 * 2**20, ge=2**20, description="bytes of all requests that are being served"
    )
    body_timeout: float = Field(
        default=30.0, gt=0, description="longest wait for the next piece of a request's body"
    )

    linger_ms: float = Field(
        default=1.0, ge=0, le=1000, description="how long a record waits for company, milliseconds"
    )
    batch_bytes: int = Field(
        default=512 * 2**10, ge=16 * 2**10, description="largest record batch sent to Kafka"
    )
    kafka_timeout: float = Field(
        default=10.0, gt=0, description="records that Kafka has not acknowledged by then: 503"
    )
    kafka_stall: float = Field(
        default=3.0, gt=0, description="a batch unacknowledged for so long: not ready"
    )
    kafka_check: float = Field(
        default=1.0, gt=0, description="pause between two looks at Kafka while nothing is wrong"
    )
    drain_timeout: float = Field(
        default=15.0, gt=0, description="longest wait for requests in flight when stopping"
    )
    worker_timeout: float = Field(
        default=2.0, gt=0, description="longest wait for a worker's answer about a unit"
    )
    standings_max_age: float = Field(
        default=0.1, ge=0, description="how old a snapshot may be that several readers share"
    )
