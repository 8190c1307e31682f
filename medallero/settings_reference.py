"""Writes `docs/settings.md` from the settings themselves.

Run it as ``python -m medallero.settings_reference`` in the repository's root. A table that is
kept by hand is wrong after the next change; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from pydantic.fields import FieldInfo

from contracts.settings import CommonSettings
from gateway.settings import GatewaySettings
from medallero.options import flag, variable
from medallero.up.settings import UpSettings
from streams.settings import WorkerSettings
from streams.weather.settings import WeatherConsumerSettings, WeatherWorkerSettings

PAGE: Final = Path("docs/settings.md")

_HEAD: Final = """\
# Settings

Every setting is an environment variable; `medallero up`, `gateway` and `worker` also take each of
theirs as a flag (`MEDALLERO_HTTP_PORT` is `--http-port`), and the flag wins. `medallero up` hands
the shared ones to all that it starts and writes them to `env` in its data directory, for
`source`. Times are seconds and sizes bytes unless the name says otherwise.

This page is written by `python -m medallero.settings_reference`; do not edit it.
"""

_SECTIONS: Final[tuple[tuple[str, type[CommonSettings], str], ...]] = (
    (
        "Shared by all processes",
        CommonSettings,
        "All processes of one system must agree on these, except on the two about logs. Where "
        "`medallero up` is told a Kafka or a Redis, it uses that one and starts none.",
    ),
    ("`medallero up`", UpSettings, "It also takes the shared ones, and `--fresh`."),
    ("`medallero gateway`", GatewaySettings, "It also takes the shared ones."),
    ("`medallero worker`", WorkerSettings, "It also takes the shared ones."),
    ("`medallero weather-worker`", WeatherWorkerSettings, "It also takes the shared ones."),
    ("`medallero weather-consumer`", WeatherConsumerSettings, "It also takes the shared ones."),
)

_CLIENTS: Final = """\
## Commands that send

| variable | flag | default | meaning |
| --- | --- | --- | --- |
| `MEDALLERO_ENDPOINT` | `--endpoint` | `http://127.0.0.1:8080` | the gateway, \
`http://HOST:PORT` or `grpc://HOST:PORT`, with TLS `https://` or `grpcs://` (`send`; over HTTP \
alone `correct`, `withdraw`, `history`; `doctor` reads the variable) |
| `MEDALLERO_TOKEN` | `--token` | – | sent as a bearer token (`send`, `correct`, \
`withdraw`, `history`) |
| `MEDALLERO_CA` | `--ca` | – | file of certificates (PEM) that vouch for the gateway's; default: \
the public ones (`send`, `correct`, `withdraw`, `history`; `doctor` reads the variable) |
"""


def page() -> str:
    """Return the whole page in Markdown."""
    return "\n".join([_HEAD, *(_section(*it) for it in _SECTIONS), _CLIENTS])


def main() -> None:
    """Write the page to where it belongs, relative to the repository's root, or to a path given."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    path.write_text(page(), encoding="utf-8")


def _section(title: str, model: type[CommonSettings], note: str) -> str:
    return "\n".join([f"## {title}", "", note, "", *_rows(model), ""])


def _rows(model: type[CommonSettings]) -> Iterator[str]:
    yield "| variable | flag | default | meaning |"
    yield "| --- | --- | --- | --- |"
    shared = () if model is CommonSettings else CommonSettings.model_fields
    for name, field in model.model_fields.items():
        if name not in shared:
            yield f"| `{variable(name)}` | `{flag(name)}` | {_default(field)} | {_meaning(field)} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == "":
        return "–"
    if isinstance(value, int) and value >= 2**14 and value % 2**10 == 0:
        size = f"{value >> 20} MiB" if value % 2**20 == 0 else f"{value >> 10} KiB"
        return f"`{value}` ({size})"
    return f"`{value}`"


def _meaning(field: FieldInfo) -> str:
    words = [it for it in get_args(field.annotation) if isinstance(it, str)]
    choices = ", ".join(f"`{it}`" for it in words)
    text = "; ".join(it for it in (field.description, choices) if it)
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
