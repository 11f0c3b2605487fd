"""The writing side of a ledger: each record gets the next seq and the hash of the one before."""

from dataclasses import dataclass
from typing import NamedTuple

from telemetry.envelope import Sealer, hash_of
from telemetry.record import ZERO_HASH, Boot, Moment, encode_record


class Sealed(NamedTuple):
    """A signed record as it is kept and sent; `hash` is SHA-256 of `envelope`."""

    seq: int
    kind: int
    envelope: bytes
    hash: bytes


@dataclass(slots=True)
class Ledger:
    """The head of one ledger, kept ahead of the store: `next_seq` is signed next and names `prev`."""

    station: str
    ledger: bytes
    next_seq: int = 1
    prev: bytes = ZERO_HASH

    def seal(  # noqa: PLR0917  (the fields of a record, in its order)
        self, kind: int, body: bytes, moment: Moment, boot: Boot, configuration: bytes, sealer: Sealer
    ) -> Sealed:
        """Sign `body` (CBOR) as the next record and move on. ValueError, unmoved, if it is too large."""
        seq = self.next_seq
        envelope = sealer.seal(
            encode_record(self.station, self.ledger, seq, self.prev, kind, boot, moment, configuration, body)
        )
        self.prev = hash_of(envelope)
        self.next_seq = seq + 1
        return Sealed(seq, kind, envelope, self.prev)
