"""The commissioning of one station, as its page tells it: the instruments of the page, and whoever types its commands.

`python -m tests.commissioning` types the commands of both pages again and writes down what is printed.
"""

import getpass
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agent.rehearsal import Process, Rehearsal
from sim.devices.endress import cm44
from sim.devices.hach import sc_sensor
from sim.face import Face
from sim.hosts.pty import PtyHost
from sim.instrument import Instrument
from sim.signals import Constant
from sim.wire import Wire
from telemetry import keyfile
from telemetry.keys import fingerprint
from tests.answered import answered
from tests.page import Block, blocks, printed, renamed, same
from tests.sim.bench import flow_meter
from tests.system.patience import until
from tests.system.plant import Plant

PAGES = tuple(
    Path(__file__).parent.parent / "docs" / name for name in ("commissioning.md", "commissioning.vi.md")
)

PATIENCE_S = 120.0
PORT = "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0"
METER = "10.20.30.9:502"
BROKER = "10.20.30.4:1883"
OURS = "k4jd-2m6s-7nqa-x3wv-ypc5-hg2e-rb7t-l4uo"
THEIRS = "c2vn-6b3m-q7xe-jt5a-w4ds-y2kp-hr6g-o3fz"
"""What stands on the page for the pseudo-terminal, for two ports of this machine, and for the keys that are made."""


def water() -> dict[int, Instrument]:
    """COD and pH on the RS-485 line; the label in the cabinet says 5 for the pH, its menu says 6."""
    units = {
        3: sc_sensor("cod", "COD", Constant(62.5)),
        6: cm44("ph", {"pH": Constant(7.2), "temperature": Constant(29.5)}),
    }
    return {unit: replace(instrument, baudrate=9600) for unit, instrument in units.items()}


