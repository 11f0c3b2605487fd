"""The head: what the station has signed, still holds and still owes to one destination (docs/wire.md)."""

from dataclasses import dataclass

from telemetry import cbor, fields, ranges
from telemetry.fields import RecordError
from telemetry.ranges import Range
from telemetry.record import VERSION, ZERO_HASH

MAX_OWED = 64


@dataclass(frozen=True, slots=True)
class Head:
    """`newest` 0 with a hash of zeros: nothing signed yet. `lowest_held` 0: nothing is held any more.

    `owed` are the ranges not yet receipted; `clock` is (ClockState, max error ms).
    """

    station: str
    ledger: bytes
    newest: int
    newest_hash: bytes
    lowest_held: int
    owed: tuple[Range, ...]
    wall_ms: int
    clock: tuple[int, int]

    def encode(self) -> bytes:
        """The payload to be signed. Of more than 64 ranges owed the closest are joined: never less."""
        state, error = self.clock
        return cbor.encode(
            {
                1: VERSION,
                2: self.station,
                3: self.ledger,
                4: self.newest,
                5: self.newest_hash,
                6: self.lowest_held,
                7: ranges.coarse(self.owed, MAX_OWED),
                8: self.wall_ms,
                9: (int(state), error),
            }
        )


_FIELDS = frozenset(range(1, 10))


def decode_head(payload: bytes) -> Head:
    """The head in a verified payload. RecordError on any deviation."""
    said = fields.payload(payload, "the head", _FIELDS, VERSION)
    newest = fields.uint(said[4], "newest (4)")
    newest_hash = fields.octets(said[5], 32, "hash (5)")
    if (newest == 0) != (newest_hash == ZERO_HASH):
        raise RecordError("newest (4) is 0 exactly when its hash (5) is zeros")
    owed = fields.spans(said[7], "owed (7)", MAX_OWED)
    lowest_held = fields.uint(said[6], "lowest held (6)")
    if lowest_held > newest or (owed and owed[-1][1] > newest):
        raise RecordError(f"lowest held (6) or owed (7) is beyond newest (4), {newest}")
    state, error = fields.array(said[9], "clock (9)", 2)
    return Head(
        station=fields.identifier(said[2], "station (2)"),
        ledger=fields.octets(said[3], 16, "ledger (3)"),
        newest=newest,
        newest_hash=newest_hash,
        lowest_held=lowest_held,
        owed=owed,
        wall_ms=fields.uint(said[8], "wall (8)"),
        clock=(fields.uint(state, "clock state (9)"), fields.uint(error, "clock error (9)")),
    )
