"""The broker of the comparison: mosquitto, told to lose nothing of an acknowledged message over its own stops."""

import os
import shutil

from mqtt.local_broker import BrokerProcess

_LINES = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 0
max_inflight_messages 200
"""


def mosquitto_path() -> str | None:
    """Where mosquitto is; None when it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto(BrokerProcess):
    """Sessions and their queues are written when it is stopped with SIGTERM, and are there again at its start."""

    def command(self) -> list[str]:
        """Mosquitto with a configuration file of its own."""
        path = mosquitto_path()
        assert path is not None
        text = _LINES.format(port=self.port, folder=self.folder)
        if os.geteuid() == 0:
            text += "user root\n"  # it would otherwise give up the right to write into our folder
        file = self.folder / "mosquitto.conf"
        file.write_text(text)
        return [path, "-c", str(file)]
