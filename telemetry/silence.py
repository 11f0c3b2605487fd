"""Silence is explained, or it is a finding: one ledger read in order of seq (docs/wire.md).

Within one boot a device that is polled says something at least every max(2.5 periods, 150 s): readings, if only
flagged ones, or a gap record afterwards. Between boots the boot record explains, and nothing else does. And the wall
clock never jumps against the monotonic clock by more than 2 s, nor does that one go back, without being noticed.
"""

from typing import Any, NamedTuple

from telemetry import cbor, ranges
from telemetry.bodies import ConfigurationBody, GapBody
from telemetry.content import body_of
from telemetry.fields import RecordError
from telemetry.finding import Finding, FindingKind
from telemetry.pack import device_of
from telemetry.record import Boot, Kind, Record

LONGEST_SILENCE_MS = 150_000
GRACE_MS = 60_000
"""How long after a silence was noticed its gap record may come, besides one period of the device."""
STEP_MS = 2_000
_CONFIGURATIONS_KEPT = 8
_GAPS_KEPT = 256


class _Gap(NamedTuple):
    """Explained: `device` "" is every device."""

    device: str
    from_ms: int
    to_ms: int


class _Suspect(NamedTuple):
    """A silence that a gap record may still explain; the record `seq`, at `to_ms`, ended or showed it."""

    device: str
    from_ms: int
    to_ms: int
    seq: int


