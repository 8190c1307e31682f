"""The health check of a container: ``python -m medallero.health [PATH]``.

The same image runs gateways and workers, so it asks the ports of both, as the environment gives
them, and is content when one of them answers 200.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.error
import urllib.request
from typing import Final

_TIMEOUT: Final = 4.0


def main() -> None:
    """End with 0 if this container's gateway or worker answers the path (``/healthz``)."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    problems = []
    for url in _urls(path):
        try:
            _ask(url)
        except urllib.error.HTTPError as error:
            problems.append(f"{url}: {error}")
            error.close()  # it is an open answer, too
        except OSError as error:
            problems.append(f"{url}: {error}")
        else:
            return
    sys.exit("\n".join(problems))


def _urls(path: str) -> tuple[str, str]:
    gateway = os.environ.get("MEDALLERO_HTTP_PORT", "8080")
    worker = os.environ.get("MEDALLERO_WORKER_PORT", "6066")
    scheme = "https" if os.environ.get("MEDALLERO_TLS_CERTIFICATE") else "http"
    return f"{scheme}://127.0.0.1:{gateway}{path}", f"http://127.0.0.1:{worker}{path}"


def _ask(url: str) -> None:
    # Whoever answers there is this container; its certificate is for the name that others use.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url, timeout=_TIMEOUT) as answer:
        answer.read()


if __name__ == "__main__":
    main()
