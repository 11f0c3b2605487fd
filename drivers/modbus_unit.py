"""What every device on a Modbus line has in its table, whatever its channels are: a unit address, and blocks."""

from typing import Annotated

from pydantic import Field, field_validator

from drivers.blocks import MOST_REGISTERS
from drivers.driver import DriverSettings


class ModbusUnit(DriverSettings):
    """`unit` 0 and 255 are for Modbus TCP devices that want them."""

    unit: Annotated[int, Field(ge=0, le=255)]
    block_gap: int = Field(default=8, ge=0, lt=MOST_REGISTERS)
    """Unused registers that may be read along to save a request (16 bits count as one)."""
    block_max: int = Field(default=MOST_REGISTERS, ge=1, le=MOST_REGISTERS)
    """Registers that the device gives in one answer."""

    @field_validator("unit")
    @classmethod
    def _unit_exists(cls, unit: int) -> int:
        if 247 < unit < 255:
            raise ValueError("unit addresses are 1..247 (0 and 255 on Modbus TCP only)")
        return unit

    def address(self) -> int:
        """The unit address."""
        return self.unit
