"""Who answered a hail, in the technician's words, and the lines that go into the station file. Pure."""

from collections.abc import Iterator

from agent.scan_report import ENDINGS
from drivers.endpoint import Endpoint, SerialPort
from drivers.hails import Hailing, Spoke
from drivers.scan import Ending
from drivers.trials import Setting

SHOWN_CHARACTERS = 60
NOBODY = (
    "Nobody who speaks Bayern-Hessen, C-Link or SDI-12 answered. Not asked here: Modbus (without --text), Teledyne,",
    "BAM 1020, NMEA 0183, Vaisala and other lines of text. Is the instrument on, and its address and protocol set?",
)
WANTS = {
    "bayern_hessen": (
        'dialect = "…"',
        "values = 1",
        "# its maker's dialect: thermo, ecotech-old, ecotech-new, teledyne-type-1, horiba",
    ),
    "clink": (),
    "sdi12": (),
}


def as_text(hailing: Hailing, where: Endpoint, ending: Ending, line: str) -> str:
    """Everything, for people. `line`: its id in the station file."""
    rows = [f"{where}: {ENDINGS[ending]}."]
    unasked = ", ".join(map(str, hailing.unasked)) if None not in hailing.unasked else "some of the hails"
    if unasked:
        rows.append(f"Not everybody was asked: {unasked}.")
    found = hailing.clear()
    rows += [_spoke_text(each) for each in found]
    rows += _doubts(hailing)
    if not found:
        return "\n".join([*rows, *(NOBODY if ending != "line lost" else ())])
    tables = [row for each in found for row in ("", *_tables(each, where, line))]
    return "\n".join([*rows, "", "For the station file:", *tables])


def as_table(hailing: Hailing, where: Endpoint, ending: Ending) -> dict[str, object]:
    """The same for programs."""
    return {
        "line": str(where),
        "ending": ending,
        "instruments": [
            {
                "setting": _shown(each.setting),
                "driver": each.hail.driver,
                "address": each.address,
                "heard": each.heard.hex(" "),
            }
            for each in hailing.clear()
        ],
        "not_understood": [
            {"setting": _shown(each.setting), "heard": each.heard.hex(" ")} for each in hailing.unread()
        ],
        "not_possible_on_this_port": [str(setting) for setting in hailing.refused],
    }


def _spoke_text(each: Spoke) -> str:
    at = f"  {each.setting}" if each.setting else ""
    return f"{each.hail.protocol}{at}  address {each.address}: {_printed(each.heard)}"


def _printed(heard: bytes) -> str:
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in heard)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _doubts(hailing: Hailing) -> Iterator[str]:
    seen: set[Setting | None] = set()
    for each in hailing.unread():
        if each.setting not in seen:
            at = f"at {each.setting} " if each.setting else ""
            yield f"{at}{_what_else(each)}: {_printed(each.heard)}"
        seen.add(each.setting)
    if hailing.refused:
        yield f"This port cannot do {', '.join(map(str, hailing.refused))}: not tried."


def _what_else(each: Spoke) -> str:
    """What it may be that is no answer."""
    text = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in each.heard)
    if text == len(each.heard):
        return "lines of text are heard that answer nobody, so the speed is right: does it talk by itself"
    return (
        f"something answered {each.hail.protocol} and cannot be read, several instruments at once, another setting "
        "or one that talks by itself"
    )


def _tables(each: Spoke, where: Endpoint, line: str) -> Iterator[str]:
    yield from ("[[line]]", f'id = "{line}"', f'url = "{_url(where, each.setting)}"', "")
    yield from (
        "[[device]]",
        f'id = "{each.hail.driver.replace("_", "-")}-{each.address}"',
        f'line = "{line}"',
    )
    address = f'"{each.address}"' if each.hail.driver == "sdi12" else str(int(each.address or "0"))
    yield from (f'driver = "{each.hail.driver}"', f"unit = {address}", 'every = "60s"')
    yield from WANTS[each.hail.driver]
    yield "# then a [[device.channel]] for each value, from the instrument's manual"


def _url(where: Endpoint, setting: Setting | None) -> str:
    if isinstance(where, SerialPort) and setting is not None:
        bits = "&bytesize=7" if setting.bytesize == 7 else ""
        return f"serial://{where.path}?baudrate={setting.baudrate}&parity={setting.parity}{bits}"
    return f"tcp://{where}"


def _shown(setting: Setting | None) -> str | None:
    return None if setting is None else str(setting)
