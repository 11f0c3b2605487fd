"""One session against the fake broker: every outcome of a publish, every end of a connection."""

import asyncio
import threading

import pytest

from mqtt.broker import Broker, Will
from mqtt.errors import BrokerUnfit, Lost, Refused, TooLarge, Unreachable
from mqtt.session import SMALLEST_PACKET_BYTES, connect, packet_bytes
from tests.fake_broker import FakeBroker
from tests.fake_wire import (
    MAXIMUM_PACKET_SIZE,
    MAXIMUM_QOS,
    RECEIVE_MAXIMUM,
    RETAIN_AVAILABLE,
    SERVER_KEEP_ALIVE,
    SESSION_EXPIRY,
)

pytestmark = pytest.mark.system


def to(broker: FakeBroker, **changes: object) -> Broker:
    return Broker("127.0.0.1", broker.port, "station", **changes)  # type: ignore[arg-type]


async def settle(*_: object) -> None:
    """Let every callback that is due now run, and what it calls."""
    for _round in range(10):
        await asyncio.sleep(0)


# publishing


async def test_a_publish_returns_when_the_broker_took_it(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        await session.publish("tram/1/S/head/x", b"head", retain=True, expiry_s=60)
        await session.publish("tram/1/S/live", b"record")
    head, live = fake_broker.received
    assert (head.topic, head.payload, head.qos, head.retain, head.expiry_s) == (
        "tram/1/S/head/x",
        b"head",
        1,
        True,
        60,
    )
    assert (live.payload, live.retain, live.expiry_s) == (b"record", False, None)


async def test_a_refused_publish_is_an_error_with_the_reason_in_words(fake_broker: FakeBroker) -> None:
    fake_broker.puback = 0x87
    async with connect(to(fake_broker)) as session:
        with pytest.raises(Refused, match="tram/1/S/live: publish refused: not authorized") as refused:
            await session.publish("tram/1/S/live", b"record")
        assert refused.value.reason_code == 0x87
        fake_broker.puback = 0
        await session.publish("tram/1/S/live", b"record")  # the session goes on


async def test_no_matching_subscriber_is_a_success(fake_broker: FakeBroker) -> None:
    fake_broker.puback = 0x10
    async with connect(to(fake_broker)) as session:
        await session.publish("tram/1/S/live", b"record")


async def test_an_unknown_reason_is_refused_with_its_number(fake_broker: FakeBroker) -> None:
    fake_broker.puback = 0x99
    async with connect(to(fake_broker)) as session:
        with pytest.raises(Refused, match="0x99"):
            await session.publish("t", b"")


@pytest.mark.parametrize(("announced", "window"), [(None, 20), (3, 3), (100, 20)])
async def test_the_window_is_the_smaller_of_ours_and_the_brokers_and_holds(
    fake_broker: FakeBroker, announced: int | None, window: int
) -> None:
    fake_broker.announce = {} if announced is None else {RECEIVE_MAXIMUM: announced}
    fake_broker.stall = True
    async with connect(to(fake_broker)) as session:
        assert session.receive_maximum == window
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(session.publish("t", b"%d" % number))
            await fake_broker.until(lambda: len(fake_broker.received) == window)
            fake_broker.release()
    assert fake_broker.most_unanswered == window
    assert [publish.payload for publish in fake_broker.received] == [b"%d" % n for n in range(50)]


async def test_publishes_that_were_given_up_still_count_against_the_window(fake_broker: FakeBroker) -> None:
    fake_broker.announce = {RECEIVE_MAXIMUM: 2}
    fake_broker.stall = True
    async with connect(to(fake_broker)) as session:
        given_up = [asyncio.create_task(session.publish("t", b"given up")) for _ in range(2)]
        await fake_broker.until(lambda: len(fake_broker.received) == 2)
        for task in given_up:
            task.cancel()
        later = asyncio.create_task(session.publish("t", b"later"))
        await settle(*await asyncio.gather(*given_up, return_exceptions=True))
        assert len(fake_broker.received) == 2
        fake_broker.release()
        await later
    assert fake_broker.most_unanswered == 2


async def test_what_waits_for_an_answer_is_lost_at_once_when_the_connection_goes(
    fake_broker: FakeBroker,
) -> None:
    fake_broker.stall = True
    async with connect(to(fake_broker, window=3)) as session:
        waiting = [asyncio.create_task(session.publish("t", b"")) for _ in range(10)]
        await fake_broker.until(lambda: len(fake_broker.received) == 3)
        before = asyncio.get_running_loop().time()
        fake_broker.drop()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [Lost] * 10
        assert asyncio.get_running_loop().time() - before < 1
        with pytest.raises(Lost, match=r"127\.0\.0\.1"):
            await session.publish("t", b"after")
        with pytest.raises(Lost):
            await session.subscribe("t")


async def test_a_connection_cut_before_the_puback_is_lost_and_nothing_is_sent_again(
    fake_broker: FakeBroker,
) -> None:
    fake_broker.drop_after = 2
    async with connect(to(fake_broker)) as session:
        await session.publish("t", b"1")
        with pytest.raises(Lost):
            await session.publish("t", b"2")
    fake_broker.drop_after = None
    async with connect(to(fake_broker)) as session:
        await session.publish("t", b"3")
    assert [publish.payload for publish in fake_broker.received] == [b"1", b"2", b"3"]


async def test_a_packet_over_the_announced_limit_is_not_sent(fake_broker: FakeBroker) -> None:
    fake_broker.announce = {MAXIMUM_PACKET_SIZE: SMALLEST_PACKET_BYTES}
    async with connect(to(fake_broker)) as session:
        assert session.maximum_packet_bytes == SMALLEST_PACKET_BYTES
        fits = bytes(SMALLEST_PACKET_BYTES - packet_bytes("t", b"") - 2)
        with pytest.raises(TooLarge, match="40961 bytes, and the broker takes 40960") as error:
            await session.publish("t", fits + b"!")
        assert (error.value.size, error.value.limit) == (40961, 40960)
        await session.publish("t", fits)
    assert [len(publish.payload) for publish in fake_broker.received] == [len(fits)]


@pytest.mark.parametrize("size", [0, 100, 130, 17_000, 2_100_000])
async def test_the_size_of_a_packet_is_what_goes_over_the_wire(fake_broker: FakeBroker, size: int) -> None:
    async with connect(to(fake_broker)) as session:
        for expiry_s in (None, 60):
            before = fake_broker.bytes_received
            await session.publish("trạm/1", bytes(size), expiry_s=expiry_s)
            assert fake_broker.bytes_received - before == packet_bytes("trạm/1", bytes(size), expiry_s)


async def test_a_broker_that_answers_pings_but_no_publish_is_given_up(fake_broker: FakeBroker) -> None:
    fake_broker.stall = True
    async with connect(to(fake_broker, answer_timeout_s=0.1)) as session:
        with pytest.raises(Lost, match=r"did not acknowledge a publish in 0.1 s"):
            await session.publish("t", b"")


async def test_what_is_no_topic_name_takes_no_place_in_the_window(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker, window=1)) as session:
        with pytest.raises(ValueError, match="wildcard"):
            await session.publish("tram/+/live", b"")
        await session.publish("tram/1/live", b"")