class Silence:
    """Feed it every record of one ledger in order of seq, holes left out; it gives findings as it goes."""

    def __init__(self) -> None:
        self._seq = 0
        self._boot = Boot(0, b"")
        self._wall_ms = 0
        self._mono_ms = 0
        self._latest_ms = 0  # of this boot: two records of one moment may be signed in any order
        self._configuration = b""
        self._periods: dict[bytes, dict[str, int]] = {}
        self._heard: dict[str, int] = {}
        self._gaps: list[_Gap] = []
        self._suspects: list[_Suspect] = []
        self._told: set[str] = set()

    def feed(self, record: Record) -> list[Finding]:
        """The next record. Its body may be unreadable; that is another's finding."""
        found: list[Finding] = []
        if record.boot.boot_id == self._boot.boot_id:
            found += self._clock(record)
        if record.kind == Kind.BOOT:
            found += self.close(record.ledger)
            self._begin(record)
        elif record.boot != self._boot:
            found += self._unannounced(record)
        elif self._is_back(record):
            found += self.close(record.ledger)
            self._begin(record)
        elif record.seq != self._seq + 1:
            self._restart_timers(record.moment.mono_ms)
        self._seq = record.seq
        self._wall_ms, self._mono_ms = record.moment.wall_ms, record.moment.mono_ms
        self._latest_ms = max(self._latest_ms, self._mono_ms)
        self._read(record)
        return found + self._overdue(record)

    def close(self, ledger: bytes) -> list[Finding]:
        """The ledger, or this boot of it, ends here: what is still suspected is judged now."""
        for device, heard in self._heard.items():
            if device not in self._told and self._mono_ms - heard > self._limit_ms(device):
                self._suspects.append(_Suspect(device, heard, self._mono_ms, self._seq))
        found = [self._finding(s, ledger) for s in self._suspects if not self._is_explained(s)]
        self._suspects, self._gaps, self._heard = [], [], {}
        self._told.clear()
        return found

    def _begin(self, record: Record) -> None:
        self._boot = record.boot
        self._latest_ms = record.moment.mono_ms
        self._heard = dict.fromkeys(self._periods.get(self._configuration, {}), record.moment.mono_ms)

    def _unannounced(self, record: Record) -> list[Finding]:
        """Another boot begins without its boot record: nothing explains the stop, and the timers go on."""
        is_next = self._seq > 0 and record.seq == self._seq + 1
        passed_ms = self._passed_ms(record)
        quiet_ms = {device: self._mono_ms - heard + passed_ms for device, heard in self._heard.items()}
        seq = self._seq
        found = self.close(record.ledger)
        self._begin(record)
        if not is_next:
            return found
        limits_ms = {device: self._limit_ms(device) for device in quiet_ms}
        is_long = any(quiet > limits_ms[device] for device, quiet in quiet_ms.items())
        if is_long or passed_ms < -STEP_MS or (not quiet_ms and passed_ms > LONGEST_SILENCE_MS):
            said = (
                f"another boot begins after seq {seq}, {passed_ms / 1000:+.0f} s later, without a boot record"
            )
            return [*found, Finding(FindingKind.UNEXPLAINED_GAP, record.ledger, record.seq, said)]
        now_ms = record.moment.mono_ms
        self._heard |= {device: now_ms - max(0, quiet) for device, quiet in quiet_ms.items()}
        return found

    def _passed_ms(self, record: Record) -> int:
        """Since the record before; by the wall clock where the monotonic one began anew."""
        if record.boot.boot_id == self._boot.boot_id:
            return record.moment.mono_ms - self._mono_ms
        return record.moment.wall_ms - self._wall_ms

    def _is_back(self, record: Record) -> bool:
        return self._latest_ms - record.moment.mono_ms > STEP_MS

    def _restart_timers(self, mono_ms: int) -> None:
        """After records that are missing nothing can be said about silence before now."""
        self._heard = dict.fromkeys(self._heard, mono_ms)

    def _clock(self, record: Record) -> list[Finding]:
        if self._is_back(record):
            back_s = (self._latest_ms - record.moment.mono_ms) / 1000
            said = f"the monotonic clock went back by {back_s:.1f} s at seq {record.seq}, within one boot"
            return [Finding(FindingKind.CLOCK_STEP, record.ledger, record.seq, said)]
        moved = record.moment.wall_ms - self._wall_ms
        step_ms = moved - (record.moment.mono_ms - self._mono_ms)
        if abs(step_ms) <= STEP_MS:
            return []
        is_stated = record.kind == Kind.CLOCK_STEP
        why = "as its clock step record says" if is_stated else self._why_unsaid(record.seq)
        said = f"the wall clock jumped by {step_ms / 1000:+.1f} s between seq {self._seq} and {record.seq}, {why}"
        return [Finding(FindingKind.CLOCK_STEP, record.ledger, record.seq, said, is_stated)]

    def _why_unsaid(self, seq: int) -> str:
        missing = seq - self._seq - 1
        return (
            f"and the {missing} records between them are missing" if missing > 0 else "and no record says so"
        )

    def _read(self, record: Record) -> None:
        try:
            if record.kind == Kind.READINGS:
                self._reconfigure(record.configuration, record.moment.mono_ms)
                self._heard_of(device_of(record.body), record)
                return
            body = body_of(record)
        except RecordError:
            return
        if isinstance(body, GapBody):
            self._gaps = [
                *self._gaps[1 - _GAPS_KEPT :],
                _Gap(body.device, body.from_mono_ms, body.to_mono_ms),
            ]
        elif isinstance(body, ConfigurationBody):
            self._learn(body)

    def _learn(self, body: ConfigurationBody) -> None:
        content = body.content
        every_ms = content.get("every_ms") if isinstance(content, dict) else None
        periods = self._periods.setdefault(body.hash8, {})
        if body.device is not None and type(every_ms) is int:
            periods[body.device] = every_ms
        for old in list(self._periods)[:-_CONFIGURATIONS_KEPT]:
            del self._periods[old]

    def _reconfigure(self, configuration: bytes, mono_ms: int) -> None:
        """The first readings under a configuration: its devices are expected from now on, others no more."""
        periods = self._periods.get(configuration)
        if configuration == self._configuration or not periods:
            return
        self._configuration = configuration
        self._heard = {device: self._heard.get(device, mono_ms) for device in periods}

    def _heard_of(self, device: str, record: Record) -> None:
        mono_ms = record.moment.mono_ms
        before = self._heard.get(device, mono_ms)
        if mono_ms - before > self._limit_ms(device) and device not in self._told:
            self._suspects.append(_Suspect(device, before, mono_ms, record.seq))
        self._heard[device] = mono_ms
        self._told.discard(device)

    def _overdue(self, record: Record) -> list[Finding]:
        mono_ms = record.moment.mono_ms
        for device, heard in self._heard.items():
            if device not in self._told and mono_ms - heard > self._limit_ms(device):
                self._told.add(device)
                self._suspects.append(_Suspect(device, heard, mono_ms, record.seq))
        due = [s for s in self._suspects if mono_ms - s.to_ms >= GRACE_MS + self._period_ms(s.device)]
        if not due:
            return []
        self._suspects = [s for s in self._suspects if s not in due]
        unexplained = []
        for suspect in due:
            if not self._is_explained(suspect):
                unexplained.append(self._finding(suspect, record.ledger))
            elif self._heard.get(suspect.device, mono_ms) < suspect.to_ms:
                self._heard[suspect.device] = suspect.to_ms
                self._told.discard(suspect.device)
        return unexplained

    def _period_ms(self, device: str) -> int:
        """0 when the ledger does not say it."""
        return self._periods.get(self._configuration, {}).get(device, 0)

    def _limit_ms(self, device: str) -> int:
        return max(LONGEST_SILENCE_MS, self._period_ms(device) * 5 // 2)

    def _is_explained(self, suspect: _Suspect) -> bool:
        gaps = [(g.from_ms, g.to_ms) for g in self._gaps if g.device in {"", suspect.device}]
        left = ranges.subtract(((suspect.from_ms, suspect.to_ms),), gaps)
        return all(last - first <= self._limit_ms(suspect.device) for first, last in left)

    @staticmethod
    def _finding(suspect: _Suspect, ledger: bytes) -> Finding:
        seconds = (suspect.to_ms - suspect.from_ms) / 1000
        said = f"{suspect.device} was silent for {seconds:.0f} s or more and no record says why"
        return Finding(FindingKind.UNEXPLAINED_GAP, ledger, suspect.seq, said)

    def dump(self) -> bytes:
        """The state as bytes, for the store that holds the records."""
        return cbor.encode(
            [
                *(2, self._seq, self._boot.count, self._boot.boot_id),
                *(self._wall_ms, self._mono_ms, self._latest_ms, self._configuration),
                [[hash8, periods] for hash8, periods in self._periods.items()],
                *(self._heard, self._gaps, self._suspects, sorted(self._told)),
            ]
        )

    @classmethod
    def load(cls, dumped: bytes) -> "Silence":
        """The state that `dump` gave. ValueError when it is not one."""
        said: Any = cbor.decode(dumped)
        if not isinstance(said, list) or len(said) != 13 or said[0] != 2:
            raise RecordError("not a dumped silence of version 2")
        silence = cls()
        silence._seq, silence._boot = said[1], Boot(*said[2:4])
        silence._wall_ms, silence._mono_ms, silence._latest_ms, silence._configuration = said[4:8]
        silence._periods = dict(said[8])
        silence._heard = said[9]
        silence._gaps = [_Gap(*row) for row in said[10]]
        silence._suspects = [_Suspect(*row) for row in said[11]]
        silence._told = set(said[12])
        return silence
