"""40001 and its relatives."""

import pytest

from drivers.notation import number, place

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("register", "where"),
    [
        (40001, ("holding", 0)),
        (49999, ("holding", 9998)),
        (400001, ("holding", 0)),
        (465536, ("holding", 65535)),
        (30008, ("input", 7)),
        (10129, ("discrete", 128)),
        (17, ("coil", 16)),
        ("00017", ("coil", 16)),
        ("000017", ("coil", 16)),
        (365536, ("input", 65535)),
    ],
)
def test_the_numbers_of_manuals(register: int | str, where: tuple[str, int]) -> None:
    assert place(register) == where


@pytest.mark.parametrize(
    "register", [0, 40000, 50001, 20001, 465537, 4000001, -1, "4x001", "40 001", "١٠٠٠١", 400000]
)
def test_what_is_no_register_number_is_refused(register: int | str) -> None:
    with pytest.raises(ValueError, match=str(register)):
        place(register)


def test_an_address_as_a_manual_writes_it() -> None:
    assert number("holding", 0) == "400001"
    assert number("coil", 128) == "000129"
    assert place(number("input", 65535)) == ("input", 65535)
