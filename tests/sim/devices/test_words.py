"""Messages as the manuals print them, from the stand-ins of instruments that speak in characters."""

import pytest

from sim.devices import ecotech, met_one, teledyne_words, thermo_iseries, vaisala
from sim.moment import Moment
from sim.signals import Constant
from sim.talk import Asked, Talker, on_one_line
from sim.talkers.bam1020 import Bam1020Talker
from sim.talkers.bayern_hessen import BayernHessenTalker
from sim.talkers.clink import ClinkTalker
from sim.talkers.nmea0183 import Nmea0183Talker
from sim.talkers.teledyne import TeledyneTalker
from sim.talkers.vaisala_wxt import VaisalaWxtTalker
from tests.sim.bench import NOON

pytestmark = pytest.mark.pure


def answer(talker: Talker, request: bytes, now: Moment = NOON) -> bytes:
    buffer = bytearray(request)
    asked = talker.take(buffer)
    assert asked is not None
    said = talker.answer(Asked(asked.unit, asked.request), now)
    assert said is not None
    return said.message


def test_a_serinus_says_153_2_volumetric_as_in_its_manual() -> None:
    so2 = BayernHessenTalker(*on_one_line({97: ecotech.serinus("so2", 97, "SO2", Constant(153.2))}))
    assert answer(so2, b"\x02DA097\x033A") == b"\x02MD01 097 +1532+02 40 00 000 00000000 \x0324"


def test_a_serinus_40_says_no_and_nox_under_two_ids() -> None:
    nox = ecotech.serinus40("nox", 40, no_ppb=Constant(25.7), nox_ppb=Constant(31.4))
    said = answer(BayernHessenTalker(*on_one_line({40: nox})), b"\x02DA040\r")
    assert said == b"\x02MD02 040 +2570+01 40 00 00000000 041 +3140+01 40 00 00000000 \r"


def test_an_acoem_says_its_id_the_gas_and_its_serial_number() -> None:
    co = BayernHessenTalker(*on_one_line({30: ecotech.acoem("co", 30, "CO", Constant(1.532))}))
    assert answer(co, b"\x02DA030\r") == b"\x02MD01 030 +1532+00 40 00 002 100730 \r"


def test_a_42i_says_four_values_with_ten_zeros_behind_each() -> None:
    voice = thermo_iseries.i42(
        "nox", 1, no_ppb=Constant(25.78), no2_ppb=Constant(5.681), nox_ppb=Constant(11.75)
    )
    said = answer(BayernHessenTalker(*on_one_line({1: voice})), b"\x02DA001\r")
    assert said == (
        b"\x02MD04 001 +2578+01 00 00 0000000000 002 +5681+00 00 00 0000000000 "
        b"003 +1175+01 00 00 0000000000 004 +2578+01 00 00 0000000000 \r"
    )


def test_teledynes_say_ppb_and_ppm_with_their_word_and_each_gas_under_its_id() -> None:
    o3 = BayernHessenTalker(*on_one_line({400: teledyne_words.t400_hessen("o3", o3_ppb=Constant(41.3))}))
    assert answer(o3, b"\x02DA400\r") == b"\x02MD01 400 +4130+01 40 00 000 000000 \r"
    gases = teledyne_words.t300_hessen(
        "co", co_ppm=Constant(12.5), co2_percent=Constant(0.041), o2_percent=Constant(20.9)
    )
    assert answer(BayernHessenTalker(*on_one_line({310: gases})), b"\x02DA310\r") == (
        b"\x02MD03 310 +1250+01 60 00 000 000000 311 +4100+02 60 00 000 000000 "
        b"312 +2090+05 60 00 000 000000 \r"
    )


def test_a_48i_says_its_pressure_as_in_its_manual() -> None:
    voice = thermo_iseries.i48_clink(
        "co", co_ppm=Constant(1.405), pressure_mmhg=Constant(753.4), flow_l_min=Constant(1.108)
    )
    talker = ClinkTalker(*on_one_line({48: voice}))
    assert answer(talker, b"\xb0pres\r") == b"pres 753.4 mmHg\r"
    assert answer(talker, b"\xb0gas mode\r") == b"gas mode sample\r"
    assert answer(talker, b"\xb0flags\r") == b"flags 00000000\r"


def test_a_t101_says_its_tests_as_in_its_list() -> None:
    voice = teledyne_words.t101_words("so2", 101, so2_ppb=Constant(261.4), h2s_ppb=Constant(331.6))
    talker = TeledyneTalker(*on_one_line({101: voice}))
    assert answer(talker, b"T 101 SO2\r") == b"T 322:11:06 0101 SO2= 261.4 PPB\r\n"
    assert answer(talker, b"T 101 CONVTEMP\r") == b"T 322:11:06 0101 CONV TEMP= 315.0 C\r\n"


def test_a_bam_has_the_header_of_the_report_and_its_hour() -> None:
    weather = {"humidity": Constant(30), "temperature": Constant(57.0)}
    voice = met_one.bam1020("dust", ("PM10", Constant(84)), weather, pressure_hpa=Constant(1009.25))
    talker = Bam1020Talker(*on_one_line({1: voice}))
    assert answer(talker, b"\x1bQH\r") == (
        b"Time,Conc(mg/m3),Qtot(m3),WS(MPS),WD(DEG),BP(mm),RH(%),Delta(C),AT(C),E,U,M,I,L,R,N,F,P,D,C,T\r\n"
    )
    assert answer(talker, b"\x1bQ\r") == (
        b"11/18/26 11:00, 0.084, 0.834, 0.0, 0.0, 757.0, 30.0, 4.5, 57.0,0,0,0,0,0,0,0,0,0,0,0,0,\r\n"
    )


def test_a_wxt520_says_its_air_as_in_its_manual() -> None:
    air = {"temperature": Constant(21.0), "humidity": Constant(60.8), "pressure": Constant(1007.2)}
    talker = VaisalaWxtTalker(*on_one_line({1: vaisala.wxt520("weather", "0", air)}))
    assert answer(talker, b"0R2\r\n") == b"0R2,Ta=21.0C,Ua=60.8P,Pa=1007.2H\r\n"


def test_a_wmt700_says_knots_with_the_checksum_of_its_sentence() -> None:
    voice = vaisala.wmt700_nmea("mast", direction_deg=Constant(45), speed_m_s=Constant(11.63 * 1852 / 3600))
    said = Nmea0183Talker(*on_one_line({1: voice})).tell(1, NOON)
    assert said.message == b"$WIMWV,45,R,11.63,N,A*09\r\n"
    assert said.values["wind-speed"] == pytest.approx(11.63 * 1852 / 3600)


def test_a_wxt530_says_four_transducers_in_a_sentence() -> None:
    weather = {
        "wind-direction": Constant(320),
        "wind-speed": Constant(0.2),
        "wind-gust": Constant(0.2),
        "temperature": Constant(23.3),
        "rain": Constant(0.02),
    }
    said = Nmea0183Talker(*on_one_line({1: vaisala.wxt530_nmea("weather", weather)})).tell(1, NOON)
    first, second, _ = said.message.split(b"\r\n")
    assert first.startswith(b"$WIXDR,A,320,D,1,S,0.2,M,1,S,0.2,M,2,C,23.3,C,0*")
    assert second.startswith(b"$WIXDR,V,0.02,M,0*")
