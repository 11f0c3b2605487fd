"""One wire: the face behind it, the faults on it, and the account of what went over it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from sim import moment
from sim.face import Answer, Face
from sim.faults import Reply
from sim.instrument import Instrument
from sim.moment import Moment, Now
from sim.script import Script
from sim.served import Served, ServedLog
from sim.talk import TalkFace


class Due(NamedTuple):
    """A reply that has to be put on the wire `reply.after_s` from now; `Wire.landed` says when it was."""

    reply: Reply
    answer: Answer
    unit: int
    asked: Moment
    told: bool = False


@dataclass(slots=True)
class Wire:
    """What a host needs: requests in, replies due out. `name` tells the wires apart in the log."""

    name: str
    face: Face | TalkFace
    script: Script = field(default_factory=Script)
    served: ServedLog = field(default_factory=ServedLog)
    now: Now = moment.real

    def ask(self, unit: int, pdu: bytes, *, baudrate: int | None = None) -> Due | None:
        """The reply to a request of `unit`. None: nothing will ever be heard.

        `baudrate`: the speed of the question, where the wire has one.
        """
        asked = self.now()
        hearer = self.face.instruments.get(unit)
        if isinstance(hearer, Instrument) and not hearer.hears(baudrate):
            return None
        answer = self.face.answer(unit, pdu, asked)
        if answer is None:
            return None
        reply = self.script.bend(Reply(unit, answer.pdu))
        if reply.reboot_s is not None and unit in self.face.instruments:
            self.face.instruments[unit].reboot(asked, reply.reboot_s)
        due = Due(reply, answer, unit, asked, told=isinstance(self.face, TalkFace) and not pdu)
        if reply.pdu is None and not reply.noise and not reply.close:
            self._account(due, sent=False)
            return None
        return due

    def landed(self, due: Due) -> None:
        """The host puts it on the wire now; call it just before."""
        self._account(due, sent=due.reply.pdu is not None)

    def _account(self, due: Due, *, sent: bool) -> None:
        answer = due.answer
        instrument = self.face.instruments.get(due.unit)
        self.served.add(
            Served(
                number=0,
                asked_mono_ms=due.asked.mono_ms,
                mono_ms=self.now().mono_ms,
                wire=self.name,
                device=instrument.name if instrument else "",
                unit=due.unit,
                function=answer.function,
                address=answer.address,
                exception=answer.exception,
                words=answer.words,
                values=answer.values,
                faults=due.reply.faults,
                sent=sent,
                told=due.told,
            )
        )
