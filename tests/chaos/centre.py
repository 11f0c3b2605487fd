"""The centre: messages that come twice and in disorder, its death before a receipt, and receipts that are old."""

import time
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final

from central.folder import Folder
from central.snapshot import snapshot
from central.stations import StationSummary, stations
from mqtt.session import Message
from telemetry.envelope import RECEIPT, peek
from telemetry.receipt import Receipt, decode_receipt
from tests.chaos.bystander import Bystander
from tests.chaos.fault import Fault, Outcome
from tests.chaos.outage import GAUGES, at_work, begin, held, outcome, reckoned, recovery, told
from tests.chaos.relay import CENTRE, STATIONS, Relay
from tests.chaos.trace import tampered
from tests.system.patience import until
from tests.system.station import Station

RECEIPTS: Final = f"{CENTRE}/+/receipt/+"
ROUNDS: Final = 8
MOST_ROUNDS: Final = 30


def in_disorder(folder: Path, rng: Random) -> Outcome:
    """Between station and centre everything comes up to three times, late, and in any order; then all of it again."""
    with at_work(folder) as (station, reckoning), Relay(station.stage.broker.url, rng) as relay:
        station.describe(station.receipted(root=f'"{STATIONS}"'))
        begin(station)
        station.grows(25)
        messages = relay.replay()
        ended_s = time.monotonic()
        back_s = recovery(station, ended_s)
        until(lambda: _of(station).replayed >= relay.copies, "every copy at the centre")
        found = reckoned(station, reckoning)
        replayed, overtaken = _of(station).replayed, _overtaken(station)
        assert overtaken > 0, "everything came in order"
        assert replayed > 0, "nothing came twice"
    words = f"{replayed} records came again, {overtaken} after newer ones"
    return outcome(words, found, back_s, f"at the end all {messages} messages again, shuffled")


def killed_before_a_receipt(folder: Path, rng: Random) -> Outcome:
    """Kill -9 at the n-th sync or send, until it was often enough between a commit and its receipt."""
    before_receipt = made_not_sent = rounds = 0
    back_s = 0.0
    with at_work(folder, gauges=1, every_ms=700) as (station, reckoning), _witness(station) as witness:
        begin(station)
        while rounds < ROUNDS or made_not_sent < 2:
            assert rounds < MOST_ROUNDS, f"in {rounds} rounds {made_not_sent} receipts were made and not sent"
            rounds += 1
            _kill_at(station, rng.choice(("fdatasync", "sendto")), rng.randint(1, 9))
            witness.catch_up()
            newest = _newest(witness)
            before_receipt += bool(_stored(station) - _covered(newest))
            made_not_sent += _receipt_number(station) > newest.number
            reckoning.look()
            ended_s = time.monotonic()
            station.stage.start_centre()
            back_s = max(back_s, recovery(station, ended_s))
        assert before_receipt > 0, "never killed between a commit and its receipt"
        found = reckoned(station, reckoning)
    note = (
        f"{before_receipt} times records without a receipt, {made_not_sent} times a receipt made and not sent"
    )
    return outcome(f"kill -9 at a sync or send, {rounds} times", found, back_s, note)


def stopped(folder: Path, rng: Random) -> Outcome:
    """An orderly stop, and a start some time later; the broker acknowledges all the while."""
    with at_work(folder) as (station, reckoning):
        agent = begin(station)
        centre = station.stage.centre
        assert centre is not None
        centre.stop()
        here = station.at_the_centre()
        began_s = time.monotonic()
        signed = held(station, rng.uniform(8, 12))
        assert station.at_the_centre() == here, "the centre still stores"
        ended_s = time.monotonic()
        station.stage.start_centre()
        back_s = recovery(station, ended_s)
        assert not told(agent, "destination.disconnected"), "the agent's connection was not to be touched"
        found = reckoned(station, reckoning)
    words = f"stopped, started again after {ended_s - began_s:.0f} s"
    return outcome(words, found, back_s, f"{signed} signed and acknowledged meanwhile")


