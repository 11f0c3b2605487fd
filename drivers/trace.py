"""What went over a line, byte for byte and question for question, for a person who looks for a fault."""

from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.errors import DriverError
from drivers.exchange import Answer, Exchange
from drivers.tap import Passed

MOST_BYTES = 4096
"""Of what is heard without a question between: as much as a bus looks at. A line that talks without end fills more."""


class Bytes(NamedTuple):
    """What went over the line without a change of direction. `more`: so many bytes behind `data` were let go."""

    sent: bool
    data: bytes
    more: int = 0


@dataclass(slots=True)
class Trace:
    """What passed since it joined a line's tap (drivers.tap), in order. Itself a watcher."""

    passed: list[Bytes] = field(default_factory=list)

    def __call__(self, passed: Passed) -> None:
        """Takes note; what comes in several pieces is one."""
        if not passed.octets:
            return
        sent = passed.kind == "sent"
        before = Bytes(sent, b"")
        if not sent and self.passed and not self.passed[-1].sent:
            before = self.passed.pop()
        kept = passed.octets[: MOST_BYTES - len(before.data)]
        more = before.more + len(passed.octets) - len(kept)
        self.passed.append(Bytes(sent, before.data + kept, more))

    @property
    def last_heard(self) -> bytes:
        """What came behind the last question; empty: nothing."""
        return self.passed[-1].data if self.passed and not self.passed[-1].sent else b""


class Asked(NamedTuple):
    """One question to a Modbus device, and its answer's PDU or why there is none."""

    request: bytes
    answer: bytes | None
    error: DriverError | None = None


class TracedExchange:
    """An Exchange that remembers what was asked."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.asked: list[Asked] = []

    async def __call__(self, unit: int, pdu: bytes) -> Answer:
        """See Exchange."""
        try:
            answer = await self._exchange(unit, pdu)
        except DriverError as error:
            self.asked.append(Asked(pdu, None, error))
            raise
        self.asked.append(Asked(pdu, answer.pdu))
        return answer
