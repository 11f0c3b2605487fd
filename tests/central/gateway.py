"""A station's signing side without an agent: boot, configuration and readings in one ledger, heads on demand."""

import hashlib
from collections.abc import Sequence
from itertools import count

from telemetry.bodies import BootBody, BootReason, ConfigurationBody, configuration_hash, named
from telemetry.envelope import HEAD, RECORD, Sealer
from telemetry.head import Head
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger, Sealed
from telemetry.pack import PackEncoder
from telemetry.reading import Reading
from telemetry.record import Boot, ClockState, Kind, Moment

START_MS = 1_790_000_000_000
EVERY_MS = 5_000
BOOT = Boot(1, b"bootboot")


def key_of(name: str) -> SigningKey:
    """The same key each time for the same name."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


class Gateway:
    """Signs what it is told; `sealed` is everything in order of seq."""

    def __init__(
        self, station: str = "NUO001", *, key: SigningKey | None = None, ledger: bytes = b"L" * 16
    ) -> None:
        self.station = station
        self.key = key or key_of(station)
        self._sealer = Sealer(self.key, RECORD)
        self._heads = Sealer(self.key, HEAD)
        self._ledger = Ledger(station, ledger)
        self._tick = count(1)
        self._pack = PackEncoder(station, "ph", [("pH", "pH"), ("temp", "Cel"), ("state", "")])
        self.now_ms = 0
        self._configuration = bytes(8)
        self.sealed: list[Sealed] = []

    @property
    def ledger(self) -> bytes:
        """The ledger's id."""
        return self._ledger.ledger

    def moment(self) -> Moment:
        """The present by both clocks of the gateway."""
        return Moment(START_MS + self.now_ms, 60_000 + self.now_ms, ClockState.SYNCHRONISED, 5)

    def record(self, kind: int, body: bytes) -> bytes:
        """Sign one record of any kind."""
        made = self._ledger.seal(kind, body, self.moment(), BOOT, self._configuration, self._sealer)
        self.sealed.append(made)
        return made.envelope

    @property
    def end(self) -> tuple[bytes, int, bytes]:
        """How the ledger after this one names it."""
        newest = self.sealed[-1]
        return self.ledger, newest.seq, newest.hash

    def boot(
        self,
        reason: BootReason = BootReason.ENROLMENT,
        *,
        before: tuple[bytes, int, bytes] | None = None,
    ) -> bytes:
        """The first record of a run. `before`: the end of the ledger that this one follows."""
        return self.record(Kind.BOOT, BootBody(self.key.public, reason, None, before, "tram test").encode())

    def configuration(self) -> bytes:
        """Say what the one device measures, every five seconds."""
        content = {"every_ms": EVERY_MS, "driver": "modbus", "url": "tcp://10.0.0.5:502", "channels": []}
        (part,) = named([ConfigurationBody(bytes(8), "ph", 1, 1, content)])
        self._configuration = configuration_hash([part.unnamed()])
        return self.record(Kind.CONFIGURATION, part.encode())

    def poll(self, *, after_ms: int = EVERY_MS, readings: Sequence[Reading] | None = None) -> bytes:
        """One poll cycle, `after_ms` after the one before."""
        self.now_ms += after_ms
        n = next(self._tick)
        said = readings or (Reading("pH", 7.0 + n / 8), Reading("temp", n), Reading("state", None, 8))
        return self.record(Kind.READINGS, self._pack.encode([(START_MS + self.now_ms, said)]))

    def day(self, polls: int) -> list[bytes]:
        """Boot, configuration and `polls` poll cycles: envelopes in order."""
        return [self.boot(), self.configuration(), *(self.poll() for _ in range(polls))]

    def head(self, *, owed: Sequence[tuple[int, int]] = ()) -> bytes:
        """A signed head over everything signed so far."""
        newest = self.sealed[-1]
        said = Head(
            self.station, self.ledger, newest.seq, newest.hash, 1, tuple(owed), self.moment().wall_ms, (2, 5)
        )
        return self._heads.seal(said.encode())
