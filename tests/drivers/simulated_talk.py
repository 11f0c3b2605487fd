r"""A line of characters in memory and in virtual time: the product's bus and wire, and at the far end what a test says.

line = SimulatedLine(lambda request: [(0.05, b"7.85\r\n")])      what comes on each request, and when
line = TalkingLine(TalkFace(talker), faults=("late=1.5@3",))        or the simulators' own instruments
async with line.bus: ...
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from drivers.character_bus import CharacterBus
from drivers.character_wire import CharacterWire
from drivers.errors import Unreachable
from drivers.line import LineSettings
from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.text import Refusal, take_line
from sim.hosts.landing import Landings
from sim.hosts.talk import TalkConversation
from sim.moment import Moment
from sim.script import Script, parse_all
from sim.talk import TalkFace
from sim.wire import Wire

SERIAL = "serial:///dev/ttyUSB0?baudrate=9600"
Answers = Callable[[bytes], Iterable[tuple[float, bytes]]]


class SimulatedLine:
    """`opening` may refuse to open, which takes `connecting_s`; `requests` and `opened_at` are in the loop's seconds.

    `streams`: nobody asks.
    """

    def __init__(
        self, answers: Answers = lambda _: (), url: str = SERIAL, *, streams: bool = False, **settings: Any
    ) -> None:
        settings = {"timeout": "1s", "guard": "1s", "retries": 0, **settings}
        self.settings = LineSettings.model_validate({"url": url, **settings})
        self.answers = answers
        self.opening: list[Unreachable | None] = []
        self.connecting_s = 0.0
        self.opened_at: list[float] = []
        self.requests: list[tuple[float, bytes]] = []
        self.is_open = False
        self._received: Callable[[bytes], None] = lambda _: None
        self._lost: Callable[[Unreachable], None] = lambda _: None
        wire = CharacterWire(self.settings, mono_ms, streams=streams, connect=self.connect)
        self.bus = CharacterBus(self.settings, mono_ms, wire=wire, jitter=lambda: 1.0)

    async def connect(
        self, settings: LineSettings, received: Callable[[bytes], None], lost: Callable[[Unreachable], None]
    ) -> "SimulatedLine":
        self.opened_at.append(now())
        await asyncio.sleep(self.connecting_s)
        refusal = self.opening.pop(0) if self.opening else None
        if refusal is not None:
            raise refusal
        self._received, self._lost, self.is_open = received, lost, True
        return self

    def write(self, data: bytes) -> None:
        """A request goes out."""
        self.requests.append((now(), data))
        for after_s, said in self.answers(data):
            self.say(said, after_s)

    def close(self) -> None:
        """Our side lets go."""
        self.is_open = False

    def say(self, data: bytes, after_s: float = 0.0) -> None:
        """Bytes come, whether anybody asked or not."""
        asyncio.get_running_loop().call_later(after_s, self._arrive, data)

    def hang_up(self) -> None:
        """The cable is pulled."""
        self.is_open = False
        self._lost(Unreachable("line: the adapter is gone"))

    def _arrive(self, data: bytes) -> None:
        if self.is_open:
            self._received(data)


class TalkingLine(SimulatedLine):
    """The far end is a face of the simulators behind a script of faults; `wire.served` tells what was sent."""

    def __init__(
        self, face: TalkFace, url: str = SERIAL, *, faults: Sequence[str] = (), **settings: Any
    ) -> None:
        super().__init__(url=url, streams=face.talker.every_s is not None, **settings)
        names = {speaker.name: unit for unit, speaker in face.instruments.items()}
        self.wire = Wire("line", face, Script(parse_all(faults, names, strict=True)), now=moment)
        self._conversation: TalkConversation | None = None
        self._landings: Landings | None = None

    async def connect(
        self, settings: LineSettings, received: Callable[[bytes], None], lost: Callable[[Unreachable], None]
    ) -> "TalkingLine":
        await super().connect(settings, received, lost)
        self._landings = Landings(self.wire, self._heard, self.hang_up)
        self._conversation = TalkConversation(self.wire, self._landings)
        return self

    def write(self, data: bytes) -> None:
        self.requests.append((now(), data))
        if self._conversation is not None:
            self._conversation.fed(data)

    def close(self) -> None:
        super().close()
        self._stop()

    def hang_up(self) -> None:
        self._stop()
        super().hang_up()

    def _heard(self, data: bytes) -> None:
        self.say(data)

    def _stop(self) -> None:
        if self._conversation is not None and self._landings is not None:
            self._conversation.stop()
            self._landings.stop()


def take(buffer: bytearray) -> str | None:
    """The simplest codec: a line that begins with a digit. Refusal: NO. Malformed: any other line."""
    line = take_line(buffer, b"\r\n")
    if line == b"NO":
        raise Refusal("it says no", line)
    if line is not None and not line[:1].isdigit():
        raise Malformed("no number", line)
    return None if line is None else line.decode("ascii")


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def mono_ms() -> int:
    """CLOCK_BOOTTIME of this world."""
    return round(1000 * now())


def moment() -> Moment:
    """Now, for simulators."""
    return Moment(1_795_000_000.0 + now(), mono_ms())
