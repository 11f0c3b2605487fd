"""Why a line cannot be opened, in the technician's words: the device's name, what is wrong, what to do."""

import errno
from pathlib import Path

from drivers.endpoint import Endpoint, SerialPort, TcpHost, UdpHost
from drivers.errors import Unreachable
from drivers.tls import wrong

BY_ID = Path("/dev/serial/by-id")
BAD_SETTINGS = frozenset({errno.EINVAL, errno.ENOTSUP})
GONE = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.ECONNRESET})
HELD = frozenset({errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK})
SERIAL_SERVER = "the serial server"
MODBUS_SERVER = "Modbus TCP in the instrument"
DENIED = frozenset({errno.EACCES, errno.EPERM})


def unreachable(
    where: Endpoint, error: BaseException | None, *, by_id: Path = BY_ID, server: str = MODBUS_SERVER
) -> Unreachable:
    """The error to show. `error` None: the attempt ran into its time limit. `server`: who listens there."""
    if isinstance(where, SerialPort):
        what, hint = _serial(where, error, by_id)
    else:
        what, hint = _network(where, error, _listener(where, server))
    return Unreachable(f"{where}: {what}", hint=hint)


def _number(error: BaseException | None) -> int | None:
    """The errno of an OSError, and of a termios.error, which is none."""
    if isinstance(error, OSError):
        return error.errno
    first = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, int) else None


def _serial(where: SerialPort, error: BaseException | None, by_id: Path) -> tuple[str, str]:
    number = _number(error)
    if number == errno.ENOENT:
        return "there is no such device", _adapters(by_id)
    if number in DENIED:
        return "no permission to open it", _membership(Path(where.path))
    if number in HELD:
        return "another program holds it", f"stop that program (fuser -v {where.path} names it)"
    if number in GONE:
        return "the adapter is gone", "plug it in again; it is tried again by itself"
    if number in BAD_SETTINGS or isinstance(error, ValueError):
        settings = f"{where.baudrate} Bd {where.bytesize}{where.parity}{where.stopbits}"
        return f"it refuses {settings}", "this adapter cannot do that (a pseudo-terminal does 8N1 only)"
    if number in {errno.ENOTTY, errno.EISDIR} or "Inappropriate ioctl" in str(error):
        return "this is not a serial port", _adapters(by_id)
    return f"it cannot be opened ({error or 'it takes too long'})", "see the kernel's messages (dmesg)"


def _adapters(by_id: Path) -> str:
    """The names that stay the same whichever socket an adapter is plugged into."""
    names = sorted(str(path) for path in by_id.iterdir()) if by_id.is_dir() else []
    if not names:
        return f"is the adapter plugged in? none is to be seen in {by_id}"
    return f"is it plugged in? there is now {', '.join(names)}"


def _membership(device: Path) -> str:
    try:
        group = device.group()
    except (OSError, KeyError):
        group = "dialout"
    return f"add the user of tram to the group {group}: sudo usermod -aG {group} USER, then start it again"


def _listener(where: TcpHost | UdpHost, server: str) -> str:
    """Who should answer there."""
    if isinstance(where, UdpHost):
        return "Modbus over UDP in the instrument"
    return server if where.numbered else SERIAL_SERVER


def _network(where: TcpHost | UdpHost, error: BaseException | None, server: str) -> tuple[str, str]:
    secured = wrong(error) if getattr(where, "tls", False) else None
    if secured is not None:
        return secured
    number = _number(error)
    if number == errno.ECONNREFUSED:
        return "it refuses the connection", f"is {server} switched on, and is {where.port} its port?"
    if error is None or isinstance(error, TimeoutError):
        return "it does not answer", "check power, network cable, address and firewall"
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}:
        return "there is no way to it", "check the network cable and this gateway's address and mask"
    if type(error).__name__ == "gaierror" or isinstance(error, UnicodeError):
        return (
            f'the name "{where.host}" is not known',
            "check its spelling and the DNS server, or give the IP address",
        )
    if number in {errno.ECONNRESET, errno.EPIPE}:
        more = ", or demand a client certificate (cert, cert_key)" if getattr(where, "tls", False) else ""
        return (
            "it closed the connection",
            f"some instruments serve one master at a time{more}: is another one connected?",
        )
    return f"it cannot be reached ({error})", "check address and network"
