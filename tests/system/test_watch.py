"""A technician watches a line of a running agent, keeps what passes, and plays it back on another machine."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.rehearsal import Process
from buffer.snapshot import open_snapshot
from drivers.protocols.recording import Recorded, Recording, decode
from telemetry import keyfile
from telemetry.keys import KeyRing
from telemetry.record import Kind
from tests.late import stored
from tests.system.patience import until
from tests.system.station import Station, station_at

pytestmark = pytest.mark.system

Values = dict[str, object]


def frames(watch: Process) -> list[dict[str, object]]:
    """What a watch for programs has said."""
    return [json.loads(row) for row in watch.said().splitlines() if row.endswith("}")]


def watching(station: Station, line: str, name: str, *options: str) -> Process:
    log = station.folder / f"{name}.log"
    return Process(name, log, "watch", str(station.file), line, *options)


def ended(watch: Process, sign: signal.Signals = signal.SIGINT) -> int:
    """Its exit code."""
    watch.send(sign)
    until(lambda: not watch.is_running(), "the end of the watch")
    return watch.stop()


@contextmanager
def polled(folder: Path) -> Iterator[Station]:
    """A station with a TCP gauge and two on a serial line, and its running agent."""
    with station_at(folder, centre=False) as station:
        station.lines.append(station.plant.serial("rs485", "probe", "gone"))
        station.describe()
        station.start()
        yield station


def test_three_watch_one_stands_still_one_dies_and_no_poll_is_lost(tmp_path: Path) -> None:
    with polled(tmp_path) as station:
        people = watching(station, "gauge1-tcp", "people")
        programs = watching(station, "gauge1-tcp", "programs", "--json")
        stuck = watching(station, "gauge1-tcp", "stuck", "--json")
        for watch in (programs, stuck):
            until(lambda w=watch: len(frames(w)) >= 2, "frames")  # type: ignore[misc]
        people.wait_for("unit 1 (gauge1): holding 0..4 = ")
        stuck.send(signal.SIGSTOP)
        station.grows(6)
        stuck.kill()
        station.grows(6)
        seen = len(frames(programs))
        until(lambda: len(frames(programs)) > seen, "more frames after the death of another watcher")
        assert station.device("gauge1")["failures"] == 0
        assert {frame["mark"] for frame in frames(programs)} == {""}
        assert ended(people) == 0
        assert re.search(r"\n\d+ frames\n", people.said())
        assert ended(programs, signal.SIGTERM) == 0


def test_a_watch_outlives_a_station_file_that_is_read_again_and_ends_with_the_agent(tmp_path: Path) -> None:
    with polled(tmp_path) as station:
        (agent,) = station.stage.agents.values()
        watch = watching(station, "rs485", "watch", "--json")
        until(lambda: len(frames(watch)) >= 2, "frames")
        station.reload(agent)
        seen = len(frames(watch))
        until(lambda: len(frames(watch)) >= seen + 4, "frames after the reload")
        agent.stop()
        until(lambda: not watch.is_running(), "the end of the watch")
        assert watch.stop() == 1
        assert watch.said().endswith("Error: the agent has stopped\n")


def test_head_has_seen_enough_and_that_is_no_error(tmp_path: Path) -> None:
    with polled(tmp_path) as station:
        command = f"set -o pipefail; {sys.executable} -m agent watch {station.file} gauge1-tcp | head -n 3"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=30
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("TEST_1, line gauge1-tcp, tcp://127.0.0.1:")
        # The watcher may come between a question and its answer.
        assert {" > ", " < "} & {done.stdout.splitlines()[2][12:15]}


def test_an_instrument_that_fell_silent_is_seen_and_its_late_answer_too(tmp_path: Path) -> None:
    from sim.faults import Slow
    from sim.script import Rule

    with polled(tmp_path) as station:
        script = station.lines[1].host.wire.script
        watch = watching(station, "rs485", "watch")
        watch.wait_for("CRC right")
        station.plant.do(lambda: script.rules.append(Rule(Slow(0.27), unit=1)))
        watch.wait_for("! no answer to unit 1, function 3; check power")
        watch.wait_for("LATE, thrown away: it answers the question of ")
        assert ended(watch) == 0


LINES = r"""
[station]
id = "RECORDED"
timezone = "Asia/Ho_Chi_Minh"

[identity]
key = "keys/nobody.pem"

[buffer]
linger = "50ms"

[[line]]
id = "lan"
url = "tcp://10.0.0.5:502"

[[line]]
id = "rs485"
url = "serial:///dev/ttyUSB0?baudrate=9600"
timeout = "300ms"
guard = "100ms"

[[line]]
id = "tank"
url = "serial:///dev/ttyUSB1?baudrate=9600"
timeout = "300ms"
guard = "100ms"

[[line]]
id = "mast"
url = "tcp://10.0.0.6:4001"

[[device]]
id = "ph"
line = "lan"
driver = "modbus"
unit = 1
every = "300ms"
channel = [{ id = "pH", table = "holding", address = 0, type = "float64", unit = "pH", range = [0, 14] }]

[[device]]
id = "cod"
line = "rs485"
driver = "modbus"
unit = 4
every = "300ms"
channel = [{ id = "COD", table = "input", address = 0, type = "float64", unit = "mg/L" }]

