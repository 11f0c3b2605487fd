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
from _pytest.terminal import TerminalReporter


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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Mark the reports of pure tests, so that their time can be told (also by xdist's workers)."""
    if "pure" in report.keywords:
        report.user_properties.append(("pure", True))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """What was skipped, by name and counted, and what the pure tests took."""
    passed = terminalreporter.getreports("passed")
    pure = [report for report in passed if ("pure", True) in report.user_properties]
    seconds = sum(report.duration for report in pure)
    terminalreporter.section("what this run says")
    terminalreporter.write_line(f"pure tests: {len(pure)} in {seconds:.1f} s")
    skipped = terminalreporter.getreports("skipped")
    terminalreporter.write_line(f"skipped: {len(skipped)}")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        terminalreporter.write_line(f"  {report.nodeid}: {reason}")