class Site:
    """The folder in which the page is followed. `names`: what stands on the page, by what it is called here.

    `leave_port`: the instruments must not look like a program that holds the gateway's port.
    """

    def __init__(self, folder: Path, names: dict[str, str], leave_port: Callable[[], None]) -> None:
        self.folder = folder
        self.names = names
        self._leave_port = leave_port
        self._running: list[Process] = []

    def here(self, text: str) -> str:
        """As it is typed here."""
        return renamed(text, {shown: name for name, shown in self.names.items()})

    def shown(self, output: str) -> str:
        """As the page shows it."""
        self._learn_keys()
        return printed(renamed(output, self.names))

    def do(self, block: Block) -> str:
        """One block of the page, word by word; what it printed."""
        if block.kind == "toml":
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"\n{self.here(block.body)}\n")
            return ""
        if block.kind == "diff":
            self._change(block.body)
            return ""
        if block.kind == "ini" or block.note.startswith("not run"):
            return ""
        return self.shown("".join(self._type(line, block.note) for line in block.body.splitlines()))

    def do_in_passing(self, block: Block) -> str:
        """The same, and what it made is taken away again: the next one makes it in another language."""
        there = set(self.folder.iterdir())
        said = self.do(block)
        for made in set(self.folder.iterdir()) - there:
            if made.is_dir():
                shutil.rmtree(made)
            else:
                made.unlink()
        return said

    def close(self) -> None:
        """Every window is shut."""
        for process in self._running:
            process.kill()

    @property
    def _file(self) -> Path:
        return self.folder / "mystation" / "station.toml"

    def _learn_keys(self) -> None:
        ours = self.folder / "mystation/keys/station.pem"
        if ours.exists():
            self.names[fingerprint(keyfile.load(ours).public)] = OURS

    def _change(self, body: str) -> None:
        """The one line that begins with what stands behind the - gives way to those behind the +."""
        lines = self._file.read_text(encoding="utf-8").splitlines()
        rows = self.here(body).splitlines()
        (old,) = [row[1:] for row in rows if row.startswith("-")]
        (at,) = [place for place, line in enumerate(lines) if line.startswith(old)]
        lines[at : at + 1] = [row[1:] for row in rows if row.startswith("+")]
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _type(self, line: str, note: str) -> str:
        words = shlex.split(self.here(line), comments=True)
        assert words[0] == "tram", line
        what, _, told = note.partition(": ")
        if what == "answers":
            answers = [self.here(answer) for answer in told.split(" | ")]
            return answered(words[1:], answers, self.folder, self._environment(), PATIENCE_S)
        if what == "goes on":
            return self._window(words[1:], told)
        if what == "ends":
            return self._watch(words[1:], told.split(" & "))
        if what == "when":
            return until(lambda: self._when(told, words[1:]), told, within_s=PATIENCE_S)
        said = self._end(words[1:], 1 if note == "ends with 1" else 0)
        shown = {"not shown": "", "last line": said.splitlines()[-1] + "\n"} if said else {}
        return shown.get(what, said)

    def _when(self, there: str, words: list[str]) -> str:
        """What it prints, if that is there already."""
        said = self._end(words, 0)
        return said if there in said else ""

    def _end(self, words: list[str], code: int) -> str:
        """A command that ends by itself."""
        if words[0] == "doctor":
            self._leave_port()
        done = subprocess.run(
            [sys.executable, "-m", "agent", *words],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        clean = {name: word for name, word in os.environ.items() if not name.startswith(("LC_", "LANG"))}
        return clean | {"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONUTF8": "1"}

    def _open(self, words: list[str]) -> Process:
        log = self.folder / f"window{len(self._running)}.log"
        process = Process(words[0], log, *words, folder=self.folder, environment=self._environment())
        self._running.append(process)
        return process

    def _window(self, words: list[str], there: str) -> str:
        """A command that goes on in a window of its own; what it said until this was there."""
        window = self._open(words)
        window.wait_for(there, within_s=PATIENCE_S)
        said, _, rest = window.said().partition(there)
        return f"{said}{there}{rest.partition(chr(10))[0]}\n"

    def _watch(self, words: list[str], there: list[str]) -> str:
        """Until all of that was seen, then Ctrl-C; again, when it began amid a round of the agent's or saw two."""
        while True:
            window = self._open(words)
            for each in there:
                window.wait_for(each, within_s=PATIENCE_S)
            window.send(signal.SIGINT)
            window.stop(within_s=PATIENCE_S)
            said = window.said()
            if "STRAY" not in said and re.findall("|".join(map(re.escape, there)), said) == there:
                return said
            (self.folder / words[-1]).unlink()


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Instruments, broker and centre that are there before the technician comes."""
    with ExitStack() as stack:
        stage = stack.enter_context(Rehearsal(folder))
        plant = stack.enter_context(Plant(folder / "served.jsonl"))
        stage.start_centre()
        (folder / "centre.pub").write_bytes(stage.centre_key().read_bytes())
        adapters = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        link = adapters / "serial-adapter".ljust(len(PORT) - len(str(adapters)) - 1, "-")
        line = PtyHost(Wire("rs485", Face(water())), link=link)
        plant.serve(line)
        meter = plant.instrument("flow", flow_meter())
        user = getpass.getuser()
        names = {
            str(folder): "/home/tram",
            **{f"{user} {may}": f"tram {may}" for may in ("may use it", "được phép dùng")},
            str(link): PORT,
            f"127.0.0.1:{meter.port}": METER,
            stage.broker.url.removeprefix("mqtt://"): BROKER,
            fingerprint(keyfile.load_public(stage.centre_key())): THEIRS,
        }
        here = Site(folder, names, lambda: plant.do(line.let_go))
        stack.callback(here.close)
        yield here


class Printed(NamedTuple):
    """A `text` block of a page, the commands above it, and what they printed."""

    block: Block
    typed: str
    output: str


def followed(pages: Sequence[str], site: Site) -> Iterator[tuple[Printed, ...]]:
    """Each `text` block of all pages. What the first one types is done; the others' words are tried before it."""
    typed, output = [""] * len(pages), [""] * len(pages)
    for same_place in zip(*map(blocks, pages), strict=True):
        first, *others = same_place
        if first.kind == "text":
            yield tuple(map(Printed, same_place, typed, output))
            typed, output = [""] * len(pages), [""] * len(pages)
            continue
        said = [site.do_in_passing(other) if other.body != first.body else None for other in others]
        done = site.do(first)
        for place, each in enumerate([done, *said]):
            typed[place] += f"{same_place[place].body}\n"
            output[place] += done if each is None else each


def refreshed(pages: Sequence[str], site: Site) -> list[str]:
    """The pages with what is printed now; a block that says the same stays as it is."""
    fresh, done = [""] * len(pages), [0] * len(pages)
    for printed_now in followed(pages, site):
        for place, (block, _, output) in enumerate(printed_now):
            body = block.body if same(block.body) == same(output) else output
            fresh[place] += pages[place][done[place] : block.start] + body
            done[place] = block.start + len(block.body)
    return [text + page[end:] for text, page, end in zip(fresh, pages, done, strict=True)]


def main() -> None:
    """Write both pages again."""
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as here:
        texts = refreshed([page.read_text(encoding="utf-8") for page in PAGES], here)
        for page, text in zip(PAGES, texts, strict=True):
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
