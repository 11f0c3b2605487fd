"""Valid envelopes: every kind, both other types, and the corners of the encoding."""

import hashlib
from collections.abc import Iterator

from telemetry.bodies import BootReason, ClockStepBody, EventBody, GapBody, GapReason
from telemetry.head import Head
from telemetry.keys import SigningKey, fingerprint
from telemetry.loss import RecoveryBody, Summary, TombstoneBody, tombstone_digest
from telemetry.pack import PackEncoder
from telemetry.reading import Flag, Reading
from telemetry.receipt import Receipt
from telemetry.record import ZERO_HASH, Kind
from tests.vectors import world
from tests.vectors.world import CENTRE_KEY, LEDGER, SECOND_LEDGER, STATION, STATION_KEY, WALL_MS, Pen

Case = dict[str, object]


def cases() -> Iterator[Case]:
    """Each with the value that it means, as JSON: bytes are hex, absent is null."""
    yield from _a_ledger()
    yield from _values()
    yield from _receipts_and_heads()


def keys() -> list[Case]:
    """The keys of all vectors. The seeds are public: never use them."""
    return [
        _key("station", STATION_KEY, world.seed("station key")),
        _key("centre", CENTRE_KEY, world.seed("centre key")),
        _key("stranger", world.STRANGER_KEY, world.seed("stranger key")),
    ]


def _key(name: str, key: SigningKey, seed: bytes) -> Case:
    return {
        "name": name,
        "seed": seed.hex(),
        "public": key.public.hex(),
        "kid": key.kid.hex(),
        "fingerprint": fingerprint(key.public),
    }


def _case(name: str, typ: str, envelope: bytes, means: Case) -> Case:
    return {
        "name": name,
        "typ": typ,
        "key": "centre" if typ == "receipt" else "station",
        "envelope": envelope.hex(),
        "hash": hashlib.sha256(envelope).hexdigest(),
        "means": means,
    }


def _record(name: str, pen: Pen, kind: int, body: bytes, means: Case) -> Case:
    seq, prev = pen.ledger.next_seq, pen.ledger.prev
    envelope = pen.write(kind, body)
    return _case(
        name,
        "record",
        envelope,
        {
            "station": STATION,
            "ledger": pen.ledger.ledger.hex(),
            "seq": seq,
            "prev": prev.hex(),
            "kind": kind,
            "boot": [pen.boot.count, pen.boot.boot_id.hex()],
            "wall_ms": pen.wall_ms,
            "mono_ms": pen.mono_ms,
            "clock": [2, 12],
            "configuration": pen.configuration.hex(),
            **means,
        },
    )


def _reading(channel: str, wall_ms: int | None, value: object, unit: str, flags: int = 0) -> Case:
    return {"channel": channel, "wall_ms": wall_ms, "value": value, "unit": unit, "flags": flags}


def _a_ledger() -> Iterator[Case]:
    pen = Pen()
    yield _record(
        "boot: the first record of a ledger",
        pen,
        Kind.BOOT,
        world.boot_body().encode(),
        {"body": {"public": STATION_KEY.public.hex(), "reason": 2, "last_sign": None, "before": None}},
    )
    for part in world.CONFIGURATION:
        name = f"configuration of {part.device or 'the station'}"
        means: Case = {"body": {"hash": part.hash8.hex(), "device": part.device, "part": 1, "parts": 1}}
        yield _record(name, pen, Kind.CONFIGURATION, part.encode(), means)
    yield _record(
        "readings: one cycle of one device",
        pen,
        Kind.READINGS,
        world.pack(WALL_MS + 19_870),
        {
            "readings": [
                _reading("pH", WALL_MS + 19_870, 7.25, "pH"),
                _reading("COD", WALL_MS + 19_870, 41.5, "mg/L"),
                _reading("TSS", WALL_MS + 19_870, 12.0, "mg/L"),
            ]
        },
    )
    gap = GapBody(GapReason.ANALYZER_SILENT, "water", 80_000, 260_000, "no answer")
    yield _record(
        "gap: a silence explained",
        pen,
        Kind.GAP,
        gap.encode(),
        {"body": {"reason": 1, "device": "water", "from": 80_000, "to": 260_000, "detail": "no answer"}},
    )
    yield _record(
        "event",
        pen,
        Kind.EVENT,
        EventBody("configuration-refused", {"problems": 3}).encode(),
        {"body": {"what": "configuration-refused"}},
    )
    dropped = [world.seed("dropped 4"), world.seed("dropped 5")]
    tombstone = TombstoneBody(
        "water",
        ((4, 5),),
        GapReason.OVERFLOW,
        {"pH": Summary(2, 7.25, 7.5, 7.375, 0), "state": Summary(0, None, None, None, 2)},
        tombstone_digest(dropped),
    )
    yield _record(
        "tombstone: two records that the store had to drop",
        pen,
        Kind.TOMBSTONE,
        tombstone.encode(),
        {"body": {"device": "water", "ranges": [[4, 5]], "reason": 5, "digest": tombstone.digest.hex()}},
    )
    step = ClockStepBody(WALL_MS, WALL_MS - 3_600_000, 90_000)
    yield _record(
        "clock step",
        pen,
        Kind.CLOCK_STEP,
        step.encode(),
        {"body": {"before": WALL_MS, "after": WALL_MS - 3_600_000, "mono": 90_000}},
    )
    yield _record(
        "recovery: a damaged store was set aside",
        pen,
        Kind.RECOVERY,
        RecoveryBody("database disk image is malformed", "quarantine/20251122T082640Z", 1782).encode(),
        {"body": {"salvaged": 1782}},
    )
    yield _record(
        "recovery that names what was lost",
        pen,
        Kind.RECOVERY,
        RecoveryBody(
            "the store's file was damaged", "20251122T082640Z", 12, ((b"L" * 16, ((3, 3), (7, 9))),)
        ).encode(),
        {"body": {"salvaged": 12}},
    )
    yield _record("an unknown kind is stored and linked", pen, 99, b"\xa1\x01\x63new", {"body": {"1": "new"}})