# connecting


async def test_the_session_begins_clean_and_ends_with_its_connection(fake_broker: FakeBroker) -> None:
    broker = to(fake_broker, username="station", password="secret", keepalive_s=17, incoming_window=5)
    async with connect(broker):
        pass
    greeting = fake_broker.greetings[0]
    assert greeting.clean_start
    assert greeting.properties[SESSION_EXPIRY] == 0
    assert greeting.properties[RECEIVE_MAXIMUM] == 5
    assert (greeting.client_id, greeting.keepalive_s) == ("station", 17)
    assert (greeting.username, greeting.password) == ("station", b"secret")
    await fake_broker.until(lambda: fake_broker.goodbyes == [0])


@pytest.mark.parametrize(
    ("reason_code", "words"), [(0x86, "bad user name or password"), (0x87, "not authorized"), (0x89, "busy")]
)
async def test_a_refused_connection_says_why(fake_broker: FakeBroker, reason_code: int, words: str) -> None:
    fake_broker.connack = reason_code
    with pytest.raises(Refused, match=f"connection refused: .*{words}") as refused:
        async with connect(to(fake_broker)):
            pass
    assert refused.value.reason_code == reason_code


@pytest.mark.parametrize(
    ("announced", "words"),
    [
        ({MAXIMUM_PACKET_SIZE: SMALLEST_PACKET_BYTES - 1}, "packets of 40959 bytes and records need 40960"),
        ({MAXIMUM_QOS: 0}, "no QoS 1"),
        ({RETAIN_AVAILABLE: 0}, "no retained messages"),
    ],
)
async def test_a_broker_that_cannot_carry_records_is_refused_at_once(
    fake_broker: FakeBroker, announced: dict[int, int], words: str
) -> None:
    fake_broker.announce = announced
    with pytest.raises(BrokerUnfit, match=words):
        async with connect(to(fake_broker)):
            pass
    await fake_broker.until(lambda: not fake_broker.peers)


