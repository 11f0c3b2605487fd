"""Wires that are pulled, forbidden or set wrongly: one clear line, and the others go on."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.rehearsal import Process
from sim.hosts.pty import PtyHost
from telemetry.bodies import GapBody, GapReason
from telemetry.record import Kind
from tests.system.patience import until
from tests.system.plant import Line
from tests.system.station import station_at

pytestmark = pytest.mark.system

NO_ROOT_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Root that is held to the permissions of files, as every other user is."""


def test_an_adapter_unplugged_and_back_recovers_and_leaves_one_gap_record(tmp_path: Path) -> None:
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    with station_at(tmp_path, centre=False) as station:
        rs485 = station.plant.serial("rs485", "probe", every_ms=200, link=by_id / "usb-adapter-port0")
        adapter = rs485.host
        assert isinstance(adapter, PtyHost)
        station.lines.append(rs485)
        station.describe()
        agent = station.start()
        until(lambda: station.device("probe").get("age_s") is not None, "an answer")
        station.plant.do(adapter.unplug)
        until(lambda: station.device("probe")["silent"], "silence")
        tcp_polls = station.device("gauge1")["polls"]
        until(lambda: "no such device" in station.device("probe")["trouble"], "a line that cannot be opened")
        station.plant.do(adapter.plug_in)
        until(lambda: not station.device("probe")["silent"], "an answer")
        assert station.device("gauge1")["polls"] > tcp_polls
        assert station.device("gauge1")["failures"] == 0
        (gap,) = until(lambda: station.records(Kind.GAP), "a gap record")
        body = GapBody.decode(gap.body)
        assert (body.reason, body.device) == (GapReason.LINE_DOWN, "probe")
        assert body.from_mono_ms < body.to_mono_ms
        assert str(by_id) in str(body.detail)
        agent.stop()
        assert len(station.records(Kind.GAP)) == 1


def test_a_line_without_permission_and_one_set_wrongly_say_so_once_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    prefix = NO_ROOT_PRIVILEGE if os.geteuid() == 0 else ()
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip("setpriv is not installed, and root may open everything")
    with station_at(tmp_path, centre=False) as station:
        forbidden = station.plant.serial("forbidden", "probe", every_ms=100)
        wrong = station.plant.serial("wrong", "meter", every_ms=100)
        wrong.url = wrong.url.replace("parity=N", "parity=E")  # a pseudo-terminal does not do that
        station.lines += [forbidden, wrong]
        station.describe()
        terminal = _terminal(forbidden)
        terminal.chmod(0)
        agent = station.start(prefix=prefix)
        station.grows(20)
        until(lambda: station.device("meter").get("failures", 0) > 2, "failures of the wrongly set line")
        (probe,) = _said(agent, "probe")
        assert f"{terminal}: no permission to open it" in probe["error"]
        assert "add the user of tram to the group" in probe["error"]
        (meter,) = _said(agent, "meter")
        assert f"{_terminal(wrong)}: it refuses 115200 Bd 8E1" in meter["error"]
        assert station.device("gauge1")["failures"] == 0
        shown = station.stage.tram("status", str(station.file)).stdout
        assert "no permission to open it" in shown
        assert "it refuses 115200 Bd 8E1" in shown
        terminal.chmod(0o600)
        until(lambda: station.device("probe")["age_s"] is not None, "an answer after the fix")


def _terminal(line: Line) -> Path:
    assert isinstance(line.host, PtyHost)
    return Path(line.host.path)


def _said(agent: Process, device: str) -> list[dict[str, Any]]:
    """The warnings of the log about one device."""
    lines = [json.loads(line) for line in agent.said().splitlines()]
    return [line for line in lines if line["level"] == "warning" and line.get("device") == device]