def _values() -> Iterator[Case]:
    pen = Pen(boot=world.SECOND_BOOT)
    arrived, later = WALL_MS + 4_870, WALL_MS + 4_990
    encoder = PackEncoder(STATION, "gas-1", (("SO2", "mg/Nm3"), ("NO", "mg/Nm3"), ("T", "Cel"), ("id", "")))
    flags = int(Flag.NO_COMMUNICATION | Flag.OUT_OF_SERVICE)
    yield _record(
        "readings: flags, no value, integer, text, a 64-bit float, two blocks",
        pen,
        Kind.READINGS,
        encoder.encode(
            [
                (arrived, [Reading("SO2", 7.1), Reading("NO", None, flags)]),
                (later, [Reading("T", -12), Reading("id", "Máy 3", int(Flag.MAINTENANCE))]),
            ]
        ),
        {
            "readings": [
                _reading("SO2", arrived, 7.1, "mg/Nm3"),
                _reading("NO", arrived, None, "mg/Nm3", 4104),
                _reading("T", later, -12, "Cel"),
                _reading("id", later, "Máy 3", "", 2),
            ]
        },
    )
    yield _record(
        "readings: the clock is unknown, no time is given",
        pen,
        Kind.READINGS,
        encoder.encode([(None, [Reading("SO2", 0.0), Reading("NO", -0.5)])]),
        {"readings": [_reading("SO2", None, 0.0, "mg/Nm3"), _reading("NO", None, -0.5, "mg/Nm3")]},
    )
    yield _record(
        "readings: integers at the edges of their sizes, a whole second",
        pen,
        Kind.READINGS,
        encoder.encode(
            [
                (
                    WALL_MS,
                    [Reading("SO2", 23), Reading("NO", 24), Reading("T", 65_536), Reading("id", -(2**63))],
                )
            ]
        ),
        {
            "readings": [
                _reading("SO2", WALL_MS, 23, "mg/Nm3"),
                _reading("NO", WALL_MS, 24, "mg/Nm3"),
                _reading("T", WALL_MS, 65_536, "Cel"),
                _reading("id", WALL_MS, -(2**63), ""),
            ]
        },
    )
    kept = {
        "at": "2022-07-19 05:26",
        "clock": ["07-19-22 05:31:40", 89_500],
        "device": "gas-1",
        "words": [["flags", "0C100400"], ["o3", "30.781"]],
    }
    yield _record(
        "event: a record that an instrument kept",
        pen,
        Kind.EVENT,
        EventBody("kept", kept).encode(),
        {"body": {"what": "kept", "detail": kept}},
    )
    second = Pen(boot=world.SECOND_BOOT)
    second.ledger.ledger = SECOND_LEDGER
    before = (LEDGER, 10, world.seed("the last hash"))
    body = world.boot_body(BootReason.STORE_RESTORED, last_sign=(WALL_MS, 60_000), before=before)
    yield _record(
        "boot: a new ledger that follows another",
        second,
        Kind.BOOT,
        body.encode(),
        {
            "body": {
                "public": STATION_KEY.public.hex(),
                "reason": 4,
                "last_sign": [WALL_MS, 60_000],
                "before": [LEDGER.hex(), 10, world.seed("the last hash").hex()],
            }
        },
    )


def _receipts_and_heads() -> Iterator[Case]:
    one, two = world.seed("hash 500"), world.seed("hash 720")
    yield _receipt("receipt: through 500 and a range beyond", world.receipt(500, one, ((700, 720, two),)))
    yield _receipt("receipt: nothing yet", world.receipt(0, ZERO_HASH))
    yield _head(
        "head: everything is owed",
        Head(STATION, LEDGER, 720, two, 1, ((1, 720),), WALL_MS, (2, 12)),
    )
    yield _head("head: nothing signed yet", Head(STATION, LEDGER, 0, ZERO_HASH, 0, (), WALL_MS, (1, 16_000)))


def _receipt(name: str, receipt: Receipt) -> Case:
    means: Case = {
        "station": STATION,
        "ledger": LEDGER.hex(),
        "through": receipt.through,
        "through_hash": receipt.through_hash.hex(),
        "ranges": [[first, last, last_hash.hex()] for first, last, last_hash in receipt.ranges],
        "store_id": receipt.store_id.hex(),
        "number": receipt.number,
        "wall_ms": receipt.wall_ms,
        "status": receipt.status,
    }
    return _case(name, "receipt", world.RECEIPTS.seal(receipt.encode()), means)


def _head(name: str, head: Head) -> Case:
    means: Case = {
        "station": STATION,
        "ledger": LEDGER.hex(),
        "newest": head.newest,
        "newest_hash": head.newest_hash.hex(),
        "lowest_held": head.lowest_held,
        "owed": [list(span) for span in head.owed],
        "wall_ms": head.wall_ms,
        "clock": list(head.clock),
    }
    return _case(name, "head", world.HEADS.seal(head.encode()), means)