@pytest.mark.parametrize("answer", [bytes([0x20, 2, 0, 1]), bytes([0x20, 3, 0, 0x84, 0])])
async def test_an_older_broker_is_unfit(fake_broker: FakeBroker, answer: bytes) -> None:
    fake_broker.raw_connack = answer
    with pytest.raises(BrokerUnfit, match="does not speak MQTT 5"):
        async with connect(to(fake_broker)):
            pass


@pytest.mark.parametrize("answer", [b"\xff\xff\xff\xff\xff\xff", bytes([0x20, 1, 0]), bytes([0x20, 2, 0, 4])])
async def test_something_that_is_no_broker_is_said_to_be_none(fake_broker: FakeBroker, answer: bytes) -> None:
    fake_broker.raw_connack = answer
    with pytest.raises(Unreachable, match="instead of an MQTT 5 answer: check the port"):
        async with connect(to(fake_broker)):
            pass


async def test_a_broker_that_never_greets_is_given_up_in_time(fake_broker: FakeBroker) -> None:
    fake_broker.mute = True
    with pytest.raises(Unreachable, match=r"no MQTT answer in 0.1 s"):
        async with connect(to(fake_broker, connect_timeout_s=0.1)):
            pass


async def test_a_cancelled_connect_leaves_no_thread_socket_or_task(fake_broker: FakeBroker) -> None:
    fake_broker.mute = True
    tasks, threads = asyncio.all_tasks(), threading.active_count()

    async def attempt() -> None:
        async with connect(to(fake_broker)):
            pass

    connecting = asyncio.create_task(attempt())
    await fake_broker.until(lambda: len(fake_broker.greetings) == 1)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert threading.active_count() == threads
    await fake_broker.stop()  # waits until the client's socket is closed
    await settle()
    assert asyncio.all_tasks() == tasks


async def test_a_session_that_is_cancelled_at_work_leaves_nothing(fake_broker: FakeBroker) -> None:
    fake_broker.stall = True
    tasks, threads = asyncio.all_tasks(), threading.active_count()

    async def work() -> None:
        async with connect(to(fake_broker)) as session, asyncio.TaskGroup() as group:
            group.create_task(session.publish("t", b""))
            async for _ in session.messages():
                pass

    working = asyncio.create_task(work())
    await fake_broker.until(lambda: len(fake_broker.received) == 1)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    await fake_broker.until(lambda: fake_broker.goodbyes == [0])
    await fake_broker.stop()
    assert threading.active_count() == threads
    assert asyncio.all_tasks() == tasks


# the end of a connection


async def test_a_broker_that_falls_silent_is_noticed_within_two_keepalives(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker, keepalive_s=1)) as session:
        fake_broker.mute = True
        before = asyncio.get_running_loop().time()
        with pytest.raises(Lost, match="stopped answering"):
            await anext(session.messages())
        assert asyncio.get_running_loop().time() - before < 2 * 1 + 1.5


async def test_the_brokers_own_keepalive_is_obeyed(fake_broker: FakeBroker) -> None:
    fake_broker.announce = {SERVER_KEEP_ALIVE: 1}
    async with connect(to(fake_broker, keepalive_s=600)) as session:
        fake_broker.mute = True
        with pytest.raises(Lost, match="stopped answering"):
            await anext(session.messages())


