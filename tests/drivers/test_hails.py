"""Who speaks in characters: what is asked, and what counts as an answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from drivers.errors import Unreachable
from drivers.hails import HAILS, SETTINGS, Hail, Hailing
from drivers.scan import Ending, Limits
from drivers.trials import Setting
from tests.drivers.virtual_time import run

BY_REQUEST = {hail.request: hail for hail in HAILS}
DA, IDENTIFY, WHO = BY_REQUEST[b"\x02DA\x0304"], BY_REQUEST[b"\xaainstrument id\r"], BY_REQUEST[b"?!"]
AIR = b"\x02MD01 014 +2578+01 03 04  \x03"


def with_check(frame: bytes) -> bytes:
    check = 0
    for byte in frame:
        check ^= byte
    return frame + f"{check:02X}".encode()


@pytest.mark.pure
def test_nothing_that_is_sent_can_change_anything() -> None:
    """Data query, instrument id, address query; no ST (zero, span), no set, no change of address."""
    for hail in HAILS:
        words = hail.request.lstrip(b"\x02").lstrip(bytes(range(0x80, 0x100)))
        assert words.rstrip(b"\r\x03").startswith((b"DA", b"instrument id", b"?!"))
        assert b"ST" not in hail.request
        assert b"set" not in hail.request


@pytest.mark.pure
@pytest.mark.parametrize(
    ("hail", "heard", "address"),
    [
        (DA, with_check(AIR), "014"),
        (DA, b"\xff" + with_check(AIR) + b"\r\n", "014"),
        (DA, with_check(AIR)[:-1] + b"0", None),
        (DA, b"\x02MD02 097 +1532+02 40 00 \r", "097"),
        (DA, b"\x02DA\x0304", None),
        (IDENTIFY, b"instrument id 42\r", "42"),
        (IDENTIFY, b"instrument id\r", None),
        (WHO, b"3\r\n", "3"),
        (WHO, b"?!3\r\n", "3"),
        (WHO, b"bad command\r\n", None),
        (WHO, b"$WIMWV,214.8,R,0.1,K,A*28\r\n", None),
    ],
)
def test_an_answer_tells_the_address(hail: Hail, heard: bytes, address: str | None) -> None:
    assert hail.address(heard) == address


@dataclass
class SpokenLine:
    """`says` by setting."""

    says: dict[Setting | None, Callable[[bytes], bytes]]
    cannot: set[Setting] = field(default_factory=set)
    setting: Setting | None = None
    asked: list[tuple[Setting | None, bytes]] = field(default_factory=list)
    open_now: bool = False

    async def open(self) -> None:
        self.open_now = True

    async def tune(self, setting: Setting | None) -> None:
        if setting in self.cannot:
            raise Unreachable("it refuses")
        self.setting = setting

    async def say(self, request: bytes, wait_s: float) -> bytes:
        self.asked.append((self.setting, request))
        await asyncio.sleep(wait_s)
        says = self.says.get(self.setting)
        return says(request) if says else b""

    def close(self) -> None:
        self.open_now = False


def hailed(line: SpokenLine, seconds: float = 1e6) -> tuple[Hailing, Ending]:
    async def story() -> tuple[Hailing, Ending]:
        limits = Limits(0.5, asyncio.get_running_loop().time() + seconds)
        hailing = Hailing(line, SETTINGS if None not in line.says else (None,), limits)
        ending = await hailing.run()
        assert not line.open_now
        return hailing, ending

    return run(story())


def answers(hail: Hail, with_what: bytes) -> Callable[[bytes], bytes]:
    return lambda request: with_what if request == hail.request else b""


def test_each_is_found_at_its_own_setting_and_once() -> None:
    line = SpokenLine(
        {
            Setting(9600): lambda request: with_check(AIR) if request.startswith(b"\x02DA") else b"",
            Setting(19200): answers(IDENTIFY, b"instrument id 42\r"),
            Setting(1200, "E", 7): answers(WHO, b"?!0\r\n"),
        }
    )
    hailing, ending = hailed(line)
    assert ending == "complete"
    assert [(str(each.setting), each.hail.driver, each.address) for each in hailing.clear()] == [
        ("9600 8N1", "bayern_hessen", "014"),
        ("19200 8N1", "clink", "42"),
        ("1200 7E1", "sdi12", "0"),
    ]
    assert hailing.unread() == ()


def test_several_that_answer_at_once_are_said_and_not_counted() -> None:
    hailing, _ = hailed(SpokenLine({Setting(9600): answers(DA, b"\x02MD\x02MD001 01 ++")}))
    assert hailing.clear() == ()
    assert [each.hail.protocol for each in hailing.unread()] == ["Bayern-Hessen"]


def test_what_was_heard_by_others_hails_is_no_doubt_where_one_was_understood() -> None:
    line = SpokenLine({Setting(9600): lambda r: with_check(AIR) if r == DA.request else b"bad command\r\n"})
    hailing, _ = hailed(line)
    assert len(hailing.clear()) == 1
    assert hailing.unread() == ()


def test_an_echo_is_nobody() -> None:
    hailing, _ = hailed(SpokenLine({None: lambda request: request}))
    assert hailing.spoke == []


def test_ctrl_c_ends_a_long_wait_within_a_second() -> None:
    line = SpokenLine({})

    async def story() -> tuple[Ending, float]:
        loop = asyncio.get_running_loop()
        began, limits = loop.time(), Limits(60.0, loop.time() + 1e6)
        loop.call_later(5.0, limits.stop.set)
        return await Hailing(line, SETTINGS, limits).run(), loop.time() - began

    ending, took_s = run(story())
    assert ending == "stopped"
    assert took_s < 6.1
    assert (len(line.asked), line.open_now) == (1, False)


def test_it_ends_in_time_and_leaves_out_what_the_port_cannot() -> None:
    line = SpokenLine({}, cannot={Setting(9600), Setting(1200, "E", 7)})
    hailing, ending = hailed(line, seconds=6)
    assert ending == "out of time"
    assert hailing.refused == [Setting(9600)]
    assert hailing.unasked == [*SETTINGS[2:]], "12 questions: 19200 was done, 38400 was begun"
    assert len(line.asked) == 12
