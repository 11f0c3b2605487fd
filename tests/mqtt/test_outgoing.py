"""The window: places are given back by PUBACKs and by nothing else."""

import asyncio

import pytest

from mqtt.errors import Lost
from mqtt.outgoing import Outgoing

pytestmark = pytest.mark.pure


async def test_a_third_publish_waits_until_one_of_two_is_acknowledged() -> None:
    outgoing = Outgoing(2)
    for mid in (1, 2):
        await outgoing.place()
        outgoing.sent(mid, 0.0)
    third = asyncio.ensure_future(outgoing.place())
    await asyncio.sleep(0)
    assert not third.done()
    outgoing.acknowledged(1, 0)
    await third


async def test_a_caller_who_gave_up_still_holds_its_place_until_the_puback() -> None:
    outgoing = Outgoing(1)
    await outgoing.place()
    outgoing.sent(7, 0.0).cancel()
    second = asyncio.ensure_future(outgoing.place())
    await asyncio.sleep(0)
    assert not second.done()
    outgoing.acknowledged(7, 0)
    await second


async def test_an_acknowledgement_of_something_never_sent_gives_no_place() -> None:
    outgoing = Outgoing(1)
    await outgoing.place()
    outgoing.sent(1, 0.0)
    outgoing.acknowledged(99, 0)
    outgoing.acknowledged(1, 0x10)
    outgoing.acknowledged(1, 0x10)
    await outgoing.place()
    waiting = asyncio.ensure_future(outgoing.place())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_the_loss_reaches_all_who_were_sent_all_who_wait_and_all_who_come_later() -> None:
    outgoing = Outgoing(1)
    await outgoing.place()
    pending = outgoing.sent(1, 0.0)
    waiting = [asyncio.ensure_future(outgoing.place()) for _ in range(3)]
    await asyncio.sleep(0)
    outgoing.end(Lost("gone", reason_code=0x8E))
    results = await asyncio.gather(pending, *waiting, outgoing.place(), return_exceptions=True)
    assert [str(error) for error in results if isinstance(error, Lost)] == ["gone"] * 5
    assert len({id(error) for error in results}) == 5


async def test_the_oldest_publish_is_the_one_sent_first() -> None:
    outgoing = Outgoing(3)
    assert outgoing.oldest_s() is None
    for mid, now_s in ((3, 10.0), (4, 11.0)):
        await outgoing.place()
        outgoing.sent(mid, now_s)
    assert outgoing.oldest_s() == 10.0
    outgoing.acknowledged(3, 0)
    assert outgoing.oldest_s() == 11.0


async def test_a_place_that_was_not_used_can_be_given_back() -> None:
    outgoing = Outgoing(1)
    await outgoing.place()
    outgoing.give_back()
    await outgoing.place()
