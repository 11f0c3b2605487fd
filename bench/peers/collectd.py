"""collectd: taken from its Debian package, unpacked into a folder of its own; its modbus and mqtt plugins."""

import shutil
from collections.abc import Iterator

from bench.peers.peer import EVERY_S, NotHere, Peer, Value, program, run

_PACKAGES = ("collectd-core", "libmodbus5", "libmosquitto1")
_HEAD = """\
BaseDir "{work}/state"
PIDFile "{work}/collectd.pid"
PluginDir "{root}/usr/lib/collectd"
TypesDB "{root}/usr/share/collectd/types.db"
Hostname "station"
FQDNLookup false
Interval {every}
LoadPlugin logfile
LoadPlugin modbus
LoadPlugin mqtt
<Plugin logfile>
  LogLevel warning
  File "{work}/output.log"
</Plugin>
<Plugin mqtt>
  <Publish "broker">
    Host "127.0.0.1"
    Port "{broker}"
    ClientId "collectd"
    Prefix "collectd"
    QoS 1
    StoreRates false
  </Publish>
</Plugin>
<Plugin modbus>
"""
_DATA = """\
  <Data "ch{channel:02d}">
    RegisterBase {address}
    RegisterType float
    RegisterCmd ReadHolding
    Type gauge
    Instance "ch{channel:02d}"
  </Data>
"""
_HOST = """\
  <Host "d{number:03d}">
    Address "127.0.0.1"
    Port "{port}"
    Interval {every}
    <Slave 1>
      Instance "unit"
{collect}
    </Slave>
  </Host>
"""


class Collectd(Peer):
    """A value is a message; it has no store of what could not be sent."""

    name = "collectd"
    storage = (
        "QoS 1, `StoreRates false`, no limit to the write queue (the default); its documentation has nothing for MQTT"
        " that keeps a value which could not be sent, in memory or on disk; its modbus plugin reads each value in a"
        " request of its own"
    )

    def install(self) -> str:
        """Unpacked from Debian's packages; nothing is installed into the system."""
        version = self.home / "installed"
        if not version.exists():
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            for package in _PACKAGES:
                self._download(package)
            for archive in sorted(self.home.glob("*.deb")):
                run([program("dpkg"), "-x", str(archive), "root"], self.home)
            name = next(self.home.glob("collectd-core_*.deb")).name
            if not (self.home / "root" / "usr" / "sbin" / "collectd").exists():
                raise NotHere("its package has no program")
            version.write_text(name.split("_")[1])
        return version.read_text()

    def _download(self, package: str) -> None:
        """With the package lists that are there, or new ones."""
        download = [program("apt-get"), "download", package]
        try:
            run(download, self.home)
        except NotHere:
            run([program("apt-get"), "update"], self.home)
            run(download, self.home)

    def configure(self) -> None:
        """One file."""
        (self.work / "state").mkdir()
        root, every = self.home / "root", EVERY_S
        head = _HEAD.format(work=self.work, root=root, every=every, broker=self.site.broker_port)
        data = [_DATA.format(channel=c, address=2 * c) for c in range(self.site.channels)]
        collect = "\n".join(f'      Collect "ch{channel:02d}"' for channel in range(self.site.channels))
        hosts = [
            _HOST.format(number=number, port=port, every=every, collect=collect)
            for number, port in enumerate(self.site.ports)
        ]
        (self.work / "collectd.conf").write_text("".join([head, *data, *hosts, "</Plugin>\n"]))

    def command(self) -> list[str]:
        """The daemon in the foreground."""
        return [str(self.home / "root/usr/sbin/collectd"), "-f", "-C", str(self.work / "collectd.conf")]

    def environment(self) -> dict[str, str]:
        """The libraries of its plugins, where the system has none."""
        return {"LD_LIBRARY_PATH": ":".join(map(str, self.home.glob("root/usr/lib/*-linux-*")))}

    def values(self, topic: str, payload: bytes) -> Iterator[Value]:
        """`collectd/d000/modbus-unit/gauge-ch00` and `time:value`."""
        parts = topic.split("/")
        if parts[0] != "collectd" or len(parts) != 4:
            return
        stamp, _, value = payload.rstrip(b"\0").decode().partition(":")
        device, channel = parts[1].removeprefix("d"), parts[3].removeprefix("gauge-ch")
        yield Value(int(device), int(channel), float(value), 1000 * float(stamp))