[[device]]
id = "level"
line = "tank"
driver = "ascii"
every = "300ms"
request = 'LEV?\r'
pattern = 'LEV {level} m'
channel = [{ id = "level", unit = "m" }]

[[device]]
id = "wind"
line = "mast"
driver = "ascii"
every = "1s"
pattern = 'W {speed}'
channel = [{ id = "speed", unit = "m/s" }]
"""
ASKED = {"ph": "lan", "cod": "rs485", "level": "tank"}
RECORDED_ANSWERS = 8


class Rehearsed:
    """A twin of LINES and an agent that polls it, until the end of the block; `signed` is what it signed."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.file = folder / f"{name}.toml"
        self._store = folder / f"{name}.files" / "ledger.db"
        self._key = folder / f"{name}.files" / "station.pem"
        wishes = [word for line in ("lan", "mast") for word in ("--port", f"{line}=0")]
        source = str(folder / "station.toml")
        self.twin = Process(
            f"{name} twin",
            folder / f"{name}-twin.log",
            "sim",
            source,
            *wishes,
            "--write",
            str(self.file),
            *options,
        )
        until(lambda: "Ctrl-C ends" in self.twin.said() or not self.twin.is_running(), "the twin")
        self.agent = Process(f"{name} agent", folder / f"{name}-agent.log", "run", str(self.file))
        self.agent.wait_for("station.polling")

    def signed(self, device: str) -> list[Values]:
        """The values of every cycle that has some, in order."""
        ring = KeyRing([keyfile.load(self._key).public])
        with open_snapshot(self._store) as store:
            rows = [
                row
                for held in store.ledgers()
                for row in store.entries(held.ledger)
                if row.kind == Kind.READINGS and row.device == device
            ]
        return [dict(cycle.values) for cycle in stored(rows, ring) if cycle.values]

    def stop(self) -> None:
        assert self.agent.stop() == 0
        assert self.twin.stop() == 0


def answers(recording: Path) -> list[Recorded]:
    """What was heard in it."""
    if not recording.exists() or b"\n" not in recording.read_bytes():
        return []
    made: Recording = decode(recording.read_text(encoding="utf-8"))
    return [entry for entry in made.entries if isinstance(entry, Recorded) and entry.way == "<"]


def is_stretch(part: Sequence[Values], whole: Sequence[Values]) -> bool:
    """Whether `part` stands in `whole` without a hole."""
    return any(list(part) == list(whole[at : at + len(part)]) for at in range(len(whole) - len(part) + 1))


def test_a_recording_played_back_gives_an_agent_the_same_readings(tmp_path: Path) -> None:
    """On TCP, on a serial line, of an instrument of characters that is asked and of one that talks by itself."""
    (tmp_path / "station.toml").write_text(LINES, encoding="utf-8")
    first = Rehearsed(tmp_path, "first")
    recordings = {line: tmp_path / f"{line}.jsonl" for line in (*ASKED.values(), "mast")}
    watches = [
        Process(line, tmp_path / f"{line}.log", "watch", str(first.file), line, "--record", str(path))
        for line, path in recordings.items()
    ]
    for line, path in recordings.items():
        enough = 4 if line == "mast" else RECORDED_ANSWERS
        until(lambda p=path, n=enough: len(answers(p)) >= n, f"answers in {path}")  # type: ignore[misc]
    assert [ended(watch) for watch in watches] == [0, 0, 0, 0]
    first.stop()

    options = [word for path in recordings.values() for word in ("--replay", str(path))]
    second = Rehearsed(tmp_path, "second", *options)
    for device in (*ASKED, "wind"):
        enough = 3 if device == "wind" else RECORDED_ANSWERS - 3
        until(lambda d=device, n=enough: len(second.signed(d)) >= n, f"readings of {device}")  # type: ignore[misc]
    second.stop()
    assert "(a recording)" in second.twin.said()
    assert "not in the recording" not in second.twin.said()
    for device, line in ASKED.items():
        once_through = second.signed(device)[: len(answers(recordings[line])) - 1]
        assert len(once_through) >= RECORDED_ANSWERS - 3
        assert len({repr(values) for values in once_through}) > 2
        assert is_stretch(once_through, first.signed(device)), device
    said = {
        float(entry.octets.split()[1]) for entry in answers(recordings["mast"]) if entry.octets[:1] == b"W"
    }
    assert {values["speed"] for values in second.signed("wind")} <= said


def test_a_question_that_was_not_recorded_is_named_and_counted(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(LINES, encoding="utf-8")
    first = Rehearsed(tmp_path, "first")
    path = tmp_path / "tank.jsonl"
    watch = Process("tank", tmp_path / "tank.log", "watch", str(first.file), "tank", "--record", str(path))
    until(lambda: len(answers(path)) >= 2, "answers")
    assert ended(watch) == 0
    first.stop()
    text = (tmp_path / "station.toml").read_text(encoding="utf-8")
    (tmp_path / "station.toml").write_text(text.replace("LEV?", "NIV?"), encoding="utf-8")
    second = Rehearsed(tmp_path, "second", "--replay", str(path))
    second.twin.wait_for("line tank: not in the recording, no answer: NIV?<CR>")
    second.stop()
    assert re.search(r"line tank: \d+ questions? not in the recording", second.twin.said())
    assert second.signed("level") == []
    assert second.signed("ph") != []