async def test_a_goodbye_of_the_broker_is_told_in_words(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        fake_broker.disconnect(0x8E)
        with pytest.raises(Lost, match="another client connected with the same client id") as lost:
            await anext(session.messages())
        assert lost.value.reason_code == 0x8E


async def test_leaving_the_block_ends_everything_that_still_waits(fake_broker: FakeBroker) -> None:
    fake_broker.stall = True
    async with connect(to(fake_broker)) as session:
        waiting = asyncio.create_task(session.publish("t", b""))
        await fake_broker.until(lambda: len(fake_broker.received) == 1)
    with pytest.raises(Lost, match="closed here"):
        await waiting
    with pytest.raises(Lost, match="closed here"):
        await anext(session.messages())


async def test_the_will_is_published_when_we_vanish_and_not_when_we_leave(fake_broker: FakeBroker) -> None:
    will = Will("tram/1/S/state", b"offline", retain=True, expiry_s=3600)
    async with connect(to(fake_broker, will=will)):
        pass
    await fake_broker.until(lambda: fake_broker.goodbyes == [0])
    assert not fake_broker.retained
    async with connect(to(fake_broker, will=will)):
        fake_broker.drop()
        await fake_broker.until(lambda: bool(fake_broker.retained))
    kept = fake_broker.retained["tram/1/S/state"]
    assert (kept.payload, kept.qos, kept.expiry_s) == (b"offline", 1, 3600)


# receiving


async def test_a_message_is_acknowledged_when_we_say_so_and_not_before(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        await session.subscribe("tram/1/+/receipt/#")
        for number in range(3):
            fake_broker.deliver("tram/1/S/receipt/x", b"%d" % number)
        messages = [await anext(session.messages()) for _ in range(3)]
        assert [message.payload for message in messages] == [b"0", b"1", b"2"]
        await session.publish("t", b"")  # everything written before has arrived when this is answered
        assert fake_broker.acknowledged == []
        session.acknowledge(messages[1])
        await session.publish("t", b"")
        assert fake_broker.acknowledged == [messages[1].mid]


async def test_what_was_not_acknowledged_comes_again_in_the_next_connection(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        await session.subscribe("live")
        for number in range(3):
            fake_broker.deliver("live", b"%d" % number)
        session.acknowledge(await anext(session.messages()))
        await session.publish("t", b"")
    async with connect(to(fake_broker)) as session:
        await session.subscribe("live")
        again = [await anext(session.messages()) for _ in range(2)]
    assert [message.payload for message in again] == [b"1", b"2"]


async def test_retained_messages_follow_a_subscription_and_say_so(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        await session.publish("head/x", b"old", retain=True)
        await session.subscribe("head/#")
        await session.publish("head/y", b"new")
        first, second = [await anext(session.messages()) for _ in range(2)]
    assert (first.payload, first.retained) == (b"old", True)
    assert (second.payload, second.retained) == (b"new", False)


async def test_messages_that_came_before_the_loss_are_given_first(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        await session.subscribe("live")
        fake_broker.deliver("live", b"1")
        fake_broker.deliver("live", b"2")
        await session.publish("t", b"")
        fake_broker.drop()
        messages = session.messages()
        got = [await anext(messages) for _ in range(2)]
        assert [message.payload for message in got] == [b"1", b"2"]
        with pytest.raises(Lost):
            await anext(messages)
        session.acknowledge(got[0])  # without effect, without error
        with pytest.raises(Lost):
            await anext(session.messages())


async def test_a_refused_subscription_names_topic_and_reason(fake_broker: FakeBroker) -> None:
    fake_broker.suback = 0x87
    async with connect(to(fake_broker)) as session:
        with pytest.raises(Refused, match="secret/#: subscription refused: not authorized"):
            await session.subscribe("secret/#")


async def test_a_subscription_without_answer_ends_the_session(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker, answer_timeout_s=0.1)) as session:
        fake_broker.mute = True
        with pytest.raises(Lost, match=r"no answer to a subscription in 0.1 s"):
            await session.subscribe("t")


async def test_a_subscription_is_lost_at_once_with_its_connection(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        fake_broker.mute = True
        waiting = asyncio.create_task(session.subscribe("t"))
        await settle()
        fake_broker.drop()
        with pytest.raises(Lost):
            await waiting


async def test_a_topic_that_is_no_text_is_acknowledged_and_passed_over(fake_broker: FakeBroker) -> None:
    async with connect(to(fake_broker)) as session:
        await session.subscribe("#")
        fake_broker.deliver("bad/\udcff", b"poison")
        fake_broker.deliver("good", b"record")
        message = await anext(session.messages())
        await session.publish("t", b"")
    assert message.topic == "good"
    assert fake_broker.acknowledged == [1]


@pytest.mark.parametrize("mebibytes", [1, 20])
async def test_a_packet_larger_than_we_take_ends_the_session(fake_broker: FakeBroker, mebibytes: int) -> None:
    async with connect(to(fake_broker)) as session:
        await session.subscribe("#")
        fake_broker.deliver("t", bytes(mebibytes * 1024 * 1024 + 1))
        with pytest.raises(Lost, match="sent a packet over 1048576 bytes"):
            await anext(session.messages())


async def test_large_messages_and_a_full_kernel_buffer_pass_in_both_directions(
    fake_broker: FakeBroker,
) -> None:
    payload = bytes(range(256)) * 3000
    async with connect(to(fake_broker)) as session:
        await session.subscribe("big")
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(session.publish("big", payload))
        for _ in range(20):
            assert (await anext(session.messages())).payload == payload
