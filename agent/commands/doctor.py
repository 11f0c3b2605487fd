"""`tram doctor`: is this station in order, and what is to be done?"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.shown import say

if TYPE_CHECKING:
    from agent.doctor.evidence import Gathered
    from agent.doctor.examination import Examination
    from agent.doctor.sentences import Language


@click.command()
@click.argument("file", metavar="[STATION]", default="station.toml", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--lang", type=click.Choice(["en", "vi"]), help="Default: by the environment (LANG).")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write an archive for support (tar.gz).",
)
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="The agent's log, for --bundle.")
def doctor(
    file: Path, *, as_json: bool, lang: "Language | None", bundle: Path | None, log: Path | None
) -> None:
    """Look at everything that STATION needs: file, key, ports, disk, store, clock, network, broker, centre.

    Each line is ok, a warning or wrong, and says what to do. Exits 1 when something is wrong; warnings do not count.
    A running agent is not disturbed: no port is opened, no lock taken, nothing written, and the broker sees another
    client. Run it as the agent's user, or as root.

    The archive holds no key, no password and no token: what was said, the station file with secrets taken out, status,
    versions, the end of the log, lists of files. FILE must not be there yet.

    Example: tram doctor station.toml --bundle support.tar.gz
    """
    from agent.clock import SystemClock
    from agent.doctor.examination import BOUND_S, examine
    from agent.doctor.sentences import as_text, said
    from agent.doctor.verdict import exit_code
    from agent.founding.words import language_of

    language = lang or ("vi" if language_of(os.environ) == "vi" else "en")
    if file.is_dir():
        file = file / "station.toml"  # as `tram init` makes it
    if bundle is not None and bundle.exists():
        raise click.ClickException(f"{bundle} is there already: choose another name")
    if not as_json:
        say(said("frame-head", language, {"file": file, "bound": f"{BOUND_S:.0f}"}) + "\n")
    found = asyncio.run(examine(file, SystemClock()))
    if as_json:
        click.echo(_as_json(found, language))
    else:
        say(as_text(found.lines, language, width=_screen()))
    if bundle is not None:
        say("\n" + _packed(found, bundle, log, language), err=as_json)
    if exit_code(found.lines):
        raise click.exceptions.Exit(1)


def _screen() -> int:
    """Its columns; 0 when it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _packed(found: "Examination", path: Path, log: Path | None, language: "Language") -> str:
    """Write the archive; what is said of it."""
    from agent.doctor.bounded import forget_threads
    from agent.doctor.bundle import archive, write
    from agent.doctor.evidence import gathered, missing_text
    from agent.doctor.sentences import said
    from config.quantity import size_text

    async def all_of_it() -> "Gathered":
        forget_threads()
        return await gathered(found, os.environ, log)

    texts, redaction, missing = asyncio.run(all_of_it())
    packed = archive(texts, redaction)
    write(path, packed)
    files = len(texts) - len(missing)
    told = said("frame-bundle", language, {"path": path, "files": files, "size": size_text(len(packed))})
    return "\n".join([told, *(missing_text(name, why, language) for name, why in missing.items())])


def _as_json(found: "Examination", language: "Language") -> str:
    from agent.doctor.sentences import as_table
    from agent.doctor.verdict import counts, exit_code

    table = {
        "file": str(found.file),
        "station": found.station.id if found.station else None,
        "ok": not exit_code(found.lines),
        "counts": {mark.value: count for mark, count in counts(found.lines).items()},
        "checks": as_table(found.lines, language),
    }
    return json.dumps(table, ensure_ascii=False, indent=2)
