"""The world of the vectors: fixed keys, one station, and a pen that writes its ledger."""

import hashlib
from dataclasses import dataclass, field

from telemetry import cbor
from telemetry.bodies import BootBody, BootReason, ConfigurationBody, named
from telemetry.envelope import HEAD, RECEIPT, RECORD, Sealer
from telemetry.head import Head
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger
from telemetry.pack import PackEncoder
from telemetry.reading import Reading
from telemetry.receipt import Receipt
from telemetry.record import Boot, ClockState, Kind, Moment


def seed(name: str) -> bytes:
    """32 bytes that everybody can make again: SHA-256 of a name."""
    return hashlib.sha256(f"tram test vector: {name}".encode()).digest()


STATION = "BD_VSIP_NUO001"
STATION_KEY = SigningKey.from_seed(seed("station key"))
CENTRE_KEY = SigningKey.from_seed(seed("centre key"))
STRANGER_KEY = SigningKey.from_seed(seed("stranger key"))
LEDGER = seed("ledger")[:16]
SECOND_LEDGER = seed("second ledger")[:16]
STORE_ID = seed("store")[:16]
FIRST_BOOT = Boot(1, seed("boot 1")[:8])
SECOND_BOOT = Boot(2, seed("boot 2")[:8])

WALL_MS = 1_763_800_000_000  # 2025-11-22T08:26:40Z
MONO_MS = 60_000

RECORDS = Sealer(STATION_KEY, RECORD)
HEADS = Sealer(STATION_KEY, HEAD)
RECEIPTS = Sealer(CENTRE_KEY, RECEIPT)

CHANNELS = (("pH", "pH"), ("COD", "mg/L"), ("TSS", "mg/L"), ("state", ""))
PACK = PackEncoder(STATION, "water", CHANNELS)
CONFIGURATION = named(
    [
        ConfigurationBody(bytes(8), None, 1, 1, {"name": "Trạm VSIP", "timezone": "Asia/Ho_Chi_Minh"}),
        ConfigurationBody(
            bytes(8),
            "water",
            1,
            1,
            {
                "every_ms": 5000,
                "driver": "modbus",
                "url": "tcp://10.0.0.5:502",
                "channels": [
                    ["pH", "holding", 0, "float32", "ABCD", 1, 0, "pH", [0, 14]],
                    ["COD", "holding", 2, "float32", "ABCD", 1, 0, "mg/L", [0, 1000]],
                    ["TSS", "holding", 4, "float32", "ABCD", 1, 0, "mg/L", [0, 500]],
                    ["state", "holding", 6, "uint16", "ABCD", 1, 0, "", None],
                ],
            },
        ),
    ]
)
HASH8 = CONFIGURATION[0].hash8


def boot_body(reason: BootReason = BootReason.ENROLMENT, **more: object) -> BootBody:
    """The boot body of the station; `more` replaces fields."""
    said: dict[str, object] = {"last_sign": None, "before": None, "software": "tram 0.1.0", **more}
    return BootBody(STATION_KEY.public, reason, **said)  # type: ignore[arg-type]


def pack(wall_ms: int | None, ph: float = 7.25) -> bytes:
    """One cycle of the device `water`."""
    return PACK.encode([(wall_ms, [Reading("pH", ph), Reading("COD", 41.5), Reading("TSS", 12.0)])])


@dataclass
class Pen:
    """Writes records of one ledger, 5 s apart on both clocks unless told otherwise."""

    ledger: Ledger = field(default_factory=lambda: Ledger(STATION, LEDGER))
    boot: Boot = FIRST_BOOT
    wall_ms: int = WALL_MS
    mono_ms: int = MONO_MS
    sealer: Sealer = RECORDS
    configuration: bytes = HASH8

    def write(self, kind: int, body: bytes, *, after_ms: int = 5_000, step_ms: int = 0) -> bytes:
        """The next record's envelope; `step_ms` is by how much the wall clock jumps besides."""
        self.wall_ms += after_ms + step_ms
        self.mono_ms += after_ms
        moment = Moment(self.wall_ms, self.mono_ms, ClockState.SYNCHRONISED, 12)
        return self.ledger.seal(kind, body, moment, self.boot, self.configuration, self.sealer).envelope

    def start(self, body: BootBody | None = None) -> list[bytes]:
        """The boot record and the configuration."""
        booted = self.write(Kind.BOOT, (body or boot_body()).encode())
        return [
            booted,
            *(self.write(Kind.CONFIGURATION, part.encode(), after_ms=1) for part in CONFIGURATION),
        ]

    def readings(self, ph: float = 7.25, *, after_ms: int = 5_000, step_ms: int = 0) -> bytes:
        """One cycle of the device `water`; its block arrived 130 ms before the cycle ended."""
        arrived_ms = self.wall_ms + after_ms + step_ms - 130
        return self.write(Kind.READINGS, pack(arrived_ms, ph), after_ms=after_ms, step_ms=step_ms)

    def head(self, newest: bytes, owed: tuple[tuple[int, int], ...] = (), seq: int | None = None) -> bytes:
        """A signed head that names `newest` as the newest envelope."""
        number = self.ledger.next_seq - 1 if seq is None else seq
        digest = hashlib.sha256(newest).digest()
        head = Head(self.ledger.station, self.ledger.ledger, number, digest, 1, owed, self.wall_ms, (2, 12))
        return HEADS.seal(head.encode())


def receipt(through: int, through_hash: bytes, ranges: tuple[tuple[int, int, bytes], ...] = ()) -> Receipt:
    """What the centre of the vectors receipts."""
    return Receipt(STATION, LEDGER, through, through_hash, ranges, STORE_ID, 7, WALL_MS + 90_000, 0)


def cose(
    payload: bytes,
    *,
    key: SigningKey = STATION_KEY,
    typ: str = RECORD,
    protected: bytes | None = None,
    protected_as_carried: bytes | None = None,
    unprotected: bytes = b"\xa0",
    tag: bytes = b"\xd2",
    after: bytes = b"",
) -> bytes:
    """A COSE_Sign1 put together by hand, correctly signed over whatever odd parts it is given."""
    header = cbor.encode({1: -19, 4: key.kid, 16: typ}) if protected is None else protected
    carried = cbor.encode_bytes(header)
    signature = key.sign(b"\x84\x6aSignature1" + carried + b"\x40" + cbor.encode_bytes(payload))
    shown = carried if protected_as_carried is None else protected_as_carried
    return (
        tag
        + b"\x84"
        + shown
        + unprotected
        + cbor.encode_bytes(payload)
        + cbor.encode_bytes(signature)
        + after
    )
