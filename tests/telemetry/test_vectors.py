"""The vector files: they are what the script makes, and this implementation agrees with every one of them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from telemetry import cbor
from telemetry.audit import audit
from telemetry.bodies import BootBody, ClockStepBody, ConfigurationBody, EventBody, GapBody
from telemetry.content import body_of, is_foreign, readings_of
from telemetry.envelope import RECORD, Forged, hash_of, unseal
from telemetry.fields import RecordError
from telemetry.keys import KeyRefused, KeyRing, SigningKey, check_public, fingerprint
from telemetry.loss import TombstoneBody
from telemetry.reception import Outcome, Reception
from telemetry.record import Record, decode_record
from tests.telemetry.receiver import LedgerDesk, opened
from tests.vectors import make

FOLDER = Path(__file__).parent.parent / "vectors"
KEYS, VALID, FORGED, SCENARIOS = (
    json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("keys", "valid", "forged", "scenarios")
)
PUBLIC = {key["name"]: bytes.fromhex(key["public"]) for key in KEYS["keys"]}
STATION_RING, CENTRE_RING = KeyRing([PUBLIC["station"]]), KeyRing([PUBLIC["centre"]])


def ring_for(expected: str) -> KeyRing:
    return CENTRE_RING if expected == "receipt" else STATION_RING


def named(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


@pytest.mark.parametrize("name", ["keys.json", "valid.json", "forged.json", "scenarios.json"])
def test_the_files_are_what_the_script_makes(name: str) -> None:
    made = make.files()[name]
    assert (FOLDER / name).read_text(encoding="utf-8") == made, "run: python -m tests.vectors.make"


def test_there_are_enough_of_each() -> None:
    assert len(VALID["cases"]) >= 12
    assert len(FORGED["cases"]) >= 20
    assert len(SCENARIOS["cases"]) >= 10
    for cases in (VALID["cases"], FORGED["cases"], SCENARIOS["cases"]):
        assert len({case["name"] for case in cases}) == len(cases)


@pytest.mark.pure
@named(KEYS["keys"])
def test_a_key_follows_from_its_seed(case: dict[str, Any]) -> None:
    key = SigningKey.from_seed(bytes.fromhex(case["seed"]))
    assert key.public.hex() == case["public"]
    assert key.kid.hex() == case["kid"]
    assert fingerprint(key.public) == case["fingerprint"]


@pytest.mark.pure
@named(VALID["cases"])
def test_a_valid_envelope_means_what_the_file_says(case: dict[str, Any]) -> None:
    envelope = bytes.fromhex(case["envelope"])
    said = opened(envelope, case["typ"], "BD_VSIP_NUO001", KeyRing([PUBLIC[case["key"]]]))
    assert hash_of(envelope).hex() == case["hash"] == hashlib.sha256(envelope).hexdigest()
    means = record_as_json(said) if case["typ"] == "record" else as_json(said)
    body = case["means"].pop("body", {})
    assert {**means, **case["means"]} == means
    assert {**body_as_json(said), **body} == body_as_json(said) if case["typ"] == "record" else not body


@pytest.mark.pure
@named(FORGED["cases"])
def test_a_forged_envelope_is_refused_for_its_reason(case: dict[str, Any]) -> None:
    envelope = bytes.fromhex(case["envelope"])
    assert opened(envelope, case["as"], case["station"], ring_for(case["as"])) == case["refused_as"]


@pytest.mark.pure
@pytest.mark.parametrize("case", FORGED["refused_keys"], ids=lambda case: case["why"])
def test_a_key_that_proves_nothing_is_never_put_on_a_ring(case: dict[str, Any]) -> None:
    with pytest.raises(KeyRefused):
        check_public(bytes.fromhex(case["public"]))
    with pytest.raises(KeyRefused):
        KeyRing([bytes.fromhex(case["public"])])


@pytest.mark.pure
@named(FORGED["unreadable"])
def test_an_unreadable_body_is_stored_and_not_believed(case: dict[str, Any]) -> None:
    envelope = bytes.fromhex(case["envelope"])
    record = decode_record(unseal(envelope, RECORD, STATION_RING).payload)
    assert Reception(lambda _: None).take(record, hash_of(envelope)).outcome is Outcome.NEW
    with pytest.raises(RecordError):
        readings_of(record) if record.kind == 1 else body_of(record)
    report = audit([envelope], STATION_RING)[0]
    assert [finding.what.value for finding in report.findings] == ["unreadable-body"]


@pytest.mark.pure
@named(SCENARIOS["cases"])
def test_a_receiver_concludes_what_the_scenario_says(case: dict[str, Any]) -> None:
    desks: dict[bytes, LedgerDesk] = {}
    for step in case["arrive"]:
        assert (
            arrive(bytes.fromhex(step["envelope"]), step["verdict"], case["station"], desks)
            == step["verdict"]
        )
    for expected in case["expect"]:
        ledger = bytes.fromhex(expected["ledger"])
        expected["findings"] = [f for f in expected["findings"] if f[0] != "new-ledger"]
        assert desks[ledger].conclude(ledger) == expected


def arrive(envelope: bytes, verdict: str, station: str, desks: dict[bytes, LedgerDesk]) -> str:
    expected = "head" if verdict == "head" else "record"
    said = opened(envelope, expected, station, STATION_RING)
    if isinstance(said, str):
        return said
    desk = desks.setdefault(said.ledger, LedgerDesk())
    return desk.take_head(said) if expected == "head" else desk.take(said, envelope)


@pytest.mark.pure
@named(SCENARIOS["cases"])
def test_the_auditor_finds_in_the_stored_envelopes_what_the_receiver_found(case: dict[str, Any]) -> None:
    verdicts = {"new", "duplicate", "fork"}
    stored = [bytes.fromhex(s["envelope"]) for s in case["arrive"] if s["verdict"] in verdicts]
    reports = {report.ledger: report for report in audit(stored, STATION_RING)}
    for expected in case["expect"]:
        if expected["through"] == 0:
            continue
        report = reports[bytes.fromhex(expected["ledger"])]
        heads_only = {"head-contradicts"}
        found = sorted([f.what.value, f.seq] for f in report.findings if f.what.value != "hole")
        said = sorted(f for f in expected["findings"] if f[0] not in heads_only)
        assert [f for f in found if f[0] != "new-ledger"] == [f for f in said if f[0] != "new-ledger"]
        assert report.verified == (1, expected["through"])


@pytest.mark.pure
@pytest.mark.parametrize("name", ["new ledger", "new ledger, unexplained"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_second_ledger_is_announced_once(name: str, backwards: bool) -> None:
    case = next(case for case in SCENARIOS["cases"] if case["name"] == name)
    envelopes = [bytes.fromhex(step["envelope"]) for step in case["arrive"]]
    reports = audit(envelopes[::-1] if backwards else envelopes, STATION_RING)
    announced = [finding for report in reports for finding in report.findings]
    assert [finding.what.value for finding in announced] == ["new-ledger"]
    if name == "new ledger":
        assert announced[0].ledger.hex() == case["expect"][1]["ledger"]


def as_json(value: Any) -> Any:
    """Bytes as hex, sequences as lists, values with names as maps."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: as_json(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def record_as_json(record: Record) -> dict[str, Any]:
    means: dict[str, Any] = {
        **{
            name: as_json(getattr(record, name))
            for name in ("station", "ledger", "seq", "prev", "kind", "configuration")
        },
        "boot": [record.boot.count, record.boot.boot_id.hex()],
        "wall_ms": record.moment.wall_ms,
        "mono_ms": record.moment.mono_ms,
        "clock": [record.moment.clock, record.moment.max_error_ms],
    }
    if record.kind == 1:
        keys = ("channel", "wall_ms", "value", "unit", "flags")
        means["readings"] = [{key: getattr(m, key) for key in keys} for m in readings_of(record)]
    return means


