"""What a kind of station is on the far side of its wires.

Station file and instruments are written down separately, the file as a technician would, the instruments from their
manuals: a wrong register shows. They share the names of lines and devices, and labels tell where they call a channel
otherwise.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sim.face import Face
from sim.talk import TalkFace

Faces = dict[str, Face | TalkFace]
"""By the id of the line."""


class Kind(NamedTuple):
    """`file` is the name of its example without .toml; `faces` takes a seed: another one is another day."""

    file: str
    faces: Callable[[int], Faces]
    labels: Mapping[str, Mapping[str, str]] = {}
    """By device: the instrument's own name of a channel, and what the station file calls it."""
