"""What is lost, doubled or wrong in the end, and what a kill may explain."""

from collections import defaultdict
from dataclasses import dataclass, field

from sim.reconcile import Stored, Verdict
from sim.served import Served
from telemetry.record import Kind, Record
from tests.chaos.reckoning import Place, Reckoning, cycle_of
from tests.soak.world import Death


@dataclass(slots=True)
class Account(Reckoning):
    """A reckoning that lets go of answers which a kill took along, and of those whose record says that they failed."""

    deaths: list[Death] = field(default_factory=list)
    taken_along: int = 0
    failed: int = 0

    def _values(self, records: dict[Place, Record], refusable: frozenset[str]) -> Verdict:
        # Named, because a dataclass with slots is another class than the one that super() sees.
        verdict = Reckoning._values(self, records, refusable)
        cycles = [cycle_of(record) for record in records.values() if record.kind == Kind.READINGS]
        by_device: dict[str, list[Stored]] = defaultdict(list)
        for cycle in sorted(cycles, key=lambda cycle: cycle.mono_ms):
            by_device[cycle.device].append(cycle)
        left = [answer for answer in verdict.unsigned if not self._dies(answer)]
        unexplained = [answer for answer in left if not _is_said_to_have_failed(answer, by_device)]
        self.taken_along = len(verdict.unsigned) - len(left)
        self.failed = len(left) - len(unexplained)
        return verdict._replace(unsigned=tuple(unexplained))

    def _dies(self, answer: Served) -> bool:
        return any(death.from_ms <= answer.asked_mono_ms <= death.to_ms for death in self.deaths)


def _is_said_to_have_failed(answer: Served, by_device: dict[str, list[Stored]]) -> bool:
    """The poll's own record has none of its channels: the answer did not get through, and the record says so."""
    own = next((c for c in by_device[answer.device] if c.mono_ms >= answer.asked_mono_ms), None)
    return own is not None and not set(answer.values) & set(own.values)
