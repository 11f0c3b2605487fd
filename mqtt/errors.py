"""What can go wrong with a broker, by what the caller does about it.

MqttError
├── Misconfigured   a file or an address is wrong: say it, do not retry
├── Unreachable     no connection came about: retry with back-off
├── BrokerUnfit     the broker cannot carry our records: one alarm, retry rarely
├── Refused         the broker said no to a connect, publish or subscribe: report its reason
├── TooLarge        a packet over the broker's announced limit; nothing was sent
└── Lost            the connection ended; what was pending has an unknown outcome: reconnect
"""


class MqttError(Exception):
    """One sentence for the technician: what happened, where, what to do."""


class Misconfigured(MqttError):
    """A URL, a certificate, a key or a password file that cannot be used as it is."""


class Unreachable(MqttError):
    """No MQTT 5 connection came about: name, network, TLS or silence."""


class BrokerUnfit(MqttError):
    """The broker answers, but announces limits that our records do not fit into."""


class Refused(MqttError):
    """The broker said no. `reason_code` is MQTT 5's (0x80..0xFF), `words` say it."""

    def __init__(self, sentence: str, *, reason_code: int, words: str) -> None:
        super().__init__(sentence)
        self.reason_code = reason_code
        self.words = words


class TooLarge(MqttError):
    """The packet has `size` bytes and the broker takes `limit`; it was not sent."""

    def __init__(self, sentence: str, *, size: int, limit: int) -> None:
        super().__init__(sentence)
        self.size = size
        self.limit = limit


class Lost(MqttError):
    """The connection has ended. `reason_code`: what the broker gave in its DISCONNECT; None: it gave none."""

    def __init__(self, sentence: str, *, reason_code: int | None = None) -> None:
        super().__init__(sentence)
        self.reason_code = reason_code

    def again(self) -> "Lost":
        """The same loss for one more waiter: an exception that is raised twice drags its first traceback along."""
        return Lost(str(self), reason_code=self.reason_code)
