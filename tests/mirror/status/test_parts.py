"""The parts of the status that need no mirror: ages, the last check, the end of a certificate."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from headrace.mirror.status import certificate, check
from headrace.mirror.status.ages import WINDOW_SECONDS, RecentAges


def test_the_oldest_page_of_a_while_is_told_and_then_forgotten() -> None:
    now = 1000.0
    ages = RecentAges(lambda: now)
    ages.note("main", 5.0)
    now += 30
    ages.note("main", 700.0)
    now += 300
    ages.note("main", 20.0)
    ages.note("other", 1.0)
    assert ages.oldest() == {"main": 700.0, "other": 1.0}
    now += WINDOW_SECONDS - 200
    assert ages.oldest() == {"main": 20.0, "other": 1.0}
    now += WINDOW_SECONDS
    assert ages.oldest() == {}
    ages.note("main", 9.0)
    now -= 5000  # the clock is put back
    assert ages.oldest() == {}
    ages.note("main", 4.0)
    assert ages.oldest() == {"main": 4.0}


def test_the_last_check_is_kept(tmp_path: Path) -> None:
    assert check.read(tmp_path) is None
    made = check.Check(1234.5, 10, 2, False)
    check.write(tmp_path, made)
    assert check.read(tmp_path) == made
    assert (made.left, check.Check(1.0, 10, 2, True).left) == (2, 0)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '{"ended": "x"}', '{"ended": 1, "files": null, "damaged": 0, "repaired": 0}']
)
def test_a_damaged_note_of_a_check_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "fsck.json").write_text(text)
    assert check.read(tmp_path) is None


def _certificate(end: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mirror.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(end - timedelta(days=1)).not_valid_after(end)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("year", [2027, 2049, 2050, 2999])
def test_the_end_of_a_certificate(tmp_path: Path, year: int) -> None:
    end = datetime(year, 3, 4, 5, 6, 7, tzinfo=UTC)
    path = tmp_path / "chain.pem"
    path.write_bytes(b"some words\n" + _certificate(end) + _certificate(datetime(2030, 1, 1, tzinfo=UTC)))
    assert certificate.ends(path) == end.timestamp()


def test_what_is_no_certificate_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "bad.pem"
    assert certificate.ends(path) is None
    whole = _certificate(datetime(2030, 1, 1, tzinfo=UTC))
    lines = whole.decode().splitlines()
    for text in (
        "",
        "words",
        "\n".join([lines[0], *lines[1:3], lines[-1]]),
        "\n".join([lines[0], "!!!!", lines[-1]]),
        f"{lines[0]}\n{lines[-1]}",
    ):
        path.write_text(text)
        assert certificate.ends(path) is None, text
    path.write_bytes(os.urandom(5000))
    assert certificate.ends(path) is None