def body_as_json(record: Record) -> dict[str, Any]:
    if is_foreign(record.kind):
        assert isinstance(record.body, dict)
        return {str(key): value for key, value in record.body.items()}
    body: Any = None if record.kind == 1 else body_of(record)
    match body:
        case None:
            return {}
        case GapBody():
            names = {"from": body.from_mono_ms, "to": body.to_mono_ms}
        case ClockStepBody():
            names = {"before": body.before_wall_ms, "after": body.after_wall_ms, "mono": body.mono_ms}
        case ConfigurationBody():
            names = {"hash": body.hash8.hex()}  # type: ignore[dict-item]
        case BootBody() | EventBody() | TombstoneBody() | _:
            names = {}
    return {**as_json(body), **names}


@pytest.mark.pure
def test_every_payload_is_the_one_encoding_of_what_it_says() -> None:
    for case in VALID["cases"]:
        payload = unseal(
            bytes.fromhex(case["envelope"]),
            {"record": RECORD}.get(case["typ"], f"application/tram-{case['typ']}+cbor"),
            KeyRing(PUBLIC.values()),
        ).payload
        assert cbor.encode(cbor.decode(payload)) == payload


@pytest.mark.pure
def test_no_single_bit_of_an_envelope_can_be_changed() -> None:
    envelope = bytes.fromhex(VALID["cases"][3]["envelope"])
    for at in range(len(envelope)):
        damaged = envelope[:at] + bytes((envelope[at] ^ 1 << at % 8,)) + envelope[at + 1 :]
        with pytest.raises(Forged):
            unseal(damaged, RECORD, STATION_RING)


@pytest.mark.pure
def test_no_beginning_of_an_envelope_is_an_envelope() -> None:
    envelope = bytes.fromhex(VALID["cases"][3]["envelope"])
    for length in range(len(envelope)):
        with pytest.raises(Forged):
            unseal(envelope[:length], RECORD, STATION_RING)
