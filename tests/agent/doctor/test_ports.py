"""Serial ports: there, allowed, free, and named so that the name stays."""

import os
import pty
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doctor.ports import PortFacts, adapters_in, judge_port, look_at_port, no_ports
from agent.doctor.user import Owned, User
from tests.agent.doctor.spoken import spoken

TRAM = User("tram", 990, frozenset({990}))
ME = User("me", os.geteuid(), frozenset({os.getegid()}))
FTDI = "/dev/serial/by-id/usb-FTDI_USB_Serial_A5-if00-port0"
TTY = Owned(0o660, 0, 20, "root", "dialout")


def port(
    path: str = "/dev/ttyUSB0",
    there: Owned | None = TTY,
    *,
    is_port: bool = True,
    allowed: bool = True,
    by_id: tuple[str, ...] = (),
    adapters: tuple[str, ...] = (),
    holders: tuple[str, ...] = (),
) -> PortFacts:
    return PortFacts(path, there, is_port, allowed, TRAM, by_id, adapters, holders)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (port(), ["ok port-ok"]),
        (port("/dev/ttyS0"), ["ok port-ok"]),
        (port(there=None), ["wrong port-missing-no-adapter"]),
        (port(there=None, adapters=(FTDI,)), ["wrong port-missing"]),
        (port(is_port=False), ["wrong port-no-port"]),
        (port(allowed=False), ["wrong port-group"]),
        (port(there=Owned(0o600, 0, 0, "root", "root"), allowed=False), ["wrong port-closed"]),
        (port(there=Owned(0o660, 0, 0, "root", "root"), allowed=False), ["wrong port-closed"]),
        (port(by_id=(FTDI,)), ["warning port-numbered"]),
        (port("/dev/ttyACM3", by_id=(FTDI,)), ["warning port-numbered"]),
        (port(FTDI, by_id=(FTDI,)), ["ok port-ok"]),
        (port(holders=("ModemManager (812)",)), ["wrong port-held"]),
        (port(allowed=False, by_id=(FTDI,)), ["wrong port-group", "warning port-numbered"]),
    ],
)
def test_a_port_as_the_technician_finds_it(facts: PortFacts, said: list[str]) -> None:
    assert spoken(judge_port(facts)) == said


@pytest.mark.pure
def test_nobody_is_told_to_join_roots_group() -> None:
    (said,) = judge_port(port(there=Owned(0o660, 0, 0, "root", "root"), allowed=False))
    assert said.code != "port-group"


@pytest.mark.pure
def test_a_station_without_serial_lines_is_not_asked_for_ports() -> None:
    assert spoken(no_ports()) == ["skipped port-none"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the end that we hold, and the port's name."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    yield ours, name
    os.close(ours)


def test_a_port_is_looked_at_without_opening_it(terminal: tuple[int, str], tmp_path: Path) -> None:
    """Opened, a pseudo-terminal would tell its other end when it is closed again."""
    ours, name = terminal
    link = tmp_path / "usb-FTDI"
    link.symlink_to(name)
    facts = look_at_port(name, ME, None, by_id=tmp_path)
    assert facts.is_port
    assert facts.allowed
    assert facts.by_id == (str(link),)
    assert facts.holders == ()
    theirs = os.open(
        name, os.O_RDWR | os.O_NOCTTY
    )  # the last one who had it open would have left an error behind
    os.write(theirs, b"x\n")
    assert os.read(ours, 1) == b"x"
    os.close(theirs)


def test_another_program_that_has_it_open_is_named(terminal: tuple[int, str]) -> None:
    _, name = terminal
    child = os.fork()
    if child == 0:
        os.open(name, os.O_RDWR | os.O_NOCTTY)
        os.kill(os.getpid(), signal.SIGSTOP)  # it waits with the port open
        os._exit(0)
    try:
        os.waitpid(child, os.WUNTRACED)
        (holder,) = look_at_port(name, ME, None).holders
        assert holder.endswith(f"({child})")
        assert look_at_port(name, ME, child).holders == ()  # the agent may
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_port_that_is_not_there_or_is_a_file(tmp_path: Path) -> None:
    assert look_at_port(str(tmp_path / "ttyUSB0"), ME, None, by_id=tmp_path).owned is None
    (tmp_path / "file").touch()
    assert not look_at_port(str(tmp_path / "file"), ME, None, by_id=tmp_path).is_port
    assert adapters_in(tmp_path / "nowhere") == {}
