"""The receipt: what the centre has of one ledger, signed by the centre (docs/wire.md)."""

from dataclasses import dataclass
from enum import IntEnum

from telemetry import cbor, fields
from telemetry.fields import RecordError
from telemetry.record import VERSION, ZERO_HASH

MAX_RANGES = 64


class ReceiptStatus(IntEnum):
    """What the centre thinks of the ledger."""

    OK = 0
    HOLE = 1
    FORK = 2
    RE_ENROL = 3


@dataclass(frozen=True, slots=True)
class Receipt:
    """`through` 0 with a hash of zeros: nothing yet. `ranges`: (first, last, hash of last), beyond `through`.

    `number` only grows within one `store_id`; `wall_ms` is the centre's clock.
    """

    station: str
    ledger: bytes
    through: int
    through_hash: bytes
    ranges: tuple[tuple[int, int, bytes], ...]
    store_id: bytes
    number: int
    wall_ms: int
    status: ReceiptStatus | int

    def encode(self) -> bytes:
        """The payload to be signed. ValueError for more than 64 ranges."""
        if len(self.ranges) > MAX_RANGES:
            raise ValueError(f"{len(self.ranges)} ranges, at most {MAX_RANGES} fit")
        return cbor.encode(
            {
                1: VERSION,
                2: self.station,
                3: self.ledger,
                4: self.through,
                5: self.through_hash,
                6: self.ranges,
                7: self.store_id,
                8: self.number,
                9: self.wall_ms,
                10: int(self.status),
            }
        )


_FIELDS = frozenset(range(1, 11))


def decode_receipt(payload: bytes) -> Receipt:
    """The receipt in a verified payload. RecordError on any deviation."""
    said = fields.payload(payload, "the receipt", _FIELDS, VERSION)
    through = fields.uint(said[4], "through (4)")
    through_hash = fields.octets(said[5], 32, "hash (5)")
    if (through == 0) != (through_hash == ZERO_HASH):
        raise RecordError("through (4) is 0 exactly when its hash (5) is zeros")
    return Receipt(
        station=fields.identifier(said[2], "station (2)"),
        ledger=fields.octets(said[3], 16, "ledger (3)"),
        through=through,
        through_hash=through_hash,
        ranges=_ranges(said[6], through),
        store_id=fields.octets(said[7], 16, "store id (7)"),
        number=fields.uint(said[8], "number (8)"),
        wall_ms=fields.uint(said[9], "wall (9)"),
        status=fields.known(ReceiptStatus, said[10], "status (10)"),
    )


def _ranges(value: object, through: int) -> tuple[tuple[int, int, bytes], ...]:
    items = [fields.array(item, "range (6)", 3) for item in fields.array(value, "ranges (6)")]
    spans = fields.spans([item[:2] for item in items], "ranges (6)", MAX_RANGES)
    if spans and spans[0][0] <= through:
        raise RecordError(f"ranges (6) begin at {spans[0][0]}, not beyond through (4), {through}")
    hashes = [fields.octets(item[2], 32, "hash of a range (6)") for item in items]
    return tuple((first, last, last_hash) for (first, last), last_hash in zip(spans, hashes, strict=True))
