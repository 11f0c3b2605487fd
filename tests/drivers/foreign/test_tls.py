"""TLS that is not ours in front of Modbus that is not ours: socat's OPENSSL-LISTEN before libmodbus."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.bus import Bus
from drivers.errors import NoAnswer, Unreachable
from drivers.line import LineSettings
from tests.certificates import Authority, CertFiles
from tests.drivers.foreign.test_libmodbus import check_everything, check_refusal, running, server

pytestmark = pytest.mark.system

__all__ = ["server"]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("plant"), "plant authority")


@pytest.fixture(scope="module")
def socat() -> str:
    found = shutil.which("socat")
    if found is None:
        pytest.skip("socat is not installed: a TLS server that is not ours is not tried")
    version = subprocess.run([found, "-V"], capture_output=True, text=True, check=True).stdout
    if "WITH_OPENSSL 1" not in version:
        pytest.skip("socat is built without OpenSSL: a TLS server that is not ours is not tried")
    return found


@contextmanager
def tls_before(socat: str, behind: int, files: CertFiles, *options: str, port: int = 0) -> Iterator[int]:
    """The port of a socat that ends TLS and passes what is inside on to the port `behind`."""
    with process_before(socat, behind, files, *options, port=port) as (number, _group):
        yield number


@contextmanager
def process_before(
    socat: str, behind: int, files: CertFiles, *options: str, port: int = 0
) -> Iterator[tuple[int, int]]:
    """The same with its process group."""
    listen = f"OPENSSL-LISTEN:{port},fork,reuseaddr,bind=127.0.0.1,cert={files.cert},key={files.key}"
    command = [socat, "-d", "-d", ",".join([listen, *options]), f"TCP:127.0.0.1:{behind}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        try:
            heard = ""
            while (found := re.search(r"listening on .*:(\d+)", heard)) is None:
                heard = process.stderr.readline()
                assert heard, "socat ended"
            yield int(found[1]), process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its children have the connections


def bus(port: int, ca: Path, **more: Path) -> Bus:
    table = {"url": f"tls://localhost:{port}", "timeout": "500ms", "reconnect": "10ms", "ca": ca, **more}
    return Bus(LineSettings.model_validate(table), lambda: 4_711)


def held_to(port: int) -> int:
    """TCP connections to this port that some program has open (proc(5): the inode of a closed one is 0)."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[9] != "0" for row in rows)


async def refusal(exchange: Bus) -> str:
    with pytest.raises(Unreachable) as error:
        await check_everything(exchange)
    return str(error.value)


async def test_libmodbus_behind_tls(plant: Authority, server: Path, socat: str) -> None:
    files = plant.issue("plc", "localhost")
    with running(str(server), "tcp") as behind, tls_before(socat, behind, files, "verify=0") as port:
        async with bus(port, plant.ca) as exchange:
            await check_everything(exchange)
            await check_refusal(exchange)


async def test_a_server_that_demands_a_certificate_says_what_it_has_against_ours(
    plant: Authority, server: Path, socat: str, tmp_path: Path
) -> None:
    files, ours = plant.issue("plc", "localhost"), plant.issue("station", "station")
    theirs = Authority(tmp_path, "stranger").issue("station", "station")
    demand = ("verify=1", f"cafile={plant.ca}")
    with running(str(server), "tcp") as behind:
        for old, versions in ((False, ()), (True, ("openssl-max-proto-version=TLS1.2",))):
            with tls_before(socat, behind, files, *demand, *versions) as port:
                async with bus(port, plant.ca, cert=ours.cert, cert_key=ours.key) as exchange:
                    await check_everything(exchange)
            # In TLS 1.3 its word comes after the handshake, and a reset right behind it may swallow it.
            swallowed = () if old else (", or demand a client certificate (cert, cert_key)",)
            with tls_before(socat, behind, files, *demand, *versions) as port:
                async with bus(port, plant.ca) as exchange:
                    said = await refusal(exchange)
                    word = (
                        "it demands a client certificate",
                        "it may demand a client certificate",
                        *swallowed,
                    )
                    assert any(words in said for words in word), said
                async with bus(port, plant.ca, cert=theirs.cert, cert_key=theirs.key) as exchange:
                    said = await refusal(exchange)
                    word = ("it does not accept our certificate; check cert", *swallowed)
                    assert any(words in said for words in word), said


async def test_tls_older_than_1_2_is_refused(plant: Authority, server: Path, socat: str) -> None:
    files = plant.issue("plc", "localhost")
    old = ("verify=0", "openssl-min-proto-version=TLS1.0", "openssl-max-proto-version=TLS1.1")
    weak = (*old, "cipher=ALL:@SECLEVEL=0")
    with running(str(server), "tcp") as behind, tls_before(socat, behind, files, *weak) as port:
        async with bus(port, plant.ca) as exchange:
            assert "it speaks no TLS 1.2 or newer; update it" in await refusal(exchange)


async def test_an_expired_certificate_is_refused_before_anything_is_asked(
    plant: Authority, server: Path, socat: str
) -> None:
    files = plant.issue("old", "localhost", from_days=-30, to_days=-1)
    with running(str(server), "tcp") as behind, tls_before(socat, behind, files, "verify=0") as port:
        async with bus(port, plant.ca) as exchange:
            assert "its certificate has expired; it needs a new one" in await refusal(exchange)
            assert exchange.stats.requests == 0


async def test_a_terminator_that_is_started_again_is_used_again(
    plant: Authority, server: Path, socat: str
) -> None:
    files = plant.issue("plc", "localhost")
    with running(str(server), "tcp") as behind:
        with tls_before(socat, behind, files, "verify=0") as port:
            exchange = bus(port, plant.ca)
            await check_everything(exchange)
        async with exchange:
            await refusal(exchange)
            with tls_before(socat, behind, files, "verify=0", port=port):
                await asyncio.sleep(0.02)
                await check_everything(exchange)
                assert exchange.stats.reconnects == 1


async def test_a_frozen_server_keeps_no_connection_of_ours(
    plant: Authority, server: Path, socat: str
) -> None:
    """It does not say goodbye: nothing of ours waits for that."""
    files = plant.issue("plc", "localhost")
    with (
        running(str(server), "tcp") as behind,
        process_before(socat, behind, files, "verify=0") as (port, group),
    ):
        async with bus(port, plant.ca) as exchange:
            await check_everything(exchange)
            assert held_to(port) == 1
            os.killpg(group, signal.SIGSTOP)
            with pytest.raises(NoAnswer):
                await check_everything(exchange)
        await asyncio.sleep(0)
        assert held_to(port) == 0