def old_receipts(folder: Path, rng: Random) -> Outcome:
    """The centre is away, and its old receipts come again, one of them retained for the agent's next start."""
    with at_work(folder) as (station, reckoning), _witness(station) as witness:
        agent = begin(station)
        station.grows(40)
        assert station.stage.centre is not None
        station.stage.centre.stop()
        witness.catch_up()
        every = [m for m in witness.heard if m.topic.startswith(f"{CENTRE}/")]
        # After a restart the agent knows the newest receipt that covered anything new, and no later one.
        old = [m for m in every if _covered(_receipt(m)) < _covered(_newest(witness))]
        assert len(old) > 1, "too few receipts to play again"
        station.grows()
        refused = _replayed(station, witness, every, rng)
        witness.say(old[0].topic, old[0].payload, retain=True)
        agent.kill()
        reckoning.look()
        station.start()
        until(lambda: station.destination("centre")["receipts_refused"], "the retained one refused")
        refused += 1 + _replayed(station, witness, old, rng)
        ended_s = time.monotonic()
        station.stage.start_centre()
        back_s = recovery(station, ended_s)
        found = reckoned(station, reckoning, unsigned=GAUGES)
    return outcome(
        f"{len(every)} old receipts played again, twice", found, back_s, f"{refused} refused by the agent"
    )


def _replayed(station: Station, witness: Bystander, old: list[Message], rng: Random) -> int:
    """Gives how many were refused, which must be all; what is owed must be the same, but for what came later."""
    first = min(owed.first for owed in station.owed("centre"))
    before = int(station.destination("centre")["receipts_refused"])
    for message in rng.sample(old, len(old)):
        witness.say(message.topic, message.payload)
    until(lambda: _refused(station) >= before + len(old), f"{len(old)} receipts refused")
    assert min(owed.first for owed in station.owed("centre")) == first, "an old receipt was believed"
    return _refused(station) - before


def _refused(station: Station) -> int:
    return int(station.destination("centre")["receipts_refused"])


def _kill_at(station: Station, call: str, nth: int) -> None:
    """The running centre dies as it is about to make that call."""
    centre = station.stage.centre
    assert centre is not None
    with tampered(centre.pid, call, f"signal=SIGKILL:when={nth}"):
        until(lambda: not centre.is_running(), f"the centre's death at {call} {nth}", within_s=60)


def _witness(station: Station) -> Bystander:
    return Bystander(station.stage.broker.url, RECEIPTS, name="witness")


def _newest(witness: Bystander) -> Receipt:
    """The newest receipt that anybody heard."""
    receipts = (_receipt(m) for m in witness.heard if m.topic.startswith(f"{CENTRE}/"))
    return max(receipts, key=lambda receipt: receipt.number)


def _receipt(message: Message) -> Receipt:
    return decode_receipt(peek(message.payload, RECEIPT).payload)


def _covered(receipt: Receipt) -> set[int]:
    beyond = (range(first, last + 1) for first, last, _ in receipt.ranges)
    return set(range(1, receipt.through + 1)).union(*beyond)


def _of(station: Station) -> StationSummary:
    (summary,) = stations(station.stage.centre_folder)
    return summary


def _receipt_number(station: Station) -> int:
    """Of the newest receipt that the centre has made and kept."""
    (ledger,) = _of(station).ledgers
    return ledger.receipt_number or 0


def _stored(station: Station) -> set[int]:
    """The seqs at the centre."""
    return set(_arrived(station))


def _arrived(station: Station) -> list[int]:
    """The seqs at the centre, in the order in which they were stored."""
    with snapshot(Folder(station.stage.centre_folder)) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM envelope ORDER BY rowid")]


def _overtaken(station: Station) -> int:
    """How many records were stored after a newer one."""
    arrived = _arrived(station)
    newest = accumulate(arrived, max)
    return sum(seq < highest for seq, highest in zip(arrived, newest, strict=True))


FAULTS: Final = (
    Fault("centre: twice, late and out of order", (), in_disorder, short=True, about_s=10),
    Fault("centre killed before a receipt", ("strace",), killed_before_a_receipt, short=False, about_s=70),
    Fault("centre stopped for a while", (), stopped, short=False, about_s=20),
    Fault("centre: old receipts again", (), old_receipts, short=False, about_s=20),
)
