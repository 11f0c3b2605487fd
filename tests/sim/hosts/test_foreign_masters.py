"""Masters that we did not write read our instruments: two ends that share one codec can agree on a mistake."""

import asyncio
import shlex
import shutil
import struct
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from sim.face import Face
from sim.hosts.pty import PtyHost
from sim.hosts.rtu_tcp import RtuTcpHost
from sim.hosts.tcp import TcpHost
from sim.wire import Wire
from tests.sim.bench import ph_meter

pytestmark = pytest.mark.system

MBPOLL = shutil.which("mbpoll")
GCC = shutil.which("gcc")
HAS_LIBMODBUS = Path("/usr/include/modbus/modbus.h").exists()
needs_mbpoll = pytest.mark.skipif(MBPOLL is None, reason="mbpoll is not installed (apt install mbpoll)")
needs_libmodbus = pytest.mark.skipif(
    GCC is None or not HAS_LIBMODBUS, reason="gcc or libmodbus is not installed (apt install libmodbus-dev)"
)

LIBMODBUS_MASTER = r"""
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    uint16_t words[125];
    uint8_t bits[8];
    modbus_t *master = strcmp(argv[1], "tcp") == 0 ? modbus_new_tcp("127.0.0.1", atoi(argv[2]))
                                                   : modbus_new_rtu(argv[2], 9600, 'N', 8, 1);
    modbus_set_slave(master, 3);
    modbus_set_response_timeout(master, 5, 0);
    if (modbus_connect(master) != 0) { printf("connect %s\n", modbus_strerror(errno)); return 1; }
    modbus_read_registers(master, 0, 3, words);
    printf("pH %.2f temperature %d\n", modbus_get_float_abcd(words), (int16_t)words[2]);
    modbus_read_input_bits(master, 3, 1, bits);
    printf("alarm %d\n", bits[0]);
    words[0] = 4711;
    printf("wrote %d\n", modbus_write_registers(master, 100, 1, words));
    words[0] = 0;
    modbus_read_registers(master, 100, 1, words);
    printf("read %d\n", words[0]);
    printf("coil %d\n", modbus_write_bit(master, 0, 1));
    int refused = modbus_read_registers(master, 50, 1, words);
    printf("refused %d %s\n", refused, modbus_strerror(errno));
    modbus_close(master);
    modbus_free(master);
    return 0;
}
"""
LIBMODBUS_SAYS = """\
pH 7.50 temperature 284
alarm 1
wrote 1
read 4711
coil 1
refused -1 Illegal data address
"""


def tcp_wire() -> Wire:
    return Wire("tcp", Face({3: ph_meter()}, gateway=True))


def serial_wire() -> Wire:
    return Wire("rs485", Face({3: ph_meter("a"), 4: ph_meter("b", ph=6.5)}))


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return output.decode()


@needs_mbpoll
async def test_mbpoll_reads_a_float_over_tcp() -> None:
    assert MBPOLL
    async with TcpHost(tcp_wire()) as host:
        said = await run(
            MBPOLL, *shlex.split(f"-m tcp -a 3 -0 -r 0 -t 4:float -B -1 -o 5 -p {host.port} 127.0.0.1")
        )
    assert "[0]: \t7.5" in said


@needs_mbpoll
async def test_mbpoll_reads_two_slaves_on_one_serial_line() -> None:
    assert MBPOLL
    async with PtyHost(serial_wire()) as line:
        options = shlex.split("-m rtu -a 3,4 -0 -r 0 -t 4:float -B -1 -o 5 -b 9600 -P none")
        said = await run(MBPOLL, *options, line.path)
    assert "[0]: \t7.5" in said
    assert "[0]: \t6.5" in said


@needs_libmodbus
async def test_libmodbus_reads_writes_and_is_refused_on_both_wires(tmp_path: Path) -> None:
    assert GCC
    source, program = tmp_path / "master.c", tmp_path / "master"
    source.write_text("#include <stdlib.h>\n" + LIBMODBUS_MASTER)
    assert await run(GCC, "-o", str(program), str(source), "-lmodbus") == ""
    async with TcpHost(tcp_wire()) as host:
        assert await run(str(program), "tcp", str(host.port)) == LIBMODBUS_SAYS
    async with PtyHost(serial_wire()) as line:
        assert await run(str(program), "rtu", line.path) == LIBMODBUS_SAYS


async def test_pymodbus_reads_on_every_wire() -> None:
    async with TcpHost(tcp_wire()) as tcp, RtuTcpHost(serial_wire()) as rtu, PtyHost(serial_wire()) as line:
        clients = (
            AsyncModbusTcpClient("127.0.0.1", port=tcp.port),
            AsyncModbusTcpClient("127.0.0.1", port=rtu.port, framer=FramerType.RTU),
            AsyncModbusSerialClient(line.path, baudrate=9600),
        )
        for client in clients:
            assert await client.connect()
            read = await client.read_holding_registers(0, count=3, device_id=3)
            assert read.registers == [*struct.unpack(">HH", struct.pack(">f", 7.5)), 284]
            bits = await client.read_discrete_inputs(3, count=1, device_id=3)
            assert bits.bits[0] is True
            written = await client.write_registers(100, [1234], device_id=3)
            assert not written.isError()
            refused = await client.read_input_registers(0, count=1, device_id=3)
            assert refused.exception_code == 2
            plate = await client.read_device_information(device_id=3)
            assert isinstance(plate, ReadDeviceInformationResponse)
            assert plate.information == {0: b"Tram", 1: b"Bench pH", 2: b"1"}
            client.close()
