"""Modbus instruments on a UDP port: the frames of Modbus TCP, one request in a datagram, one answer in another."""

import asyncio
from types import TracebackType
from typing import Self

from drivers.protocols.modbus_pdu import Malformed
from drivers.protocols.modbus_tcp import Adu, encode, take
from sim.hosts.landing import Landings
from sim.wire import Wire


class UdpHost(asyncio.DatagramProtocol):
    """`async with UdpHost(wire) as host:` serves it on host.port (0: the kernel chooses). Nothing is to hang up."""

    def __init__(self, wire: Wire, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.wire = wire
        self.host = host
        self.port = port
        self._socket: asyncio.DatagramTransport | None = None
        self._landings: dict[object, Landings] = {}

    async def __aenter__(self) -> Self:
        """OSError: the port is taken or may not be used."""
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        self.port = self._socket.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for landings in self._landings.values():
            landings.stop()
        if self._socket is not None:
            self._socket.abort()
            await asyncio.sleep(0)  # lets the transport's own closing run

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers a whole request to who sent it; what is none is dropped."""
        buffer = bytearray(data)
        try:
            adu = take(buffer)
        except Malformed:
            return
        if adu is None:
            return
        asked = adu
        due = self.wire.ask(asked.unit, asked.pdu)
        if due is not None:
            self.landings(addr).expect(due, lambda unit, pdu: encode(Adu(asked.transaction, unit, pdu)))

    def landings(self, master: tuple[str, int]) -> Landings:
        """What is under way to one master."""
        if master not in self._landings:

            def write(datagram: bytes) -> None:
                if self._socket is not None:
                    self._socket.sendto(datagram, master)

            self._landings[master] = Landings(self.wire, write, lambda: None)
        return self._landings[master]
