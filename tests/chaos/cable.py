"""A cable of our own between a station and the rest of the world: two network namespaces and a veth between them.

    near: the agent and its instruments ── 10.77.0.2 ──veth── 10.77.0.1 ── far: broker, centre, and this thread

Nobody else has these addresses, these rules of iptables or this shaping, and the kernel ends all of it with the last
process and descriptor that holds it, whatever happened before.
"""

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Literal

CLONE_NEWNET: Final = 0x4000_0000
FAR: Final = "10.77.0.1"
NEAR: Final = "10.77.0.2"
PORT: Final = 1883

_LIBC: Final = ctypes.CDLL(None, use_errno=True)

Way = Literal["in", "out"]
"""As the far end sees it: "in" is from the station to the broker."""


class Cable:
    """Its plugs, and what may happen on the way. Both links are up at first."""

    def __init__(self, near: int) -> None:
        self._near = near
        self.into_near = ("nsenter", f"--net=/proc/{os.getpid()}/fd/{near}")
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "far", "type", "veth", "peer", "name", "near", "netns", self._path())
        _run("ip", "address", "add", f"{FAR}/30", "dev", "far")
        _run("ip", "link", "set", "far", "up")
        self._at_near("ip", "link", "set", "lo", "up")
        self._at_near("ip", "address", "add", f"{NEAR}/30", "dev", "near")
        self._at_near("ip", "link", "set", "near", "up")

    @property
    def url(self) -> str:
        """Where the station finds a broker that listens at the far end."""
        return f"mqtt://{FAR}:{PORT}"

    def move_here(self) -> None:
        """The thread that calls, and what it opens from now on, is at the station's end."""
        _enter(self._near)

    def filter(self, way: Way, *what: str) -> None:
        """One more rule of iptables, such as `-j DROP`, for what comes or goes at the far end."""
        chain = ("INPUT", "-i", "far") if way == "in" else ("OUTPUT", "-o", "far")
        _run("iptables", "-w", "-A", *chain, "-p", "tcp", *what)

    def filtered(self) -> int:
        """Packets that a rule has hit."""
        listed = _run("iptables", "-w", "-n", "-v", "-x", "-L")
        rules = (line.split() for line in listed.splitlines())
        return sum(int(words[0]) for words in rules if len(words) > 2 and words[2] in {"DROP", "REJECT"})

    def free(self) -> None:
        """No rules any more."""
        _run("iptables", "-w", "-F")

    def narrow(self, rate: str) -> None:
        """No more than this ("32kbit") in each direction, from now on."""
        shaped = ("root", "tbf", "rate", rate, "burst", "2kb", "latency", "2s")
        _run("tc", "qdisc", "add", "dev", "far", *shaped)
        self._at_near("tc", "qdisc", "add", "dev", "near", *shaped)

    def widen(self) -> tuple[int, int]:
        """As wide as before. Gives the bytes that the station sent through, and the packets that had to wait."""
        said = self._at_near("tc", "-s", "-j", "qdisc", "show", "dev", "near")
        (shaper,) = (found for found in json.loads(said) if found["kind"] == "tbf")
        _run("tc", "qdisc", "del", "dev", "far", "root")
        self._at_near("tc", "qdisc", "del", "dev", "near", "root")
        return int(shaper["bytes"]), int(shaper["overlimits"])

    def plug(self, end: Literal["near", "far"], *, is_in: bool) -> None:
        """Take an end's link down or up. Its address stays."""
        command = ("ip", "link", "set", end, "up" if is_in else "down")
        _ = self._at_near(*command) if end == "near" else _run(*command)

    def _path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._near}"

    def _at_near(self, *command: str) -> str:
        return _run(*self.into_near, *command)


@contextmanager
def cable() -> Iterator[Cable]:
    """Until the end of this block this thread and what it starts is at the far end, and sees no other network."""
    with ExitStack() as undo:
        before = _here()
        undo.callback(os.close, before)
        undo.callback(_enter, before)
        _unshare()
        far = _here()
        undo.callback(os.close, far)
        _unshare()
        near = _here()
        undo.callback(os.close, near)
        _enter(far)
        yield Cable(near)


def _here() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _unshare() -> None:
    if _LIBC.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout
