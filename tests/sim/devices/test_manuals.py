"""Frames as the manuals' tables demand them, worked out by hand: not from the simulators, not from the drivers."""

from decimal import Decimal

import pytest

from drivers.protocols import modbus_rtu
from sim.devices.advantech import adam6017
from sim.devices.endress import cm44
from sim.devices.hach import sc3400, sc_sensor, tss_sc
from sim.devices.icpdas import m7017c
from sim.devices.moxa import e1210, e1240
from sim.devices.sick import marsic300, mcs100e
from sim.devices.siemens import ga700
from sim.devices.teledyne import t100, t300, t400
from sim.devices.thermo import sharp5030i
from sim.face import Face
from sim.instrument import Instrument
from sim.layout import Loop
from sim.signals import Constant, Signal
from tests.sim.bench import NOON

pytestmark = pytest.mark.pure


def ask(instrument: Instrument, frame: str) -> str:
    """The RTU frame that answers an RTU frame."""
    buffer = bytearray(bytes.fromhex(frame))
    request = modbus_rtu.take_request(buffer)
    assert request is not None
    unit, pdu = request
    answer = Face({unit: instrument}).answer(unit, pdu, NOON)
    assert answer is not None
    return modbus_rtu.encode_frame(unit, answer.pdu).hex(" ")


def pdu(instrument: Instrument, request: str) -> str:
    answer = Face({1: instrument}).answer(1, bytes.fromhex(request), NOON)
    assert answer is not None
    return answer.pdu.hex(" ")


def loop(low: float, high: float, value: float) -> Loop:
    return Loop(Decimal(low), Decimal(high), Constant(value))


def test_liquiline_says_ph_7_85_good_as_in_its_manual() -> None:
    device = cm44("water", {"pH": Constant(7.85)})
    assert ask(device, "f7 03 00 00 00 04 50 9f") == "f7 03 08 40 fb 33 33 00 00 00 00 c7 64"


def test_liquiline_shows_the_same_as_input_registers_and_its_bus_address() -> None:
    device = cm44("water", {"pH": Constant(7.85), "T": Constant(28.5)})
    assert pdu(device, "04 00 04 00 03") == "04 06 41 e4 00 00 00 00"
    assert pdu(device, "03 23 28 00 01") == "03 02 00 f7"


def test_liquiline_shows_an_input_without_a_sensor_as_nan_not_assigned() -> None:
    assert pdu(cm44("water", {}), "03 00 3c 00 03") == "03 06 7f a0 00 00 00 03"


def test_t300_says_12_5_ppm_as_in_its_manual() -> None:
    device = t300("co", Constant(12.5), seed=0)
    assert ask(device, "01 04 00 12 00 02 d1 ce") == "01 04 04 41 48 00 00 6f ae"


def test_marsic_says_42_5_mg_so2_and_that_it_measures() -> None:
    gases: dict[str, Signal] = {"SO2": Constant(42.5)}
    device = marsic300("stack", gases)
    assert ask(device, "01 04 03 e8 00 02 f1 bb") == "01 04 04 42 2a 00 00 ce 34"
    assert ask(device, "01 02 03 e8 00 05 38 79")[:11] == "01 02 01 10"


def test_marsic_shows_0_for_a_gas_that_it_does_not_measure() -> None:
    assert pdu(marsic300("stack", {}), "04 03 fc 00 02") == "04 04 00 00 00 00"


def test_adam_shows_12_ma_of_0_to_20_as_39321() -> None:
    """12 mA is the middle of 4..20 mA; 39321 is 12/20 of 65535."""
    device = adam6017("tanks", {"level": loop(0, 10, 5)})
    assert pdu(device, "03 00 00 00 08") == "03 10 99 99" + " 00" * 14
    assert pdu(device, "03 00 c8 00 01") == "03 02 01 82"


def test_adam_clips_above_20_ma() -> None:
    assert pdu(adam6017("tanks", {"level": loop(0, 10, 12)}), "03 00 00 00 01") == "03 02 ff ff"


def test_adam_has_two_outputs_that_can_be_switched() -> None:
    device = adam6017("tanks", {})
    assert pdu(device, "05 00 11 ff 00") == "05 00 11 ff 00"
    assert pdu(device, "01 00 10 00 02") == "01 01 02"
    assert pdu(device, "05 00 12 ff 00") == "85 02"


def test_e1240_shows_the_current_as_a_float_and_its_status() -> None:
    device = e1240("flow", {"flow": loop(0, 200, 100)})
    assert ask(device, "01 04 00 08 00 10 70 04").startswith("01 04 20 41 40 00 00 00 00")  # 12 mA
    assert ask(device, "01 04 00 3c 00 08 31 c0").startswith("01 04 10 00 00 00 01")  # normal, burn-out


def test_e1240_is_set_to_0_to_20_ma_with_burn_out_at_3_6() -> None:
    device = e1240("flow", {})
    assert pdu(device, "03 00 18 00 01") == "03 02 00 02"
    assert pdu(device, "03 00 28 00 02") == "03 04 40 66 66 66"


def test_e1240_raw_counts_begin_at_13107_for_4_ma() -> None:
    assert pdu(e1240("flow", {"flow": loop(0, 200, 0)}), "04 00 00 00 01") == "04 02 33 33"


def test_a_hach_sensor_measures_at_40001_in_mg_per_litre() -> None:
    device = sc_sensor("tss", "TSS", Constant(31.25))
    assert pdu(device, "03 00 00 00 03") == "03 06 00 00 41 fa 00 00"


