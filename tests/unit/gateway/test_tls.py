"""Certificates that cannot be used, and those that are renewed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from gateway.auth.tls import Tls, TlsError
from gateway.settings import GatewaySettings
from tests.support.certificates import Certificate, make_certificate


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("second"))


@pytest.fixture
def used(first: Certificate, tmp_path: Path) -> Certificate:
    """A copy of the first certificate, which a test may replace."""
    copy = Certificate(first.ca, tmp_path / "tls.crt", tmp_path / "tls.key")
    copy.certificate.write_bytes(first.certificate.read_bytes())
    copy.key.write_bytes(first.key.read_bytes())
    return copy


def settings_of(certificate: Certificate, **fields: Any) -> GatewaySettings:
    return GatewaySettings(
        **{"tls_certificate": certificate.certificate, "tls_key": certificate.key, **fields}
    )


def trusts(client: ssl.SSLContext, server: Tls) -> bool:
    """Shake hands in memory; return whether the client takes the server's certificate."""
    assert server.http_context is not None
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.http_context.wrap_bio(to_server, to_client, server_side=True),
    )
    done = [False, False]
    for _ in range(10):
        for number, side in enumerate(sides):
            try:
                if not done[number]:
                    side.do_handshake()
                    done[number] = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
        if all(done):
            return True
    raise AssertionError("the handshake does not end")


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.ca)


def test_without_a_certificate_nothing_speaks_tls() -> None:
    tls = Tls(GatewaySettings())

    assert tls.http_context is None
    assert tls.grpc_credentials() is None
    tls.refresh()


def test_nothing_older_than_tls_1_2_is_spoken(first: Certificate) -> None:
    context = Tls(settings_of(first)).http_context

    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_one_file_may_hold_both(first: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(first.key.read_bytes() + first.certificate.read_bytes())

    tls = Tls(GatewaySettings(tls_certificate=both))

    assert trusts(trusting(first), tls)


def test_a_renewed_certificate_is_used_once_both_files_fit(
    used: Certificate, first: Certificate, second: Certificate
) -> None:
    tls = Tls(settings_of(used))
    assert trusts(trusting(first), tls)

    used.certificate.write_bytes(second.certificate.read_bytes())
    with capture_logs() as logs:
        tls.refresh()
        tls.refresh()
    # It belongs to another key still: the old one stays in use, and one line says why.
    assert trusts(trusting(first), tls)
    assert [it["event"] for it in logs] == ["certificate_unusable"]
    assert "another certificate" in logs[0]["error"]

    used.key.write_bytes(second.key.read_bytes())
    with capture_logs() as logs:
        tls.refresh()
        tls.refresh()
    assert trusts(trusting(second), tls)
    assert not trusts(trusting(first), tls)
    assert [it["event"] for it in logs] == ["certificate_renewed"]


def test_a_certificate_that_vanishes_stays_in_use(used: Certificate, first: Certificate) -> None:
    tls = Tls(settings_of(used))
    used.key.unlink()

    tls.refresh()

    assert trusts(trusting(first), tls)


def test_what_cannot_be_used_stops_the_start_and_says_why(
    first: Certificate, second: Certificate, tmp_path: Path
) -> None:
    absent, text, encrypted = tmp_path / "absent", tmp_path / "text", tmp_path / "encrypted"
    text.write_text("no certificate\n")
    key = load_pem_private_key(first.key.read_bytes(), password=None)
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"tls_certificate": absent}, f"cannot read {absent}: No such file"),
        ({"tls_key": absent}, f"cannot read {absent}: No such file"),
        ({"tls_certificate": text}, "expected PEM"),
        ({"tls_key": text}, "expected PEM"),
        ({"tls_key": second.key}, "the key belongs to another certificate"),
        ({"tls_key": encrypted}, "a key without a password is needed"),
        ({"tls_key": None}, "expected PEM"),
        ({"tls_certificate": None}, "MEDALLERO_TLS_CERTIFICATE is empty"),
    )
    for fields, words in cases:
        with pytest.raises(TlsError) as error:
            Tls(settings_of(first, **fields))
        assert words in str(error.value), (fields, str(error.value))
