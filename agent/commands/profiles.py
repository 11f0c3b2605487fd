"""`tram profiles`: the library of instruments."""

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from drivers.profile import Profile

COLUMNS = ("name", "maker", "instrument", "driver", "channels", "confirmed")
PLACE_COLUMNS = {"modbus": ("table", "address", "type", "order")}
"""By driver: where a channel's value lies; of all others the field of their answer."""
NOT_CONFIRMED = "not confirmed"


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def profiles(name: str | None, as_json: bool) -> None:
    """List the instruments of the library, or show NAME: its manual, its channels, what is not confirmed.

    Example: tram profiles endress-cm44

    A device of the station file takes its channels with: profile = "NAME"
    """
    from drivers import profile

    if name is None:
        every = [profile.read(each) for each in profile.names()]
        click.echo(_json([_summary(each) for each in every]) if as_json else _list(every))
        return
    shown = profile.read(name)
    click.echo(_json(_whole(shown)) if as_json else _text(shown))


def _summary(profile: "Profile") -> dict[str, object]:
    about = profile.about
    return {
        "name": profile.name,
        "title": about.title,
        "maker": about.maker,
        "instrument": about.instrument,
        "driver": about.driver,
        "channels": len(profile.rows),
        "confirmed": profile.confirmed,
    }


def _whole(profile: "Profile") -> dict[str, object]:
    about = profile.about
    rows = zip(profile.table["channel"], profile.rows, strict=True)
    return _summary(profile) | {
        "source": [source.model_dump() for source in about.source],
        "identity": None if about.identity is None else about.identity.model_dump(),
        "status": None if about.status is None else about.status.model_dump(),
        "settings": profile.settings,
        "channel": [channel | row.model_dump() for channel, row in rows],
    }


def _list(every: "list[Profile]") -> str:
    rows = [COLUMNS, *(_list_row(profile) for profile in every)]
    return "\n".join(_aligned(rows))


def _list_row(profile: "Profile") -> tuple[str, ...]:
    about, count = profile.about, len(profile.rows)
    return (
        profile.name,
        about.maker,
        about.instrument,
        about.driver,
        str(count),
        f"{profile.confirmed} of {count}",
    )


def _text(profile: "Profile") -> str:
    about, count = profile.about, len(profile.rows)
    head = [
        f"{profile.name}: {about.maker} {about.instrument}",
        f"what       {about.title}",
        f"driver     {about.driver}",
        *(f"source     {source.manual}, {source.edition}, p. {source.pages}" for source in about.source),
    ]
    if (found := about.identity) is not None:
        head.append(
            f"identity   {found.what}: {found.table} {found.address}, {found.type}"
            f" (p. {found.page}){_doubt(confirmed=found.confirmed)}"
        )
    if (status := about.status) is not None:
        note = f"; {status.note}" if status.note else ""
        doubt = _doubt(confirmed=status.confirmed)
        head.append(f"status     {status.what} (p. {status.page}){doubt}{note}")
    head += [f"setting    {key} = {_toml(value)}" for key, value in profile.settings.items()]
    channels = zip(profile.table["channel"], profile.rows, strict=True)
    place = PLACE_COLUMNS.get(about.driver, ("field",))
    titles = ("channel", *place, "unit", "range", "page", "")
    table = [titles, *(_row(channel, place, row.page, row.confirmed) for channel, row in channels)]
    return "\n".join(
        [
            *head,
            f"confirmed  {profile.confirmed} of {count} rows",
            "",
            *_aligned(table),
            *_by_text("flags", [(channel["id"], _flags(channel)) for channel in profile.table["channel"]]),
            *_by_text("notes", [(row.id, row.note) for row in profile.rows]),
        ]
    )


def _doubt(*, confirmed: bool) -> str:
    return "" if confirmed else f", {NOT_CONFIRMED}"


def _toml(value: object) -> str:
    """As it stands in the file, near enough for a reader."""
    return json.dumps(value, ensure_ascii=False)


def _row(channel: dict[str, Any], place: tuple[str, ...], page: str, confirmed: bool) -> tuple[str, ...]:
    low, high = channel.get("range", (None, None))
    usual = {"address": channel.get("register", ""), "field": channel["id"]}
    return (
        channel["id"],
        *(str(channel.get(key, usual.get(key, ""))) for key in place),
        channel.get("unit", ""),
        "" if low is None else f"{low:g}..{high:g}",
        page,
        "" if confirmed else NOT_CONFIRMED,
    )


def _flags(channel: dict[str, Any]) -> str:
    """What each status means, those that are well left out; empty for a channel that is no status."""
    meanings = channel.get("flags", {}).items()
    return ", ".join(f"{status} {meaning}" for status, meaning in meanings if meaning != "valid")


def _by_text(title: str, texts: list[tuple[str, str]]) -> list[str]:
    """Each text once, with the channels that have it; nothing at all when none has one."""
    channels: dict[str, list[str]] = {}
    for channel, text in texts:
        if text:
            channels.setdefault(text, []).append(channel)
    rows = [f"  {', '.join(ids)}: {text}" for text, ids in channels.items()]
    return ["", title, *rows] if rows else []


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _json(table: object) -> str:
    return json.dumps(table, ensure_ascii=False, indent=2)
