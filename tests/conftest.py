"""What every test gets: pure tests may touch no socket, no file and no clock."""

import builtins
import io
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest


class TouchedTheWorld(AssertionError):
    """A pure test opened a file, a socket or a clock."""


def _forbidden(what: str) -> Any:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise TouchedTheWorld(f"a pure test used {what}")

    return refuse


@pytest.fixture(autouse=True)
def _pure_means_pure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.node.get_closest_marker("pure") is None:
        yield
        return
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", _forbidden("a socket"))
        patch.setattr(socket.socket, "bind", _forbidden("a socket"))
        patch.setattr(builtins, "open", _forbidden("a file"))
        patch.setattr(io, "open", _forbidden("a file"))
        patch.setattr(os, "open", _forbidden("a file"))
        patch.setattr(pathlib.Path, "open", _forbidden("a file"))
        patch.setattr(time, "sleep", _forbidden("a sleep"))
        yield
