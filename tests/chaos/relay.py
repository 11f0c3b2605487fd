"""A man in the middle: what stations send under one root he passes on under another, twice, late and out of order.

station ──up/1/ID/live,past──▶ Relay ──tram/1/ID/live,past──▶ centre      1 to 3 copies, each after its own delay
station ◀──up/1/ID/receipt──── Relay ◀──tram/1/ID/receipt──── centre      as they are; so are heads
"""

import asyncio
from random import Random
from typing import Final

from mqtt.session import Message
from telemetry import cbor
from tests.chaos.bystander import Bystander

STATIONS: Final = "up/1"
CENTRE: Final = "tram/1"
LONGEST_S: Final = 1.5


class Relay(Bystander):
    """`copies`: envelopes that the broker took for the centre beyond one of each."""

    def __init__(self, url: str, rng: Random) -> None:
        topics = (*(f"{STATIONS}/+/{topic}" for topic in ("live", "past", "head/+")), f"{CENTRE}/+/receipt/+")
        super().__init__(url, *topics, name="relay")
        self.copies = 0
        self._rng = rng
        self._passed: list[tuple[str, bytes]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def hear(self, message: Message) -> None:
        """Pass it on; what is from the centre, and heads, at once."""
        await super().hear(message)
        if message.topic.startswith(f"{CENTRE}/"):
            self._start(message.topic.replace(CENTRE, STATIONS, 1), message.payload, 0.0, retain=True)
        elif message.topic.startswith(f"{STATIONS}/"):
            topic = message.topic.replace(STATIONS, CENTRE, 1)
            if "/head/" in topic:
                self._start(topic, message.payload, 0.0, retain=True)
                return
            self._passed.append((topic, message.payload))
            for copy in range(self._rng.randint(1, 3)):
                self._start(topic, message.payload, self._rng.uniform(0, LONGEST_S), again=copy > 0)

    def replay(self) -> int:
        """Everything once more, shuffled; gives how many messages that are."""
        everything = self._passed[:]
        self._rng.shuffle(everything)
        for topic, payload in everything:
            self.say(topic, payload)
            self.copies += _envelopes(payload)
        return len(everything)

    async def leave(self) -> None:
        """What is still held back stays here."""
        for task in self._under_way:
            task.cancel()
        await asyncio.wait([*self._under_way, asyncio.create_task(asyncio.sleep(0))])

    def _start(
        self, topic: str, payload: bytes, delay_s: float, *, retain: bool = False, again: bool = False
    ) -> None:
        task = asyncio.create_task(self._pass_on(topic, payload, delay_s, retain=retain, again=again))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _pass_on(
        self, topic: str, payload: bytes, delay_s: float, *, retain: bool, again: bool
    ) -> None:
        await asyncio.sleep(delay_s)
        await self.session.publish(topic, payload, retain=retain)
        if again:
            self.copies += _envelopes(payload)


def _envelopes(payload: bytes) -> int:
    return sum(1 for _ in cbor.sequence(payload))
