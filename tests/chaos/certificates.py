"""Certificates that expire while the station delivers: the broker's, the station's own, and both by a wrong clock."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from agent.rehearsal import Process
from tests.brokers import Mosquitto
from tests.certificates import Authority, CertFiles
from tests.chaos.clocks import BEGUN_MS
from tests.chaos.disk import longest_wait_s
from tests.chaos.false_clock import SYNCHRONISED, UNSYNCHRONISED, FalseClock
from tests.chaos.fault import Fault, Outcome, Violated
from tests.chaos.reckoning import Reckoned, Reckoning
from tests.system.patience import until
from tests.system.station import Station, station_at

GAUGES: Final = 2
EVERY_MS: Final = 200
DAY_S: Final = 86_400
LIFE_S: Final = 15.0
"""Of the certificate that expires: long enough for a start on a busy machine."""
HOLDS_S: Final = 8.0
LATE_S: Final = 1.5
BROKERS_WORDS: Final = "the broker's certificate has expired"
OUR_WORDS: Final = "our certificate has expired"
TOO_EARLY: Final = "the broker's certificate is not yet valid: check the station's clock"


class Fleet:
    """A broker that speaks TLS and asks for certificates, a centre and a station that have them."""

    def __init__(self, folder: Path, short_lived: str) -> None:
        """short_lived: "broker" or "station", whose certificate lives LIFE_S; "" when nobody's does."""
        self.authority = Authority(folder / "certificates")
        self.station = self.issue("station", LIFE_S if short_lived == "station" else DAY_S)
        self.centre = self.issue("centre", DAY_S)
        own = self.issue("broker", LIFE_S if short_lived == "broker" else DAY_S)
        self.expires_s = time.time() + LIFE_S
        self.broker = Mosquitto(folder / "broker", tls=own, client_ca=self.authority.ca)

    def issue(self, name: str, life_s: float) -> CertFiles:
        """A certificate for this name; a new one goes into the files of the old one."""
        return self.authority.issue(name, "localhost", to_days=life_s / DAY_S)

    def refusals(self) -> int:
        """Handshakes that came to nothing, by the broker's own account."""
        log = (self.broker.folder / "broker.log").read_text(errors="replace")
        return sum("SSL routines" in line and "certificate" in line for line in log.splitlines())


@contextmanager
def _going(folder: Path, fleet: Fleet) -> Iterator[Station]:
    """A station that a centre trusts, not yet started."""
    with station_at(folder, fleet.broker, gauges=GAUGES, every_ms=EVERY_MS, centre=False) as station:
        ca, shown = fleet.authority.ca, fleet.centre
        station.stage.start_centre("--ca", str(ca), "--cert", str(shown.cert), "--cert-key", str(shown.key))
        station.trust()
        own = {"ca": ca, "cert": fleet.station.cert, "cert_key": fleet.station.key}
        station.describe(station.receipted(**{key: f'"{path}"' for key, path in own.items()}))
        yield station


def expired(whose: str, words: str) -> Callable[[Path, Random], Outcome]:
    """It runs out while the station delivers; the broker starts again, and there is no way in until it is renewed."""

    def inject(folder: Path, rng: Random) -> Outcome:
        fleet = Fleet(folder, whose)
        with _going(folder, fleet) as station:
            agent = station.start()
            reckoning = Reckoning(station)
            station.arrives()
            until(lambda: time.time() > fleet.expires_s, "the certificate expired", within_s=LIFE_S + 5)
            before = fleet.refusals()
            fleet.broker.restart()
            _says_so_once(station, agent, words)
            tries = fleet.refusals() - before
            assert tries > 2, f"{tries} handshakes were refused"
            fleet.issue(whose, DAY_S)
            if whose == "broker":
                fleet.broker.restart()
            back_s = _delivered(station)
            found = reckoning.close()
            _polled(station, agent)
        held = f"the {whose}'s certificate expired, a new one after {HOLDS_S:g} s"
        return _outcome(held, found, back_s, f"{tries} handshakes refused, one line in the log")

    return inject


def too_early(folder: Path, rng: Random) -> Outcome:
    """The station's clock says 1970, when no certificate was valid yet; then it is set."""
    fleet = Fleet(folder, "")
    clock = FalseClock(folder, shift_ms=BEGUN_MS - time.time_ns() // 1_000_000, state=UNSYNCHRONISED)
    with _going(folder, fleet) as station:
        agent = station.start(environment=clock.environment)
        reckoning = Reckoning(station)
        before = fleet.refusals()
        _says_so_once(station, agent, TOO_EARLY)
        tries = fleet.refusals() - before
        assert tries > 2, f"{tries} handshakes were refused"
        clock.set(0, SYNCHRONISED)
        back_s = _delivered(station)
        found = reckoning.close(findings={"clock-step"})
        _polled(station, agent)
    words = f"the station's clock says 1970, the broker speaks TLS; right after {HOLDS_S:g} s"
    return _outcome(words, found, back_s, f"{tries} handshakes refused, one line in the log")


def _says_so_once(station: Station, agent: Process, words: str) -> None:
    """One line, however often it tries; and it goes on polling."""
    agent.wait_for(words, within_s=30)
    before, began_s = station.readings(), time.monotonic()
    until(lambda: time.monotonic() - began_s > HOLDS_S, "the end of the trouble", within_s=2 * HOLDS_S)
    assert station.readings() > before, "no readings while the certificate is not valid"
    assert station.owed("centre"), "something was delivered all the same"
    assert words in str(station.destination("centre")), station.destination("centre")
    said = [line for line in agent.said().splitlines() if words in line]
    if len(said) != 1:
        raise Violated(f"{len(said)} lines in the log about the certificate")
    told: Mapping[str, object] = json.loads(said[0])
    assert told["destination"] == "centre", told


def _delivered(station: Station) -> float:
    """Seconds until the centre has all that is in the store now."""
    began_s = time.monotonic()
    station.arrives(within_s=90)
    return time.monotonic() - began_s


def _polled(station: Station, agent: Process) -> None:
    assert agent.is_running(), f"the agent ended; see {agent.log}"
    waited_s = longest_wait_s(station.plant.answers())
    assert waited_s < EVERY_MS / 1_000 + LATE_S, f"a device was not polled for {waited_s:.1f} s"


def _outcome(words: str, found: Reckoned, back_s: float, note: str) -> Outcome:
    return Outcome(words, found.records, found.lost, found.doubled, back_s, note)


FAULTS: Final = (
    Fault("certificate: the broker's expires", ("mosquitto",), expired("broker", BROKERS_WORDS), False, 45),
    Fault("certificate: the station's expires", ("mosquitto",), expired("station", OUR_WORDS), False, 45),
    Fault("certificate: not valid in 1970", ("mosquitto", "cc"), too_early, short=False, about_s=35),
)
