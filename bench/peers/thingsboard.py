"""thingsboard-gateway: installed with pip, delivers in ThingsBoard's MQTT format to any broker."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.peers.peer import EVERY_S, Peer, Value, run

_VERSION = "3.8.5"
_WITH = ("pymodbus==3.9.2", "pyserial", "pyserial-asyncio")
"""It would install these itself at its first start."""

_TOPIC = "v1/gateway/telemetry"


class ThingsBoard(Peer):
    """Its Modbus connector and its SQLite storage."""

    name = "thingsboard-gateway"
    storage = (
        "storage `sqlite` (kept over restarts; `memory`, its default, is not), QoS 1, 20 channels as one address range"
        " with `maxRegistersPerRequest` 40, so that it too reads a device in one request; statistics, remote"
        " configuration and remote shell off; the subscriber answers its question for the session's limits with"
        " 'none', as a ThingsBoard server does"
    )

    @property
    def _python(self) -> Path:
        return self.home / "venv" / "bin" / "python"

    def install(self) -> str:
        """From PyPI into an environment of its own."""
        if not (self.home / "installed").exists():
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            run([sys.executable, "-m", "venv", "venv"], self.home)
            pip = [str(self._python), "-m", "pip", "--disable-pip-version-check", "install"]
            run([*pip, f"thingsboard-gateway=={_VERSION}", *_WITH], self.home)
            (self.home / "installed").touch()
        return _VERSION

    def configure(self) -> None:
        """Its main file, the connector's, and the logging that it comes with."""
        folder = self.work / "config"
        folder.mkdir()
        logs = next(self.home.glob("venv/lib/*/site-packages/thingsboard_gateway/config/logs.json"))
        shutil.copy(logs, folder / "logs.json")
        (folder / "tb_gateway.json").write_text(json.dumps(self._gateway(), indent=1))
        slaves = [self._slave(number, port) for number, port in enumerate(self.site.ports)]
        (folder / "modbus.json").write_text(json.dumps({"master": {"slaves": slaves}}, indent=1))

    def command(self) -> list[str]:
        """Its module."""
        return [str(self._python), "-m", "thingsboard_gateway.tb_gateway"]

    def environment(self) -> dict[str, str]:
        """Where its files are."""
        return {"TB_GW_CONFIG_DIR": str(self.work / "config")}

    def values(self, topic: str, payload: bytes) -> Iterator[Value]:
        """Devices by name, each with `ts` and `values`."""
        if topic != _TOPIC:
            return
        for name, packs in json.loads(payload).items():
            for pack in packs:
                for tag, value in pack["values"].items():
                    channel = int(tag.removeprefix("ch")) // 2
                    yield Value(int(name.removeprefix("d")), channel, value, pack["ts"])

    def _gateway(self) -> dict[str, object]:
        return {
            "thingsboard": {
                "host": "127.0.0.1",
                "port": self.site.broker_port,
                "remoteShell": False,
                "remoteConfiguration": False,
                "statistics": {"enable": False, "enableCustom": False, "statsSendPeriodInSeconds": 3600},
                "deviceFiltering": {"enable": False},
                "security": {"type": "accessToken", "accessToken": "station"},
                "qos": 1,
                "reportStrategy": {"type": "ON_RECEIVED"},
                "checkingDeviceActivity": {"checkDeviceInactivity": False},
            },
            "storage": {"type": "sqlite", "data_file_path": str(self.work / "data") + "/"},
            "grpc": {"enabled": False},
            "connectors": [{"type": "modbus", "name": "Modbus", "configuration": "modbus.json"}],
        }

    def _slave(self, number: int, port: int) -> dict[str, object]:
        registers = 2 * self.site.channels
        return {
            "host": "127.0.0.1",
            "port": port,
            "type": "tcp",
            "method": "socket",
            "unitId": 1,
            "deviceName": f"d{number:03d}",
            "timeout": 5,
            "byteOrder": "BIG",
            "wordOrder": "BIG",
            "pollPeriod": 1000 * EVERY_S,
            "timeseries": [
                {
                    "tag": "ch${address}",
                    "type": "32float",
                    "functionCode": 3,
                    "objectsCount": 2,
                    "address": f"0-{registers - 1}",
                    "maxRegistersPerRequest": registers,
                }
            ],
        }
