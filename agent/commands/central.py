"""`tram central`: the receiving side."""

import asyncio
import signal
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.shown import say

if TYPE_CHECKING:
    from central.stations import LedgerSummary, StationSummary
    from telemetry.audit import LedgerReport

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def central() -> None:
    """The receiving side: verify, store, receipt and enrol. DIR holds its store and its keys.

    Example: tram central serve centre --broker mqtt://localhost:1883
    """


@central.command()
@FOLDER
@click.option("--broker", "url", required=True, help="mqtt://host:port or mqtts://host:port")
@click.option(
    "--root", default="tram/1", show_default=True, help="Where the topics begin, as at the stations."
)
@click.option("--bench", is_flag=True, help="Trust every unknown station at first use. Only on a bench.")
@click.option("--ca", type=click.Path(path_type=Path), help="The only authority trusted for the broker.")
@click.option("--cert", type=click.Path(path_type=Path), help="Our certificate, for a broker that asks.")
@click.option("--cert-key", type=click.Path(path_type=Path), help="Its key; default: in the same file.")
@click.option("--username", help="Our name at the broker.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that only we can read.")
def serve(
    folder: Path,
    url: str,
    *,
    root: str,
    bench: bool,
    ca: Path | None,
    cert: Path | None,
    cert_key: Path | None,
    username: str | None,
    password_file: Path | None,
) -> None:
    """Receive, verify and keep records until stopped. DIR holds them; signed receipts are the answer.

    Example: tram central serve centre --broker mqtts://broker.example:8883 --ca keys/ca.pem
    """
    from central.serve import serve as receive
    from mqtt.broker import Broker, parse_url, read_password, tls_context

    if root.strip("/") != root or not root or set(root) & set("+#"):
        raise click.BadParameter(
            f'"{root}" cannot begin a topic: no + or #, no / at its ends', param_hint="--root"
        )
    address = parse_url(url)
    broker = Broker(
        host=address.host,
        port=address.port,
        client_id=f"tram-centre-{_number_of(folder)}",
        tls=tls_context(ca, cert, cert_key) if address.tls else None,
        username=username,
        password=read_password(password_file) if password_file else None,
    )
    asyncio.run(_until_stopped(receive(folder, broker, root=root, bench=bench, ready=click.echo)))


@central.command()
@FOLDER
@click.argument("station")
@click.option("--fingerprint", required=True, help="As read at the station: tram keys show keys/station.pem")
@click.option("--replace", is_flag=True, help="The gateway was exchanged: trust the new key instead.")
def enrol(folder: Path, station: str, fingerprint: str, *, replace: bool) -> None:
    """Trust the key with this fingerprint for STATION. A running `serve` sees it within a second.

    Example: tram central enrol centre BD_VSIP_NUO001 --fingerprint abcd-efgh-…
    """
    from central.enrol import enrol as trust

    done = trust(folder, station, fingerprint, replace=replace)
    if done.replaced:
        click.echo(f"replaced  {done.replaced}")
    click.echo(f"enrolled  {done.station}\nkey       {done.fingerprint}\nfile      {done.path}")


@central.command()
@FOLDER
def restored(folder: Path) -> None:
    """Say that the store in DIR came from a backup. The stations then send again what it lost.

    Example: tram central restored centre
    """
    from central.restore import restored as renew

    click.echo(f"store id  {renew(folder)}\nnext      start `tram central serve` again")


@central.command()
@FOLDER
@click.argument("station")
@click.argument("numbers", nargs=-1, type=int)
def acknowledge(folder: Path, station: str, numbers: tuple[int, ...]) -> None:
    """Mark findings of STATION as seen. Those NUMBERS, or all that are open.

    Example: tram central acknowledge centre BD_VSIP_NUO001 3 4
    """
    from central.acknowledge import acknowledge as seen

    done = seen(folder, station, numbers)
    click.echo(f"{len(done)} finding(s) of {station} acknowledged" if done else "nothing was open")


