"""`tram keys`: make and show keys."""

import json
from pathlib import Path

import click

from telemetry import keyfile
from telemetry.keys import fingerprint, kid_of, public_to_pem


@click.group()
def keys() -> None:
    """Make and show Ed25519 keys.

    Example: tram keys new keys/station.pem
    """


@keys.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def new(path: Path, as_json: bool) -> None:
    """Make a private key at PATH and show its public side. Its mode is 0600; a file that is there is not overwritten.

    Example: tram keys new keys/station.pem
    """
    _show(path, keyfile.create(path).public, as_json=as_json)


@keys.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(path: Path, as_json: bool) -> None:
    """Show the public side of a key file, private or public. Key, key id and fingerprint; nothing secret.

    Example: tram keys show keys/station.pem
    """
    _show(path, _public_of(path), as_json=as_json)


def _public_of(path: Path) -> bytes:
    with path.open("rb") as file:
        is_private = b"PRIVATE KEY" in file.read(16_384)
    return keyfile.load(path).public if is_private else keyfile.load_public(path)


def _show(path: Path, public: bytes, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_table(path, public), indent=2))
    else:
        click.echo(as_text(path, public))


def as_table(path: Path, public: bytes) -> dict[str, str]:
    """For programs; `public` is the raw key in hex."""
    return {
        "path": str(path),
        "public": public.hex(),
        "kid": kid_of(public).hex(),
        "fingerprint": fingerprint(public),
        "pem": public_to_pem(public).decode(),
    }


def as_text(path: Path, public: bytes) -> str:
    """For people: what is typed at the centre, and the PEM to hand on as a .pub file."""
    table = as_table(path, public)
    names = ("path", "public", "kid", "fingerprint")
    return "\n".join([*(f"{name:<12} {table[name]}" for name in names), "", table["pem"].rstrip()])
