"""Settings of a worker, read from the environment (prefix ``MEDALLERO_``)."""

import socket

from pydantic import Field

from contracts.settings import CommonSettings


class MemberSettings(CommonSettings):
    """What every member of a consumer group needs, whatever it does with the records."""

    app_id: str = Field(description="consumer group; workers of one group share the work")
    worker_id: str | None = Field(
        default=None,
        description="a name that survives a restart: the worker takes its partitions back at once "
        "(static membership)",
    )
    worker_host: str = Field(default="127.0.0.1", description="address of the private HTTP server")
    worker_port: int = Field(default=6066, ge=0, le=65535, description="its port")
    session_timeout: float = Field(
        default=10.0, ge=6.0, description="seconds until a silent worker's partitions move on"
    )
    batch_records: int = Field(default=4_000, ge=1, description="records fetched at once at most")


class WorkerSettings(MemberSettings):
    """What a worker needs beside what all processes share."""

    app_id: str = Field(
        default="medallero-v1", description="consumer group; workers of one group share the work"
    )
    worker_url: str | None = Field(
        default=None,
        description="how the gateway reaches it; default: http://<worker_host>:<worker_port>, "
        "with the name of this machine where the host is all addresses",
    )
    publish_interval: float = Field(
        default=0.05, gt=0, description="seconds between two tallies of a changing partition"
    )
    republish_interval: float = Field(
        default=1.0, gt=0, description="seconds between two tallies of an unchanged partition"
    )
    mirror_interval: float = Field(
        default=0.03, gt=0, description="seconds between two snapshots at the least"
    )
    history_interval: float = Field(
        default=5.0, gt=0, description="seconds between two entries of the history stream"
    )
    history_length: int = Field(default=10_000, ge=1, description="entries of it that are kept")

    @property
    def own_url(self) -> str:
        """The address under which the gateway asks this worker for a unit."""
        host = self.worker_host
        if host in ("0.0.0.0", "::"):
            # Nobody can be reached there; in a container the name of the host is an address.
            host = socket.gethostname()
        return self.worker_url or f"http://{host}:{self.worker_port}"
