"""The bodies that tell of losses: records that had to go undelivered, and what a damaged store gave back.

As in `telemetry.bodies`: frozen values, both directions, RecordError for what is not such a body.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from telemetry import cbor, fields
from telemetry.bodies import GapReason
from telemetry.fields import RecordError
from telemetry.ranges import Ranges


class Summary(NamedTuple):
    """What is left of a channel's dropped readings: `n` valid ones (None when 0), and the others."""

    n: int
    lowest: float | None
    highest: float | None
    mean: float | None
    n_invalid: int


@dataclass(frozen=True, slots=True)
class TombstoneBody:
    """Records of one device that the store had to drop before they were delivered, and what they said in sum.

    `reason` is a GapReason. `digest` is SHA-256 over the dropped envelopes' hashes in order of seq.
    """

    device: str
    ranges: Ranges
    reason: GapReason | int
    channels: Mapping[str, Summary]
    digest: bytes

    def encode(self) -> bytes:
        """The body as CBOR."""
        channels = {channel: tuple(summary) for channel, summary in self.channels.items()}
        return cbor.encode({1: self.device, 2: self.ranges, 3: int(self.reason), 4: channels, 5: self.digest})

    @classmethod
    def decode(cls, body: object) -> "TombstoneBody":
        """From a decoded body."""
        said = fields.table(body, "the tombstone body", frozenset((1, 2, 3, 4, 5)))
        ranges = fields.spans(said[2], "ranges (2)")
        channels = said[4]
        if not ranges or not isinstance(channels, dict):
            raise RecordError("a tombstone names at least one range (2) and has a map of channels (4)")
        return cls(
            device=fields.identifier(said[1], "device (1)"),
            ranges=ranges,
            reason=fields.known(GapReason, said[3], "reason (3)"),
            channels={fields.identifier(c, "channel (4)"): _summary(s) for c, s in channels.items()},
            digest=fields.octets(said[5], 32, "digest (5)"),
        )


def _summary(value: object) -> Summary:
    n, lowest, highest, mean, n_invalid = fields.array(value, "channel summary (4)", 5)
    return Summary(
        fields.uint(n, "n (4)"),
        fields.number_or_none(lowest, "lowest (4)"),
        fields.number_or_none(highest, "highest (4)"),
        fields.number_or_none(mean, "mean (4)"),
        fields.uint(n_invalid, "n_invalid (4)"),
    )


def tombstone_digest(hashes: Sequence[bytes]) -> bytes:
    """Field 5 of a tombstone, from the dropped envelopes' hashes in order of seq."""
    return hashlib.sha256(b"".join(hashes)).digest()


@dataclass(frozen=True, slots=True)
class RecoveryBody:
    """A damaged store was set aside: why, under what name, and how many envelopes were saved out of it.

    `lost`: by ledger, the seqs that were in it and that nobody can read any more. Some of them may be at the centre.
    """

    reason: str
    quarantined: str
    salvaged: int
    lost: tuple[tuple[bytes, Ranges], ...] = ()

    def encode(self) -> bytes:
        """The body as CBOR."""
        lost = {4: self.lost} if self.lost else {}
        return cbor.encode({1: self.reason, 2: self.quarantined, 3: self.salvaged, **lost})

    @classmethod
    def decode(cls, body: object) -> "RecoveryBody":
        """From a decoded body."""
        said = fields.table(body, "the recovery body", frozenset((1, 2, 3)), frozenset((4,)))
        return cls(
            fields.text(said[1], "reason (1)"),
            fields.text(said[2], "quarantined name (2)"),
            fields.uint(said[3], "salvaged count (3)"),
            tuple(_lost_of(ledger) for ledger in fields.array(said[4], "lost (4)")) if 4 in said else (),
        )


def _lost_of(value: object) -> tuple[bytes, Ranges]:
    ledger, ranges = fields.array(value, "lost of a ledger (4)", 2)
    return fields.octets(ledger, 16, "ledger (4)"), fields.spans(ranges, "lost ranges (4)")
