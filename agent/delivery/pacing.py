"""How fast and in what portions a destination is served. Pure: time comes as numbers, chance as an argument.

Sources: design section 4 (live first; back-off), measured in reference/reliability B.
"""

from random import Random

KIB = 1024

SLOW_PUBACK_MS = 500
FIRST_BATCH_BYTES = 8 * KIB
SMALLEST_BATCH_BYTES = 1 * KIB
LARGEST_BATCH_BYTES = 128 * KIB
CEILING_HOLDS_MS = 10 * 60_000

UNRECEIPTED_RECORDS = 2_000
PAST_UNRECEIPTED_RECORDS = 1_500
"""Of the 2,000, `past` leaves a quarter: a centre that lags behind a backlog must not stop the fresh records."""

SILENCE_FIRST_MS = 3 * 60_000
SILENCE_LONGEST_MS = 30 * 60_000


class BatchSize:
    """Bytes per message. Doubles on a quick PUBACK, halves on a slow one, and remembers what a broker threw out.

    `ceiling` comes from a disconnect right after a publish: a limit that the broker did not announce. It holds for
    ten minutes and then doubles, because a cut line looks the same.
    """

    def __init__(self) -> None:
        self.bytes = FIRST_BATCH_BYTES
        self.limit = LARGEST_BATCH_BYTES
        self._ceiling = LARGEST_BATCH_BYTES
        self._ceiling_until_ms = 0

    def connected(self, maximum_packet_bytes: int | None) -> None:
        """A new connection starts small. `maximum_packet_bytes` None: the broker announced no limit."""
        half = LARGEST_BATCH_BYTES if maximum_packet_bytes is None else maximum_packet_bytes // 2
        self.limit = min(LARGEST_BATCH_BYTES, half)
        self.bytes = min(FIRST_BATCH_BYTES, self.largest)

    @property
    def largest(self) -> int:
        """What one message may have at most, whatever its kind."""
        return min(self.limit, self._ceiling)

    def acknowledged(self, batch_bytes: int, took_ms: int, now_ms: int) -> None:
        """A PUBACK came after `took_ms`. Only a batch that filled half of its size says that more would pass."""
        if now_ms >= self._ceiling_until_ms and self._ceiling < LARGEST_BATCH_BYTES:
            self._ceiling *= 2
            self._ceiling_until_ms = now_ms + CEILING_HOLDS_MS
        if took_ms >= SLOW_PUBACK_MS:
            self.bytes = max(self.bytes // 2, SMALLEST_BATCH_BYTES)
        elif 2 * batch_bytes >= self.bytes:
            self.bytes = min(2 * self.bytes, self.largest)

    def thrown_out(self, batch_bytes: int, now_ms: int) -> None:
        """A batch of this size was refused as too large, or the connection went right after it was sent."""
        self._ceiling = max(min(batch_bytes, self._ceiling) // 2, SMALLEST_BATCH_BYTES)
        self._ceiling_until_ms = now_ms + CEILING_HOLDS_MS
        self.bytes = min(self.bytes, self._ceiling)


class RateLimit:
    """At most `per_s` records a second, paid afterwards: a batch goes at once and the next one waits for it."""

    def __init__(self, per_s: int) -> None:
        self.per_s = per_s
        self._free_at_ms = 0.0

    def spent(self, records: int, now_ms: int) -> None:
        """`records` were sent at `now_ms`."""
        self._free_at_ms = max(self._free_at_ms, now_ms) + records * 1_000 / self.per_s

    def wait_s(self, now_ms: int) -> float:
        """Seconds until the next batch may go; 0 for now."""
        return max(0.0, (self._free_at_ms - now_ms) / 1_000)


class BackOff:
    """Pauses that grow from `first_s` to `longest_s` by a factor, each between half of it and all of it by chance.

    A fleet that lost its broker must not come back in one instant; nor may one CONNACK from a broker that then
    refuses everything make the pauses short again: only `reset`, called for a receipt, does.
    """

    def __init__(self, rng: Random, *, first_s: float, longest_s: float, grows: float = 2.0) -> None:
        self._rng = rng
        self._grows = grows
        self._first_s = first_s
        self._longest_s = longest_s
        self._pause_s = first_s

    def reset(self) -> None:
        """The way works again."""
        self._pause_s = self._first_s

    def next_s(self) -> float:
        """The pause before the next attempt, s."""
        pause_s = self._pause_s
        self._pause_s = min(self._grows * pause_s, self._longest_s)
        return pause_s * self._rng.uniform(0.5, 1.0)


class Patience:
    """How long a connection may go without a receipt while something is owed: 3 minutes, doubling to 30."""

    def __init__(self) -> None:
        self.limit_ms = SILENCE_FIRST_MS

    def reset(self) -> None:
        """A receipt came."""
        self.limit_ms = SILENCE_FIRST_MS

    def exhausted(self) -> None:
        """A connection was given up for silence; the next one is given longer."""
        self.limit_ms = min(2 * self.limit_ms, SILENCE_LONGEST_MS)


class Stop:
    """When a single record cannot pass the broker: after three disconnects in a row, for ten minutes.

    Batches of one record only are counted; larger ones are halved first. A line that fails at the same record
    three times looks the same, hence the next try.
    """

    STRIKES = 3
    HOLDS_MS = 10 * 60_000

    def __init__(self) -> None:
        self._record: tuple[bytes, int] | None = None
        self._strikes = 0
        self._until_ms = 0

    def stopped(self, now_ms: int) -> bool:
        """Whether nothing but heads may be sent."""
        return now_ms < self._until_ms

    def thrown_out(self, ledger: bytes, seq: int, now_ms: int) -> bool:
        """The connection went right after this record was sent alone. True when that stops the destination."""
        if self._record != (ledger, seq):
            self._record, self._strikes = (ledger, seq), 0
        self._strikes += 1
        if self._strikes < self.STRIKES:
            return False
        self._until_ms = now_ms + self.HOLDS_MS
        return True

    def passed(self) -> None:
        """The broker took a batch of `past`, which goes oldest first: whatever stood in the way does not any more."""
        self._record, self._strikes = None, 0
