"""Modbus TCP inside TLS: whom we trust, and one clear sentence for everything that a certificate can be."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.bus import Bus
from drivers.character_bus import CharacterBus
from drivers.errors import DriverError, NoAnswer, Unreachable
from drivers.line import LineSettings
from drivers.protocols.text import take_line
from tests.certificates import Authority, CertFiles
from tests.drivers.raw_slave import mbap

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("plant"), "plant authority")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger authority")


class Server:
    """A TLS server whose Modbus answers every read with 7; it may fall silent, or drop its connections."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.port = 0
        self.silent = False
        self.heard = b""
        self.names: list[str | None] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        if context is not None:
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while asked := await reader.read(300):
                self.heard += asked
                if self.silent:
                    continue
                if self.context is None or asked == b"LEV?\r":
                    writer.write(b"2.5\r\n")
                    continue
                count = struct.unpack(">H", asked[10:12])[0]
                body = bytes([asked[7], 2 * count]) + b"\0\7" * count
                writer.write(mbap(asked[:2], asked[6], body))
        except OSError:
            pass
        finally:
            writer.transport.abort()


def serving(files: CertFiles, *, client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


@asynccontextmanager
async def server(context: ssl.SSLContext | None) -> AsyncIterator[Server]:
    served = Server(context)
    await served.start()
    yield served
    await served.stop()
    await asyncio.sleep(0.01)  # what was aborted is closed by the loop


def line(port: int, ca: Path | None, host: str = "localhost", **more: object) -> LineSettings:
    table = {"url": f"tls://{host}:{port}", "timeout": "80ms", "retries": 0, "reconnect": "10ms", "ca": ca}
    return LineSettings.model_validate({**table, "connect_timeout": "1s", **more})


def bus(port: int, ca: Path | None, host: str = "localhost", **more: object) -> Bus:
    return Bus(line(port, ca, host, **more), lambda: 4_711)


def level(buffer: bytearray) -> bytes | None:
    return take_line(buffer, b"\r\n")


async def read(exchange: Bus) -> bytes:
    return (await exchange.exchange(1, struct.pack(">BHH", 3, 0, 1))).pdu


async def failure(exchange: Bus) -> DriverError:
    with pytest.raises(DriverError) as error:
        await read(exchange)
    return error.value


async def test_a_server_of_our_authority_is_read_by_its_name_and_by_its_address(plant: Authority) -> None:
    context = serving(plant.issue("plc", "localhost", "127.0.0.1"))
    async with server(context) as plc:
        for host in ("localhost", "127.0.0.1"):
            async with bus(plc.port, plant.ca, host) as exchange:
                assert await read(exchange) == b"\3\2\0\7"
        assert plc.names == ["localhost", None]  # an address is no server name (RFC 6066, 3)
        assert plc.heard[2:12] == bytes.fromhex("00 00 00 06 01 03 00 00 00 01")


@pytest.mark.parametrize(
    ("of", "days", "host", "words"),
    [
        ("localhost", (-30, -1), "localhost", "its certificate has expired; it needs a new one"),
        ("localhost", (1, 30), "localhost", "its certificate is not yet valid; check this gateway's clock"),
        ("plc.example", (-1, 30), "localhost", "its certificate is for another name; write in url the host"),
        ("localhost", (-1, 30), "127.0.0.1", "its certificate is for another address; write in url the name"),
    ],
)
async def test_a_certificate_that_is_not_its_own_or_not_of_today_is_refused_in_one_sentence(
    plant: Authority, of: str, days: tuple[float, float], host: str, words: str
) -> None:
    context = serving(plant.issue("wrong", of, from_days=days[0], to_days=days[1]))
    async with server(context) as plc, bus(plc.port, plant.ca, host) as exchange:
        error = await failure(exchange)
        assert isinstance(error, Unreachable)
        assert str(error).startswith(f"{host}:{plc.port}: {words}")
        assert "\n" not in str(error)
        assert plc.heard == b""


async def test_a_foreign_and_a_self_signed_certificate_are_refused(
    plant: Authority, stranger: Authority, tmp_path: Path
) -> None:
    async with server(serving(stranger.issue("plc", "localhost"))) as plc:
        async with bus(plc.port, plant.ca) as exchange:
            assert "not from an authority that we trust; put the certificate" in str(await failure(exchange))
        async with bus(plc.port, None) as exchange:  # the operating system does not know it either
            assert "not from an authority that we trust" in str(await failure(exchange))
        assert plc.heard == b""
    itself = Authority.self_signed(tmp_path, "plc", "localhost")
    async with server(serving(itself)) as plc:
        async with bus(plc.port, plant.ca) as exchange:
            error = await failure(exchange)
            assert "it shows a certificate that it signed itself, and ca does not name it" in str(error)
        async with bus(plc.port, itself.cert) as exchange:  # compared, and pinned
            assert await read(exchange) == b"\3\2\0\7"


async def test_a_server_that_demands_a_certificate_takes_ours(plant: Authority) -> None:
    ours = plant.issue("station", "station")
    context = serving(plant.issue("plc", "localhost"), client_ca=plant.ca)
    async with server(context) as plc:
        async with bus(plc.port, plant.ca, cert=ours.cert, cert_key=ours.key) as exchange:
            assert await read(exchange) == b"\3\2\0\7"
        async with bus(plc.port, plant.ca) as exchange:  # asyncio's server hangs up without a word
            assert "or demand a client certificate (cert, cert_key)" in str(await failure(exchange))


async def test_tls_1_2_is_spoken(plant: Authority) -> None:
    context = serving(plant.issue("plc", "localhost"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with server(context) as plc, bus(plc.port, plant.ca) as exchange:
        assert await read(exchange) == b"\3\2\0\7"


async def test_a_port_without_tls_and_one_that_never_answers_the_handshake(plant: Authority) -> None:
    async with server(None) as plain, bus(plain.port, plant.ca, connect_timeout="2s") as exchange:
        plain.silent = True
        began_s = asyncio.get_running_loop().time()
        assert "does not go on with TLS; is that its port for TLS (usually 802)" in str(
            await failure(exchange)
        )
        assert asyncio.get_running_loop().time() - began_s < 10  # hung, it would be for ever
    async with server(None) as plain, bus(plain.port, plant.ca) as exchange:
        assert "there is no TLS on this port" in str(await failure(exchange))  # it answered, in clear


async def test_a_port_that_nobody_listens_on_and_one_that_takes_no_connection(plant: Authority) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with bus(nobody.getsockname()[1], plant.ca, "127.0.0.1") as exchange:
            assert "it refuses the connection; is Modbus TCP" in str(await failure(exchange))


async def test_a_file_that_is_gone_or_is_no_certificate_is_said_when_the_line_opens(
    plant: Authority, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    key = plant.issue("one", "one").key
    cert = plant.issue("two", "two").cert
    async with server(serving(plant.issue("plc", "localhost"))) as plc:
        async with bus(plc.port, tmp_path / "gone.pem") as exchange:
            assert "gone.pem cannot be used" in str(await failure(exchange))
        async with bus(plc.port, tmp_path / "empty.pem") as exchange:
            assert "BEGIN CERTIFICATE" in str(await failure(exchange))
        async with bus(plc.port, plant.ca, cert=cert, cert_key=key) as exchange:
            assert "they must belong together" in str(await failure(exchange))


async def test_a_renewed_authority_is_believed_without_a_restart(
    plant: Authority, stranger: Authority, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(plant.ca.read_bytes())
    async with server(serving(stranger.issue("plc", "localhost"))) as plc, bus(plc.port, ca) as exchange:
        await failure(exchange)
        ca.write_bytes(stranger.ca.read_bytes())
        assert await read(exchange) == b"\3\2\0\7"


async def test_a_server_that_restarts_is_read_again_at_once(plant: Authority) -> None:
    async with server(serving(plant.issue("plc", "localhost"))) as plc, bus(plc.port, plant.ca) as exchange:
        assert await read(exchange) == b"\3\2\0\7"
        await plc.stop()
        assert isinstance(await failure(exchange), Unreachable)
        await plc.start()
        await asyncio.sleep(0.02)
        assert await read(exchange) == b"\3\2\0\7"
        assert exchange.stats.reconnects == 1


async def test_a_connection_that_is_dead_and_not_closed_is_made_anew_after_three_silences(
    plant: Authority,
) -> None:
    async with server(serving(plant.issue("plc", "localhost"))) as plc, bus(plc.port, plant.ca) as exchange:
        assert await read(exchange) == b"\3\2\0\7"
        plc.silent = True
        for _ in range(3):
            assert isinstance(await failure(exchange), NoAnswer)
        plc.silent = False
        assert await read(exchange) == b"\3\2\0\7"
        assert exchange.stats.reconnects == 1


async def test_characters_go_through_tls_as_well(plant: Authority, stranger: Authority) -> None:
    context = serving(plant.issue("plc", "localhost"))
    async with server(context) as plc:
        async with CharacterBus(line(plc.port, plant.ca, guard="10ms"), lambda: 4_711) as talk:
            heard = await talk.ask(b"LEV?\r", level)
            assert heard.message == b"2.5"
        async with CharacterBus(line(plc.port, stranger.ca), lambda: 4_711) as talk:
            with pytest.raises(Unreachable, match="not from an authority that we trust"):
                await talk.ask(b"LEV?\r", level)
