"""Node-RED with node-red-contrib-modbus: installed with npm; a flow reads, packs, queues on disk and publishes."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.peers.peer import EVERY_S, NotHere, Peer, Value, program, run

_VERSIONS = {
    "node-red": "4.1.15",
    "node-red-contrib-modbus": "5.60.2",
    "node-red-contrib-queue-gate": "1.5.5",
}
_OVERRIDES = {"@openp4nr/modbus-serial": "npm:modbus-serial@8.0.25"}
"""node-red-contrib-modbus wants a fork of modbus-serial from outside the npm registry; this is what was forked."""

_FLUSH_S = 1
_SETTINGS = """\
module.exports = {
  flowFile: "flows.json", credentialSecret: false, httpAdminRoot: false, httpNodeRoot: false,
  telemetry: { enabled: false }, logging: { console: { level: "info", metrics: false, audit: false } },
  contextStorage: {
    default: { module: "memory" },
    file: { module: "localfilesystem", config: { flushInterval: FLUSH_S } }
  }
}
"""
_PACK = """\
const bytes = Buffer.alloc(2 * msg.payload.length);
msg.payload.forEach((word, i) => bytes.writeUInt16BE(word, 2 * i));
const values = {};
for (let i = 0; i < bytes.length / 4; i++) {
    values["ch" + String(i).padStart(2, "0")] = +bytes.readFloatBE(4 * i).toPrecision(8);
}
node.send({ topic: "nodered/" + msg.topic, payload: JSON.stringify({ ts: Date.now(), values }) });
return flow.get("sent") ? null : { topic: "control", payload: "peek" };
"""
_SENT = """\
if (flow.get("sent") === msg._msgid) { return null; }
flow.set("sent", msg._msgid);
return msg;
"""
_TAKEN = """\
if (flow.get("sent") !== msg._msgid) { return null; }
flow.set("sent", null);
node.send({ topic: "control", payload: "drop" });
return { topic: "control", payload: "peek" };
"""
_BACK = """\
if (msg.status.fill !== "green") { return null; }
flow.set("sent", null);
return { topic: "control", payload: "peek" };
"""
_COMMANDS = (
    "open",
    "close",
    "toggle",
    "queue",
    "default",
    "trigger",
    "flush",
    "reset",
    "peek",
    "drop",
    "status",
)

Node = dict[str, object]


class NodeRed(Peer):
    """The flow is generated here; the queue is the one that the npm registry has for it."""

    name = "Node-RED"
    storage = (
        "node-red-contrib-modbus reads 40 registers in one request; its MQTT node drops what is published while"
        " offline, so node-red-contrib-queue-gate stands before it, in its documented pattern *Retain Until Processed*"
        " (peek, and drop when the MQTT node says that QoS 1 is acknowledged), its state kept in Node-RED's"
        f" `localfilesystem` context with a `flushInterval` of {_FLUSH_S} s (default 30); no editor;"
        " modbus-serial from npm in place of its fork"
    )

    def install(self) -> str:
        """From the npm registry into a folder of its own."""
        program("node")
        if not (self.home / "installed").exists():
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            package = {"private": True, "dependencies": _VERSIONS, "overrides": _OVERRIDES}
            (self.home / "package.json").write_text(json.dumps(package))
            run([program("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts"], self.home)
            if not self._program.exists():
                raise NotHere("npm installed it without its program")
            (self.home / "installed").touch()
        return _VERSIONS["node-red"]

    @property
    def _program(self) -> Path:
        return self.home / "node_modules" / "node-red" / "red.js"

    def configure(self) -> None:
        """The settings and the flow."""
        (self.work / "settings.js").write_text(_SETTINGS.replace("FLUSH_S", str(_FLUSH_S)))
        (self.work / "flows.json").write_text(json.dumps(list(self._flow()), indent=1))

    def command(self) -> list[str]:
        """Node itself."""
        return [program("node"), str(self._program), "--userDir", str(self.work)]

    def values(self, topic: str, payload: bytes) -> Iterator[Value]:
        """A device is a topic; the payload has `ts` and `values`."""
        if not topic.startswith("nodered/d"):
            return
        said = json.loads(payload)
        for channel, value in said["values"].items():
            device = int(topic.removeprefix("nodered/d"))
            yield Value(device, int(channel.removeprefix("ch")), value, said["ts"])

    def _flow(self) -> Iterator[Node]:
        yield {"id": "flow", "type": "tab", "label": "Station"}
        for number, port in enumerate(self.site.ports):
            yield _modbus_client(number, port)
            yield _node("modbus-read", f"read{number}", ["pack"], []) | {
                "name": f"d{number:03d}",
                "topic": f"d{number:03d}",
                "dataType": "HoldingRegister",
                "adr": "0",
                "quantity": str(2 * self.site.channels),
                "rate": str(EVERY_S),
                "rateUnit": "s",
                "server": f"client{number}",
            }
        yield _function("pack", _PACK, "gate")
        yield _node("q-gate", "gate", ["sent"]) | _gate()
        yield _function("sent", _SENT, "out")
        yield _node("mqtt out", "out") | {"topic": "", "qos": "1", "retain": "false", "broker": "broker"}
        yield _node("complete", "complete", ["taken"]) | {"scope": ["out"], "uncaught": False}
        yield _function("taken", _TAKEN, "gate")
        yield _node("status", "status", ["back"]) | {"scope": ["out"]}
        yield _function("back", _BACK, "gate")
        yield {
            "id": "broker",
            "type": "mqtt-broker",
            "broker": "127.0.0.1",
            "port": str(self.site.broker_port),
            "clientid": "nodered",
            "autoConnect": True,
            "protocolVersion": "4",
            "keepalive": "60",
            "cleansession": True,
        }


def _node(kind: str, name: str, *wires: list[str]) -> Node:
    return {"id": name, "type": kind, "z": "flow", "name": name, "x": 0, "y": 0, "wires": list(wires)}


def _function(name: str, code: str, to: str) -> Node:
    return _node("function", name, [to]) | {"func": code, "outputs": 1, "libs": []}


def _gate() -> Node:
    commands = {f"{command}Cmd": command for command in _COMMANDS}
    return commands | {
        "controlTopic": "control",
        "defaultState": "queueing",
        "maxQueueLength": "0",
        "keepNewest": False,
        "qToggle": False,
        "persist": True,
        "storeName": "file",
    }


def _modbus_client(number: int, port: int) -> Node:
    return {
        "id": f"client{number}",
        "type": "modbus-client",
        "clienttype": "tcp",
        "bufferCommands": True,
        "tcpHost": "127.0.0.1",
        "tcpPort": str(port),
        "tcpType": "DEFAULT",
        "unit_id": "1",
        "commandDelay": "1",
        "clientTimeout": "1000",
        "reconnectOnTimeout": True,
        "reconnectTimeout": "2000",
        "parallelUnitIdsAllowed": True,
    }
