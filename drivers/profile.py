"""The library of instruments: a device table per model, transcribed from its manual.

A profile is `drivers/profiles/NAME.toml`: what a `[[device]]` table would say about channels, and `[about]`
with the model's name, its driver and the manual. Nothing of it is used unless a station file names it.
"""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from drivers.errors import Misconfigured

FOLDER = Path(__file__).parent / "profiles"


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """The profiles there are."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The device table of this profile without `[about]`; Misconfigured when there is none."""
    table = _read(name, folder)
    del table["about"]
    return table


def about(name: str, folder: Path = FOLDER) -> dict[str, str]:
    """`name` of the model, `driver`, and the manual (`source`)."""
    return cast("dict[str, str]", _read(name, folder)["about"])


def _read(name: str, folder: Path) -> dict[str, Any]:
    known = names(folder)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(known)}"
        raise Misconfigured(f'there is no profile "{name}"', hint=hint)
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
