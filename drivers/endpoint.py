"""Where a line leads: what its url says.

serial:///dev/ttyUSB0?baudrate=9600&parity=N   Modbus RTU on a serial port; with &framer=ascii Modbus ASCII
tcp://10.0.0.5:502                             Modbus TCP
tls://10.0.0.5:802                             the same inside TLS; with ca, cert, cert_key
udp://10.0.0.5:502                             the same frames, one in a datagram
rtu+tcp://10.0.0.6:4001                        RTU frames through a serial server; ascii+tcp:// ASCII frames
tcp://10.0.0.6:4001                            characters, of an instrument or through a serial server
local://                                       this machine itself; local:///PATH, a copy of its /proc and /sys
"""

from difflib import get_close_matches
from typing import Literal, NamedTuple, cast
from urllib.parse import SplitResult, urlsplit

from drivers.tls import MODBUS_TLS_PORT
from drivers.url_options import one_of, options_of, printable

SCHEMES = ("serial", "tcp", "tls", "udp", "rtu+tcp", "ascii+tcp", "local")
KINDS = ", ".join(f"{scheme}://" for scheme in SCHEMES)
LATER = ("rtu+udp",)
BAUDRATES = (300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
MODBUS_TCP_PORT = 502
Parity = Literal["N", "E", "O"]
Framer = Literal["rtu", "ascii"]


class SerialPort(NamedTuple):
    """A serial port on this machine. `rs485`: the kernel turns the driver on and off (its RTS line)."""

    path: str
    baudrate: int
    parity: Parity
    stopbits: int
    bytesize: int = 8
    rs485: bool = False
    framer: Framer = "rtu"

    def __str__(self) -> str:
        return self.path

    @property
    def numbered(self) -> bool:
        """Whether an answer repeats the number of its question: never."""
        return False

    @property
    def silence_s(self) -> float:
        """3.5 characters of 11 bits; 1.75 ms above 19200 Bd (Modbus over Serial Line V1.02, 2.5.1.1)."""
        return 0.00175 if self.baudrate > 19200 else 38.5 / self.baudrate


class TcpHost(NamedTuple):
    """A host that speaks Modbus TCP, in `tls` or not, or that passes RTU or ASCII frames on to a serial line."""

    host: str
    port: int
    rtu: bool
    ascii: bool = False
    tls: bool = False

    def __str__(self) -> str:
        return _host_and_port(self.host, self.port)

    @property
    def numbered(self) -> bool:
        """Whether an answer repeats the number of its question."""
        return not (self.rtu or self.ascii)


class UdpHost(NamedTuple):
    """A host that speaks Modbus with the header of Modbus TCP in datagrams."""

    host: str
    port: int

    def __str__(self) -> str:
        return _host_and_port(self.host, self.port)

    @property
    def numbered(self) -> bool:
        """Whether an answer repeats the number of its question: always."""
        return True


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class ThisMachine(NamedTuple):
    """No wire at all: the gateway that this program runs on. `root`: the folder that holds its proc and sys."""

    root: str = "/"

    def __str__(self) -> str:
        return "this machine" if self.root == "/" else f"the machine in {self.root}"


Endpoint = SerialPort | TcpHost | UdpHost


def endpoint(url: str) -> Endpoint | ThisMachine:
    """Where the url leads; ValueError in the technician's words."""
    parts = urlsplit(printable(url))
    if parts.scheme in LATER:
        raise ValueError(f"{parts.scheme}:// comes later; today a line is {KINDS}")
    if parts.scheme not in SCHEMES:
        raise ValueError(_unknown_scheme(url, parts.scheme))
    if parts.username or parts.password:
        raise ValueError("a line has no user name or password")
    if parts.fragment:
        raise ValueError(f'"#{parts.fragment}" has no meaning in a line\'s url')
    if parts.scheme == "local":
        return _local(parts)
    return _serial(parts) if parts.scheme == "serial" else _network(parts)


def _unknown_scheme(url: str, scheme: str) -> str:
    if url.startswith("/dev/"):
        return f'write "serial://{url}?baudrate=9600&parity=N" with the line\'s own settings'
    near = get_close_matches(scheme, SCHEMES, n=1)
    better = f', did you mean "{near[0]}://"?' if near else f": {KINDS}"
    return (
        f'"{scheme}://" is not a kind of line{better}' if scheme else f'"{url}" has no kind of line{better}'
    )


def _network(parts: SplitResult) -> TcpHost | UdpHost:
    through = parts.scheme in {"rtu+tcp", "ascii+tcp"}
    usual = MODBUS_TLS_PORT if parts.scheme == "tls" else MODBUS_TCP_PORT
    if parts.path not in {"", "/"} or parts.query:
        extra = parts.path + ("?" + parts.query if parts.query else "")
        raise ValueError(f"after {parts.scheme}://host:port nothing may follow (got {extra})")
    if not parts.hostname:
        raise ValueError(
            f'a host is missing, write for example "{parts.scheme}://10.0.0.5:{4001 if through else usual}"'
        )
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    if port is None and through:
        raise ValueError(
            f'the serial server\'s port is missing, write for example "{parts.scheme}://{parts.hostname}:4001"'
        )
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    port = usual if port is None else port
    if parts.scheme == "udp":
        return UdpHost(parts.hostname, port)
    rtu, in_ascii, tls = (parts.scheme == kind for kind in ("rtu+tcp", "ascii+tcp", "tls"))
    return TcpHost(parts.hostname, port, rtu, in_ascii, tls)


def _local(parts: SplitResult) -> ThisMachine:
    if parts.netloc or parts.query:
        raise ValueError('local:// is this machine itself and has no host and no options, write "local://"')
    return ThisMachine(parts.path or "/")


def _serial(parts: SplitResult) -> SerialPort:
    if parts.netloc:
        raise ValueError(f'serial needs three slashes, write "serial:///{parts.netloc}{parts.path}"')
    if not parts.path or parts.path == "/":
        raise ValueError(
            'a device is missing, write for example "serial:///dev/ttyUSB0?baudrate=9600&parity=N"'
        )
    options = options_of(parts.query, {"baudrate": None, **_DEFAULTS})
    if "baudrate" not in options:
        raise ValueError("the line's speed is missing, add \"?baudrate=9600\" (see the instrument's menu)")
    return SerialPort(
        path=parts.path,
        baudrate=int(one_of(options, "baudrate", tuple(map(str, BAUDRATES)))),
        parity=cast("Parity", one_of(options, "parity", ("N", "E", "O"))),
        stopbits=int(one_of(options, "stopbits", ("1", "2"))),
        bytesize=int(one_of(options, "bytesize", ("7", "8"))),
        rs485=one_of(options, "rs485", ("no", "kernel")) == "kernel",
        framer=cast("Framer", one_of(options, "framer", ("rtu", "ascii"))),
    )


_DEFAULTS = {"parity": "N", "stopbits": "1", "bytesize": "8", "rs485": "no", "framer": "rtu"}
