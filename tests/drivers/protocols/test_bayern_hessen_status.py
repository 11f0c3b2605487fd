"""Status words: what a technician would read off the manual's table."""

import pytest

from drivers.protocols.bayern_hessen_status import (
    ECOTECH,
    FLAGS,
    HORIBA,
    TABLES,
    TELEDYNE_T200,
    TELEDYNE_T300,
    TELEDYNE_T400,
    THERMO,
    Table,
    conditions,
    unit_of,
)

pytestmark = pytest.mark.pure

WORDS: dict[str, tuple[Table, int, list[tuple[str, str | None]]]] = {
    "all is well": (ECOTECH, 0x4000, []),
    "Serinus in zero mode": (ECOTECH, 0x4400, [("zero mode", "calibration")]),
    "Serinus in background": (ECOTECH, 0x8000, [("background mode", "calibration")]),
    "Serinus, no flow, out of service": (
        ECOTECH,
        0x0201,
        [("out of service", "out_of_service"), ("flow sensor failure", "instrument_fault")],
    ),
    "T200H warming up": (TELEDYNE_T200, 0x7000, [("warming up", "warming_up")]),
    "T200H invalid": (TELEDYNE_T200, 0xA000, [("invalid concentration", "instrument_fault")]),
    "T300 in span calibration": (TELEDYNE_T300, 0x6800, [("span calibration", "calibration")]),
    "T300 off": (TELEDYNE_T300, 0x0100, [("off", "out_of_service")]),
    "T300 wheel": (TELEDYNE_T300, 0x6010, [("wheel temperature warning", "instrument_fault")]),
    "T400 in manual calibration": (TELEDYNE_T400, 0x4200, [("manual calibration", "calibration")]),
    "Thermo in service mode": (THERMO, 0x0100, [("service mode", "maintenance")]),
    "Thermo with an error that no table names": (
        THERMO,
        0x0804,
        [("span gas", "calibration"), ("bit 0004, which no table names", "instrument_fault")],
    ),
    "Horiba at zero": (HORIBA, 0x0400, [("zero", "calibration")]),
    "a status bit that no table names": (ECOTECH, 0x1000, [("bit 1000, which no table names", None)]),
}


@pytest.mark.parametrize(("table", "word", "told"), WORDS.values(), ids=WORDS)
def test_a_word_tells(table: Table, word: int, told: list[tuple[str, str | None]]) -> None:
    assert [(bit.meaning, bit.flag) for bit in conditions(word, table)] == told


def test_units() -> None:
    assert [unit_of(word, TELEDYNE_T300) for word in (0, 0x2001, 0x4400, 0x6000)] == [
        "ug/m3",
        "mg/m3",
        "ppb",
        "ppm",
    ]
    assert [unit_of(word, ECOTECH) for word in (0x0400, 0x4400)] == ["gravimetric", "volumetric"]
    assert unit_of(0, THERMO) is None


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_names_each_bit_once_with_a_known_flag_and_a_source(table: Table) -> None:
    masks = [bit.mask for bit in table.bits]
    assert sum(masks) == sum(set(masks))
    for bit in table.bits:
        assert bit.mask.bit_count() == 1
        assert not bit.mask & table.unit_mask
        assert bit.flag in FLAGS | {None}
        assert bit.meaning == bit.meaning.lower()
        assert bit.source


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_bit_is_silent(table: Table) -> None:
    for place in range(16):
        mask = 1 << place
        assert mask & table.unit_mask or [bit.mask for bit in conditions(mask, table)] == [mask]