def test_a_3400sc_has_conductivity_at_40003_and_temperature_at_40005() -> None:
    device = sc3400("salt", conductivity=Constant(2.0), temperature_degc=Constant(28.5))
    assert pdu(device, "03 00 02 00 04") == "03 08 00 00 40 00 00 00 41 e4"


def test_an_m7017c_shows_microamperes_and_no_over_range() -> None:
    device = m7017c("basin", {"DO": loop(0, 16, 2.656)})
    assert (
        pdu(device, "04 00 00 00 01") == pdu(device, "03 00 00 00 01").replace("03", "04", 1) == "04 02 1a 00"
    )
    assert pdu(device, "02 00 80 00 08") == "02 01 00"


def test_a_5030i_counts_its_registers_from_1_and_refuses_0() -> None:
    device = sharp5030i(
        "dust",
        pm_ug_m3=Constant(42.5),
        pressure_mmhg=Constant(757),
        humidity=Constant(74),
        temperature_degc=Constant(28.5),
    )
    assert pdu(device, "03 00 01 00 02") == "03 04 42 2a 00 00"
    assert pdu(device, "04 00 15 00 02") == "04 04 41 e4 00 00"
    assert pdu(device, "03 00 00 00 02") == "83 02"


def test_a_tss_sc_has_solids_at_40005_and_its_serial_number_at_40036() -> None:
    device = tss_sc("tss", turbidity_fnu=Constant(18.5), solids_mg_l=Constant(31.25))
    assert pdu(device, "03 00 00 00 02") == "03 04 00 00 41 94"
    assert pdu(device, "03 00 04 00 02") == "03 04 00 00 41 fa"
    assert pdu(device, "03 00 23 00 04") == "03 08 31 32 33 34 35 36 37 00"


def test_an_mcs100e_sends_the_low_word_of_result_1_first() -> None:
    """Register 1 is asked for as 0; 42.5 is 42 2a 00 00, sent as byte 1, byte 0, byte 3, byte 2."""
    device = mcs100e("stack", {"SO2": Constant(42.5), "NO": Constant(12.5)})
    assert pdu(device, "03 00 00 00 04") == "03 08 00 00 42 2a 00 00 41 48"
    assert pdu(device, "04 00 00 00 02") == "84 01"


def test_a_ga700_has_gas_unit_value_and_status_in_blocks_of_12() -> None:
    gases: dict[str, Signal] = {"CO": Constant(12.5), "NO": Constant(42.5)}
    device = ga700("stack", gases, pressure_hpa=Constant(1013.25))
    assert pdu(device, "03 00 00 00 06") == "03 0c 00 03 00 00 41 48 00 00 00 80 00 00"
    assert pdu(device, "03 00 0c 00 06") == "03 0c 00 07 00 00 42 2a 00 00 00 80 00 00"
    assert pdu(device, "03 00 18 00 06") == "03 0c" + " 00" * 12  # not fitted: no gas, 0.0, status 0x00
    assert pdu(device, "03 00 3e 00 03") == "03 06 44 7d 50 00 00 80"
    assert pdu(device, "03 01 00 00 03") == "03 06 00 00 00 00 00 00"
    assert pdu(device, "04 00 00 00 06") == "84 01"


def test_marsic_measures_point_1_and_does_not_calibrate() -> None:
    device = marsic300("stack", {})
    assert pdu(device, "04 04 1a 00 04") == "04 08 00 00 00 01 00 00 00 01"
    assert pdu(device, "02 04 00 00 03") == "02 01 00"
    device.set("span", 1)
    assert pdu(device, "02 04 00 00 03") == "02 01 02"


def test_a_t400_measures_and_its_system_is_ok() -> None:
    """Frame 01 02 00 00 00 1b: 27 states, only 24 (system OK) is on."""
    device = t400("o3", Constant(12.5), seed=0)
    assert ask(device, "01 02 00 00 00 1b 38 01").startswith("01 02 04 00 00 00 01")
    assert ask(device, "01 04 00 12 00 02 d1 ce") == "01 04 04 41 48 00 00 6f ae"


def test_a_t100_in_zero_calibration_says_so_at_16() -> None:
    device = t100("so2", Constant(12.5), seed=0)
    assert ask(device, "01 02 00 00 00 1b 38 01").startswith("01 02 04 00 00 08 00")
    device.set("zero", 1)
    assert ask(device, "01 02 00 00 00 1b 38 01").startswith("01 02 04 00 00 09 00")
    assert pdu(device, "04 00 16 00 02") == "04 04 41 48 00 00"


def test_a_t300_says_invalid_at_14_and_ok_at_18() -> None:
    device = t300("co", Constant(12.5), seed=0)
    assert ask(device, "01 02 00 00 00 1b 38 01").startswith("01 02 04 00 00 04 00")
    device.set("invalid", 1)
    assert ask(device, "01 02 00 00 00 1b 38 01").startswith("01 02 04 00 40 04 00")


def test_e1210_shows_its_contacts_as_discrete_inputs_from_0_on() -> None:
    device = e1210("inputs", {"valve": Constant(1), "switch": Constant(0), "relay": Constant(1)})
    assert pdu(device, "02 00 00 00 10") == "02 02 05 00"
    assert pdu(device, "02 00 00 00 11") == "82 02"
