"""`python -m bench.air`: what a station sends and receives, from the real encoders; and one that is listened to.

Every message is counted both ways, as a SIM card is: the packet and its PUBACK with what TLS and TCP/IP add,
the receipts that come back, the head every minute. Not in it: the connection's making (some 5 kB each time).
"""

import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

from agent.delivery.heads import HEAD_EVERY_S
from agent.station import load_station
from bench.backlog import Yesterdays
from bench.load import Load
from bench.retention import DAY_MS, UP_DAYS, made
from bench.stage import is_live, running, set_up
from bench.wear import RECEIPT_S
from mqtt.session import packet_bytes
from telemetry import keyfile
from telemetry.envelope import HEAD, RECEIPT, Sealer
from telemetry.head import Head
from telemetry.receipt import Receipt, ReceiptStatus

DAY_S = 86_400
TCP_IP_BYTES = 52
"""IPv4 20, TCP 20, its time stamps 12 (RFC 9293, RFC 7323)."""
SEGMENT_BYTES = 1_400
TLS_BYTES = 22
"""A record of TLS 1.3: head 5, inner type 1, authentication tag 16 (RFC 8446, 5.2)."""
PUBACK_BYTES = 4
"""MQTT 5.0, 3.4: success needs neither a reason code nor properties."""
TYPICAL_SEQ = 10_000_000
"""After months: five bytes in a record."""


@dataclass(frozen=True, slots=True)
class Envelopes:
    """The real sizes in bytes of one station's messages. `records`: of one poll cycle."""

    station: str
    records: tuple[int, ...]
    head: int
    receipt: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A connection of one station as the kernel counted it, and what was expected of it; bytes per second, no TLS."""

    load: Load
    seconds: float
    bytes_per_s: float
    expected_per_s: float


def envelopes(place: Path, load: Load) -> Envelopes:
    """Really encoded and signed, after some months in service: the numbers in them have their usual length."""
    station = load_station(made(place, load))
    key = keyfile.load(station.identity.key)
    past = Yesterdays(station, key, 1_800_000_000_000, 60_000, UP_DAYS * DAY_MS)
    past.take()
    past.ledger.next_seq = TYPICAL_SEQ
    past.cycle()
    tail, now_ms = past.tail, past.clock.now_ms
    newest = tail.next_seq - 1
    head = Head(station.id, tail.ledger, newest, tail.prev, 1, ((newest - 9, newest),), now_ms, (2, 5))
    receipt = Receipt(
        station.id, tail.ledger, newest, tail.prev, (), bytes(16), newest, now_ms, ReceiptStatus.OK
    )
    return Envelopes(
        station.id,
        tuple(len(entry.envelope) for entry in past.take()),
        len(Sealer(key, HEAD).seal(head.encode())),
        len(Sealer(key, RECEIPT).seal(receipt.encode())),
    )


def bytes_per_day(of: Envelopes, every_s: int, *, together: bool, tls: bool = True) -> float:
    """Both directions. `together`: the records of a cycle leave in one message, else each in its own."""
    cycles, heads = DAY_S / every_s, DAY_S / HEAD_EVERY_S
    receipts = DAY_S / (-(-RECEIPT_S // every_s) * every_s) + heads  # each head is answered
    live, ledger = f"tram/1/{of.station}/live", "0" * 32
    parts = [sum(of.records)] if together else list(of.records)
    return (
        cycles * sum(_exchanged(live, part, tls=tls) for part in parts)
        + heads * _exchanged(f"tram/1/{of.station}/head/{ledger}", of.head, tls=tls)
        + receipts * _exchanged(f"tram/1/{of.station}/receipt/{ledger}", of.receipt, tls=tls)
    )


def _exchanged(topic: str, payload: int, *, tls: bool) -> int:
    """A message, the PUBACK that comes back, and the segment that only acknowledges that one."""
    around = TLS_BYTES if tls else 0
    packet = packet_bytes(topic, bytes(payload)) + around
    segments = -(-packet // SEGMENT_BYTES)
    return packet + PUBACK_BYTES + around + (segments + 2) * TCP_IP_BYTES


def listen(place: Path, load: Load, seconds: int) -> Heard:
    """A real agent with its centre on loopback, every second, without TLS: the counters of its connection."""
    of = envelopes(place / "encoded", load)
    with set_up(place / "stage", load) as stage, running(stage) as agent:
        stage.wait_for(is_live, "nothing came")
        time.sleep(3)
        began_s, before = time.monotonic(), _counted(agent.pid, stage.broker.port)
        time.sleep(seconds)
        took_s, after = time.monotonic() - began_s, _counted(agent.pid, stage.broker.port)
    expected = bytes_per_day(of, 1, together=True, tls=False) / DAY_S
    return Heard(load, took_s, (after - before) / took_s, expected)


def _counted(pid: int, port: int) -> int:
    """Bytes that the process exchanged with this port, TCP/IP included, as `ss -i` tells."""
    said = subprocess.run(
        ["ss", "-tinpHO", "dport", "=", f":{port}"], capture_output=True, text=True, check=True
    ).stdout
    (line,) = [line for line in said.splitlines() if f"pid={pid}," in line]
    counts = dict(re.findall(r"(bytes_sent|bytes_received|segs_out|segs_in):(\d+)", line))
    payload = int(counts["bytes_sent"]) + int(counts["bytes_received"])
    return payload + (int(counts["segs_out"]) + int(counts["segs_in"])) * TCP_IP_BYTES


def as_text(heard: Heard) -> str:
    """A line for people."""
    return (
        f"on the air, {heard.load} every second, without TLS: {heard.bytes_per_s:.0f} bytes/s counted in"
        f" {heard.seconds:.0f} s, {heard.expected_per_s:.0f} computed"
    )


@click.command()
@click.option("--seconds", default=60, show_default=True)
def air(*, seconds: int) -> None:
    """Listen to a station, and compare with what is computed.

    Example: python -m bench.air --seconds 30
    """
    with tempfile.TemporaryDirectory(prefix="tram-air-") as place:
        for number, load in enumerate((Load(1, 10), Load(4, 10))):
            click.echo(as_text(listen(Path(place) / str(number), load, seconds)))


if __name__ == "__main__":
    air()
