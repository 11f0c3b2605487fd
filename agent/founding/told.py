"""Lines and devices as options of a command say them: ID=URL, and ID,KEY=VALUE,...

NotClear: the option cannot be read; its text is for the technician.
"""

from collections.abc import Sequence

from agent.founding.library import known_profiles
from agent.founding.outline import BY_HAND, DEFAULT_PERIOD, DeviceOutline, LineOutline, as_value
from config.errors import did_you_mean


class NotClear(Exception):
    """What stands in an option cannot be read."""


def line_told(text: str) -> LineOutline:
    """`lan=tcp://10.0.0.5:502`."""
    name, _, url = text.partition("=")
    if not name or not url:
        raise NotClear(f"--line {text}: write ID=URL, for example lan=tcp://10.0.0.5:502")
    return LineOutline(name, url)


def device_told(text: str, lines: Sequence[LineOutline]) -> DeviceOutline:
    """`ph,profile=endress-cm44,line=lan,unit=3`. With one line, it is on that one."""
    name, *pairs = text.split(",")
    keys = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if not name or len(keys) != len(pairs):
        raise NotClear(f"--device {text}: write ID,KEY=VALUE, for example ph,profile=endress-cm44,unit=247")
    profile, line = keys.pop("profile", ""), keys.pop("line", lines[0].id if len(lines) == 1 else "")
    if line not in {each.id for each in lines}:
        raise NotClear(f"--device {text}: on which line? write line=ID in it, and --line ID=URL")
    profiles = known_profiles()
    if profile and profile not in profiles:
        near = did_you_mean(profile, profiles, "profiles")
        raise NotClear(f'--device {text}: there is no profile "{profile}", {near}')
    driver = profiles.get(profile, BY_HAND).driver
    every = keys.pop("every", DEFAULT_PERIOD)
    values = {key: as_value(value) for key, value in keys.items()}
    return DeviceOutline(name, line, profile or None, driver, every, values)
