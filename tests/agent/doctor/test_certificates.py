"""Certificates: 30 days before their end somebody must know."""

import time
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from agent.doctor import certificates
from agent.doctor.certificates import (
    DAY_MS,
    Certificate,
    Whose,
    judge_pair,
    judge_validity,
    look_at_authority,
    look_at_pair,
)
from tests.agent.doctor.spoken import spoken
from tests.certificates import Authority

NOW = 1_800_000_000_000


@pytest.mark.pure
@pytest.mark.parametrize("whose", ["broker", "client", "ca"])
@pytest.mark.parametrize(
    ("days_left", "mark", "how"),
    [(31, "ok", "ok"), (29.9, "warning", "soon"), (0.1, "warning", "soon"), (-0.1, "wrong", "expired")],
)
def test_until_when(whose: Whose, days_left: float, mark: str, how: str) -> None:
    certificate = Certificate(("broker.example",), NOW - DAY_MS, NOW + int(days_left * DAY_MS))
    assert spoken([judge_validity(whose, certificate, NOW)]) == [f"{mark} cert-{whose}-{how}"]


@pytest.mark.pure
@pytest.mark.parametrize("whose", ["broker", "client", "ca"])
def test_not_yet(whose: Whose) -> None:
    certificate = Certificate(("x",), NOW + 1, NOW + 90 * DAY_MS)
    assert spoken([judge_validity(whose, certificate, NOW)]) == [f"wrong cert-{whose}-early"]


class _DatetimeOf32Bits(datetime):
    """As Python 3.11 of Debian 12 has it on a gateway with a 32-bit system."""

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> "_DatetimeOf32Bits":
        if timestamp >= 1 << 31:
            raise OverflowError("timestamp out of range for platform time_t")
        return super().fromtimestamp(timestamp, tz)


@pytest.mark.pure
def test_an_authority_outlives_the_clock_of_a_32_bit_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "datetime", _DatetimeOf32Bits)
    in_2049_ms = 2_500_000_000_000
    verdict = judge_validity("ca", Certificate(("Trạm CA",), NOW - DAY_MS, in_2049_ms), NOW)
    assert (verdict.code, verdict.values["until"]) == ("cert-ca-ok", "2049-03-22")


def test_a_certificate_and_the_key_beside_it(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    authority = Authority(tmp_path)
    ours, other = authority.issue("ours", "station.example"), authority.issue("other")
    locked = authority.issue("locked", passphrase=b"secret")
    assert spoken(judge_pair(look_at_pair(ours.cert, ours.key), now_ms)) == ["ok cert-client-ok"]
    assert spoken(judge_pair(look_at_pair(ours.cert, other.key), now_ms)) == ["wrong cert-client-other-key"]
    assert spoken(judge_pair(look_at_pair(locked.cert, locked.key), now_ms)) == [
        "wrong cert-client-unreadable"
    ]
    assert spoken(judge_pair(look_at_pair(ours.key, ours.key), now_ms)) == ["wrong cert-client-unreadable"]
    assert spoken(judge_pair(look_at_pair(tmp_path / "no", ours.key), now_ms)) == [
        "wrong cert-client-unreadable"
    ]
    pair = look_at_pair(ours.cert, ours.key)
    assert pair.certificate is not None
    assert pair.certificate.names == ("station.example",)


def test_of_several_authorities_the_one_that_lasts_counts(tmp_path: Path) -> None:
    first, second = Authority(tmp_path / "1"), Authority(tmp_path / "2", "second")
    both = tmp_path / "both.pem"
    both.write_bytes(first.ca.read_bytes() + second.ca.read_bytes())
    found = look_at_authority(both)
    assert found is not None
    assert found.names in {("CN=test authority",), ("CN=second",)}
    assert look_at_authority(tmp_path / "missing") is None