@central.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def stations(folder: Path, *, as_json: bool) -> None:
    """List every station, what it signed and what is missing. Also what was noticed.

    Example: tram central stations centre
    """
    from central.stations import as_json as for_programs
    from central.stations import stations as listed

    found = listed(folder)
    if as_json:
        click.echo(for_programs(found))
    else:
        say(as_text(found))


@central.command()
@FOLDER
@click.argument("station")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(folder: Path, station: str, *, as_json: bool) -> None:
    """Check the stored ledgers of STATION again. From the raw envelopes; fails unless all is proven.

    Example: tram central verify centre BD_VSIP_NUO001
    """
    from central.verify import verify as checked

    reports = checked(folder, station)
    if as_json:
        click.echo(_reports_as_json(reports))
    else:
        say("\n".join(_report(r) for r in reports))
    if not all(report.is_proven for report in reports):
        raise click.exceptions.Exit(1)


def as_text(found: "list[StationSummary]") -> str:
    """The stations for people, each with its ledgers and its open findings."""
    if not found:
        return "no station yet"
    return "\n\n".join(_station(station) for station in found)


def _station(station: "StationSummary") -> str:
    if not station.enrolled and not station.ledgers:
        seen = _when(station.last_seen_ms)
        return f"{station.station}  WAITS TO BE ENROLLED, heard {seen}\n  key  {station.fingerprint}"
    lines = [
        (
            f"{station.station}  {'enrolled' if station.enrolled else 'NO LONGER ENROLLED'},"
            f" last seen {_when(station.last_seen_ms)}"
        ),
        (
            f"  received {station.received}, verified {station.verified}, replayed {station.replayed},"
            f" rejected {station.rejected}, open findings {station.open_findings}"
        ),
        *(_ledger(ledger) for ledger in station.ledgers),
    ]
    for finding in station.findings:
        if finding.is_open:
            times = f" ({finding.times} times)" if finding.times > 1 else ""
            lines.append(f"  ! {finding.number} {finding.what}: {finding.detail}{times}")
    return "\n".join(lines)


def _ledger(ledger: "LedgerSummary") -> str:
    missing = f"missing {ledger.missing} ({ledger.pending} pending, {ledger.holes} in holes)"
    return (
        f"  ledger {ledger.ledger[:8]}…  signed {ledger.signed}, through {ledger.through},"
        f" verified {ledger.verified}, {missing if ledger.missing else 'nothing missing'},"
        f" receipt {_when(ledger.receipt_ms)}"
    )


def _report(report: "LedgerReport") -> str:
    verified = f"seq {report.verified[0]} to {report.verified[1]}" if report.verified else "nothing"
    lines = [
        (
            f"ledger {report.ledger.hex()[:8]}… of {report.station}:"
            f" {'PROVEN' if report.is_proven else 'NOT PROVEN'}, verified {verified} of {report.newest}"
        ),
        *(f"  ! {f.what.value}: {f.detail}" for f in report.findings),
    ]
    return "\n".join(lines)


def _reports_as_json(reports: "list[LedgerReport]") -> str:
    import json

    rows = [
        {
            "station": r.station,
            "ledger": r.ledger.hex(),
            "is_proven": r.is_proven,
            "verified": r.verified,
            "newest": r.newest,
            "holes": r.holes,
            "tombstoned": r.tombstoned,
            "kinds": r.kinds,
            "findings": [{"what": f.what.value, "seq": f.seq, "detail": f.detail} for f in r.findings],
        }
        for r in reports
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2)


def _when(at_ms: int | None) -> str:
    from datetime import UTC, datetime

    return "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%SZ}"


def _number_of(folder: Path) -> str:
    """The same client id each time for one folder, another one for another folder."""
    import hashlib

    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]


async def _until_stopped(work: Awaitable[None]) -> None:
    """Run until SIGTERM or SIGINT, and close what is open."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
