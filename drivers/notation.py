"""The register numbers of manuals: 40001 is the first holding register, address 0 in the request.

The first digit names the table, the rest counts from 1: five digits reach 9999, six digits reach 65536.
A number that is neither is refused, never guessed. Leading zeros of coils need a text: "00001".
"""

from drivers.protocols.modbus import Table

TABLES: dict[str, Table] = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
FIRST_DIGIT: dict[Table, str] = {table: digit for digit, table in TABLES.items()}


def place(register: int | str) -> tuple[Table, int]:
    """Table and address (from 0) of a register number; ValueError when it is none."""
    digits = str(register)
    if isinstance(register, int) and 0 < register < 10000:
        digits = f"{register:05d}"
    if not digits.isascii() or not digits.isdigit() or len(digits) not in (5, 6):
        raise ValueError(f"{register} is not a register number like 40001 or 400001")
    if digits[0] not in TABLES:
        raise ValueError(
            f"{register}: a register number begins with 0 (coil), 1 (discrete), 3 (input) or 4 (holding)"
        )
    number = int(digits[1:])
    if not 1 <= number <= 65536:
        raise ValueError(f"{register}: behind the first digit come 1 to 65536")
    return TABLES[digits[0]], number - 1


def number(table: Table, address: int) -> str:
    """How a manual writes this address, in the form that reaches every address."""
    return f"{FIRST_DIGIT[table]}{address + 1:05d}"
