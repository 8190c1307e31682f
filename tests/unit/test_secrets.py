"""No key, token or password is among the files of the repository."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.auth.tokens import new_token

ROOT: Final = Path(__file__).parents[2]

RULES: Final = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a token of a gateway": re.compile(r"\bmdl_[A-Za-z0-9_-]{40,}"),
    "a token of a code host": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60}|glpat-[\w-]{20})"
    ),
    "a token of a package index": re.compile(r"\b(?:pypi-[\w-]{60}|npm_[A-Za-z0-9]{36})"),
    "a key of a cloud": re.compile(r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35})\b"),
    "a token of a chat": re.compile(r"\bxox[abprs]-[\w-]{20}"),
    "a signed web token": re.compile(r"\beyJ[\w-]{12,}\.eyJ[\w-]{12,}\.[\w-]{12,}"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@\"'`]+:[^\s/:@\"'`]+@"),
    "a password that is set": re.compile(
        r"(?i:password|passwd|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?"
        r"(?=[^\s\"']*[0-9])(?=[^\s\"']*[a-z])(?=[^\s\"']*[A-Z])[A-Za-z0-9+/=_-]{20,}"
    ),
}

#: Passwords that everybody knows, or that are no passwords: names of variables, and the words with
#: which pages and tests say "password".
KNOWN: Final = re.compile(
    r"://[^:]+:(?:[${<%].*|guest|password|PASSWORD\d?|wrong|secret|weather|hidden|s3cret|p%40ss|a%2Fb|\*{3})@$"
)

#: Names of files that hold secrets.
FILES: Final = re.compile(r"(?:\.(?:pem|key|p12|pfx|jks|keystore)|(?:^|/)(?:\.env|id_\w+))$")


def found_in(text: str) -> Iterator[str]:
    """Yield what *text* holds that should be nowhere, without the secret itself."""
    for what, pattern in RULES.items():
        for match in pattern.finditer(text):
            if not KNOWN.search(match.group()):
                line = text.count("\n", 0, match.start()) + 1
                yield f"line {line}: {what}, {match.group()[:12]}…"


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def test_no_file_of_the_repository_has_a_secret() -> None:
    files = [it for it in tracked() if it.is_file()]
    assert len(files) > 500

    named = [str(it.relative_to(ROOT)) for it in files if FILES.search(it.name)]
    found = [
        f"{it.relative_to(ROOT)}: {secret}"
        for it in files
        for secret in found_in(it.read_text("utf-8", errors="replace"))
    ]

    assert named == []
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        # Put together here, so that this file has none of them.
        "-----BEGIN " + "PRIVATE KEY-----",
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        f"export MEDALLERO_TOKEN={new_token()}",
        "ghp_" + "a1B2" * 9,
        "AKIA" + "ABCDEFGH12345678",
        "xoxb-" + "1234567890" * 2,
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N",
        "redis://worker:" + "gFd7shw2@redis:6379/0",
        "KAFKA_PASSWORD=" + "x9Kd82mQpLw03nVbTz51",
        'api_key: "' + 'x9Kd82mQpLw03nVbTz51"',
    ],
    ids=range(10),
)
def test_a_secret_would_be_found(text: str) -> None:
    assert [*found_in(f"first line\n{text}\n")]


@pytest.mark.parametrize(
    "text",
    [
        "redis://medallero-worker:$(REDIS_PASSWORD)@redis:6379/0",
        "amqp://medallero:${RABBITMQ_PASSWORD:-weather}@rabbitmq:5672/",
        "amqp://guest:guest@127.0.0.1:5672/",
        "password=password_of(settings.kafka_password_file)",
        "MEDALLERO_TOKEN=mdl_…",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert [*found_in(text)] == []
