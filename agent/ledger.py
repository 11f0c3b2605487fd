"""The station's ledger at run time: which one goes on, its boot and configuration records, its orderly end.

Recorder and keeper work here together: what is signed is put to the keeper with the ledger's head after it.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from agent import sidecar, start
from agent.clock import Clock
from agent.configuration import Configuration
from agent.entomb import entomb
from agent.flag import ClockTrust
from agent.keep import Keeper, Report
from agent.opening import quarantine_name
from agent.sidecar import Sidecar
from agent.sign import Recorder
from agent.version import BUILT_WALL_MS, SOFTWARE
from buffer.errors import StoreError
from buffer.store import Entry, Store, Tail
from telemetry.bodies import BootBody, BootReason
from telemetry.envelope import RECORD, Sealer
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger
from telemetry.loss import TombstoneBody
from telemetry.ranges import normal
from telemetry.record import ZERO_HASH, Boot

NOTE_CONFIGURATION, NOTE_SOUND = "configuration", "sound wall"
KID_BYTES = 8
UPKEEP_S = 600.0
ROOM_PERCENT = 5
"""Of the quota, made at once when it is used up: every write that deletes is a write."""

_HELD = (
    "another program reads the ledger's file and does not end its transaction, so the log beside it has grown to"
    " {:.0f} MB: close that program"
)


class StationLedger:
    """Opened once per run; `committed` is called with every batch that became durable, and its ledger id."""

    _held: str | None = None
    _carried: Mapping[str, bytes] = MappingProxyType({})

    def __init__(
        self,
        station: str,
        key: SigningKey,
        beside: Path,
        store: Store,
        *,
        linger_ms: int,
        clock: Clock,
        rng: random.Random,
        committed: Callable[[Sequence[Entry], bytes], None],
        report: Report,
        aside: start.Told | None = None,
        renewed: Callable[[], None] = lambda: None,
    ) -> None:
        """aside: what a damaged file tells that was set aside before. renewed: called when that happens now."""
        self.store, self.entombed = store, 0
        self._committed = committed
        self.keeper = Keeper(
            store,
            linger_ms=linger_ms,
            clock=clock,
            committed=self._written,
            report=report,
            make_room=self.make_room,
            renew=self.renew,
        )
        store.damaged = self.keeper.damaged
        self._renewed = renewed
        self._station = station
        self._key = key
        self._beside = beside
        self._clock = clock
        self._rng = rng
        self._report = report
        self._configuration = Configuration(bytes(8), ())
        self._signer = key.kid + station.encode()
        store.reading_back = aside is not None
        stored = start.told(store.tail, store.notes)
        self._start = start.how_to_start(stored, sidecar.load(beside), signer=self._signer, aside=aside)
        self.boots = self._start.boots
        self.recorder = Recorder(
            ledger=self._new_ledger() if self._start.new_ledger else self._go_on(),
            boot=Boot(self.boots, clock.boot_id()),
            sealer=Sealer(key, RECORD),
            clock=clock,
            trust=ClockTrust(BUILT_WALL_MS),
            keep=self._keep,
            accepting=self.keeper.accepting,
        )

    async def boot(self, configuration: Configuration) -> None:
        """Sign how this run begins and, where the ledger does not have it yet, the configuration."""
        self._say_signer(self.store.notes.get(start.NOTE_SIGNER, self._signer))
        self._note_run()
        self.recorder.configuration = configuration.hash8
        newest = await self._newest()
        last_sign = (newest.wall_ms, newest.mono_ms) if newest else None
        if newest and newest.wall_ms >= BUILT_WALL_MS and NOTE_SOUND not in self.store.notes:
            self._note_sound(newest.wall_ms)
        if self._start.new_ledger:
            self._note_begun_from(self._start.before)
        self._say_boot(self._start.reason, last_sign, self._start.before)
        self.configure(configuration, anew=self._start.new_ledger)

    def _say_signer(self, before: bytes) -> None:
        """Who signed the ledger before, when that was another key or another station id."""
        station, owed = before[KID_BYTES:].decode(), max(map(self._owed, self.store.destinations), default=0)
        if station != self._station and owed:
            why = (
                f"they name station {station}, and no centre takes them from {self._station}:"
                f" go back to the id {station} until they are delivered, or hand them over with `tram export`"
            )
            self._report("ledger.other-station", {"owed": owed, "why": why, "alarm": True})
        elif before != self._signer:
            why = "this station has another key now: enrol it at the centre with --replace"
            self._report("ledger.other-key", {"owed": owed, "why": why})

    def _owed(self, destination: str) -> int:
        return sum(owed.last - owed.first + 1 for owed in self.store.owed(destination))

    async def _newest(self) -> Entry | None:
        """None also when it cannot be read: a run begins all the same, and the keeper sets a damaged file aside."""
        try:
            return await self.store.newest()
        except StoreError as error:
            self._report("store.failing", {"error": str(error), "waiting": self.keeper.waiting})
            return None

    def _note_run(self) -> None:
        boots = self.boots.to_bytes(8)
        self.keeper.note(
            {start.NOTE_BOOTS: boots, start.NOTE_CLEAN: b"\x00", start.NOTE_SIGNER: self._signer}
        )

    def configure(self, configuration: Configuration, *, anew: bool = False) -> None:
        """From now on this configuration is in force."""
        self._configuration = configuration
        written = self.store.notes.get(NOTE_CONFIGURATION)
        self.recorder.configuration = configuration.hash8
        if anew or written != configuration.hash8:
            self.recorder.configured(configuration.hash8, configuration.bodies)
            self.keeper.note({NOTE_CONFIGURATION: configuration.hash8})

    def begin_anew(self, reason: BootReason = BootReason.STORE_RESTORED) -> None:
        """The store turned out to be an old copy, or damaged: a new ledger that names this one."""
        old = self.recorder.ledger
        before = (old.ledger, old.next_seq - 1, old.prev)
        self.recorder.ledger = self._new_ledger()
        self._say_boot(reason, None, before)
        self._note_begun_from(before)  # behind the boot record: not durable in the old ledger
        self.configure(self._configuration, anew=True)

    async def renew(self) -> None:
        """The store's file is damaged: it is set aside, and a new ledger begins in a new one."""
        # Of the file that goes; a second try, after there was no room for a new one, finds nothing there any more.
        sound = {name: note for name, note in self.store.notes.items() if name == NOTE_SOUND}
        self._carried = {**self._carried, **sound}
        self.keeper.ended(*self.store.ends)
        folder = await self.store.renew(quarantine_name(self._clock.wall_ms()))
        self.store.reading_back = True
        self._report("store.quarantined", {"folder": str(folder), "alarm": True})
        self.begin_anew(BootReason.QUARANTINE)
        self._note_run()
        self.keeper.note(self._carried)
        self._renewed()

    async def make_room(self) -> bool:
        """The quota is used up by what nobody has received: the oldest hours go into tombstones."""
        ledger = self.recorder.ledger.ledger
        if self.store.tail is None or self.store.tail.ledger != ledger:
            return False
        going = normal(self.keeper.going(ledger))
        room_bytes = max(self.store.quota_bytes * ROOM_PERCENT // 100, 2 * self.keeper.waiting_bytes)
        gone = await entomb(
            self.store,
            ledger,
            room_bytes=room_bytes,
            spared=going,
            sign=self._entomb,
            is_written=lambda: self.recorder.ledger.ledger == ledger,
        )
        self.entombed += gone
        if gone:
            why = "the quota is used up by records that no centre has confirmed"
            self._report("store.entombed", {"records": gone, "why": why, "alarm": True})
        return gone > 0

    def _entomb(self, body: TombstoneBody) -> None:
        self.recorder.tombstone(body)
        self.keeper.drop(body.ranges)

    def _written(self, batch: Sequence[Entry], ledger: bytes) -> None:
        if batch[0].seq == 1:
            self.save_beside()  # else a damaged file could make the station forget this ledger for ten minutes
        self._committed(batch, ledger)
        self.recorder.explain_unsigned()

    async def upkeep(self) -> None:
        """For ever: every ten minutes the file beside the key, and the store's retention."""
        while True:
            await self.keeper.flush()
            self.save_beside()
            await self._prune()
            await asyncio.sleep(UPKEEP_S)

    async def _prune(self) -> None:
        try:
            pruned = await self.store.prune(self._sound_wall_ms())
        except StoreError as error:
            self._report("store.unpruned", {"error": str(error), "alarm": True})
        else:
            self._say_held(pruned.held_bytes)

    def _say_held(self, log_bytes: int) -> None:
        """Nothing bounds the log while another program stays in its transaction; only a person can end that one."""
        self._held = _HELD.format(log_bytes / 1e6) if log_bytes else None
        if self._held:
            self._report("store.held", {"error": self._held, "alarm": True})

    @property
    def trouble(self) -> str | None:
        """What is wrong with the store, for the technician; None: nothing."""
        return self.keeper.trouble or self._held

    def _sound_wall_ms(self) -> int:
        """What retention may call now. Without a sound clock nothing becomes older; the quota counts all the same."""
        noted = self.store.notes.get(NOTE_SOUND)
        last_ms = int.from_bytes(noted) if noted else None
        now_ms = self.recorder.sound_wall_ms(last_ms)
        if now_ms is None:
            return last_ms or 0
        self._note_sound(now_ms)
        return now_ms

    def _note_sound(self, wall_ms: int) -> None:
        # Kept over restarts: the newest record of a run with a wrong clock must not vouch for the next run.
        self.keeper.note({NOTE_SOUND: wall_ms.to_bytes(8)})

    async def close(self, *, flush_s: float) -> None:
        """Everything signed becomes durable, with the note that this run stopped in order."""
        self.recorder.explain_unsigned(at_the_end=True)
        self.keeper.note({start.NOTE_CLEAN: b"\x01"})
        self.recorder.event("stop", {})
        try:
            async with asyncio.timeout(flush_s):
                await self.keeper.flush()
        except TimeoutError:
            self._report("store.unflushed", {"waiting": self.keeper.waiting, "alarm": True})

    def save_beside(self) -> None:
        """The file beside the key says what the store durably has. Where it cannot be written, polling goes on."""
        tail = self.store.tail
        if tail is None:
            return
        try:
            sidecar.save(self._beside, Sidecar(tail.ledger, self.boots, tail.next_seq - 1, tail.prev))
        except OSError as error:
            why = f"{error.strerror}: its folder must be writable for the agent's user; polling goes on"
            self._report("ledger.unprotected", {"file": str(self._beside), "why": why, "alarm": True})

    def _say_boot(
        self, reason: BootReason, last_sign: tuple[int, int] | None, before: start.LedgerEnd | None
    ) -> None:
        self.recorder.booted(BootBody(self._key.public, reason, last_sign, before, SOFTWARE))
        restored = reason in (BootReason.STORE_RESTORED, BootReason.STORE_LOST)
        fields = {"reason": reason.name, "ledger": self.recorder.ledger.ledger.hex(), "boot": self.boots}
        self._report("ledger.restored" if restored else "ledger.open", fields)

    def _note_begun_from(self, before: start.LedgerEnd | None) -> None:
        self.keeper.note({start.NOTE_BEGUN_FROM: before[0] if before else b""})
        if before and before[2] != ZERO_HASH:
            self.keeper.ended(Tail(before[0], before[1] + 1, before[2]))

    def _new_ledger(self) -> Ledger:
        return Ledger(self._station, self._rng.randbytes(16), 1, ZERO_HASH)

    def _go_on(self) -> Ledger:
        tail = self.store.tail
        assert tail is not None, "how_to_start goes on only with a ledger that is there"
        return Ledger(self._station, tail.ledger, tail.next_seq, tail.prev)

    def _keep(self, entry: Entry) -> None:
        ledger = self.recorder.ledger
        self.keeper.put(entry, Tail(ledger.ledger, ledger.next_seq, ledger.prev))
