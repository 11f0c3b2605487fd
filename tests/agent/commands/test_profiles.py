"""`tram profiles`: what is in the library, and what one instrument's rows are worth."""

import json

from click.testing import CliRunner, Result

from agent.commands.tram import tram
from drivers.profile import names


def profiles(*arguments: str) -> Result:
    return CliRunner().invoke(tram, ["profiles", *arguments])


def test_every_instrument_is_listed_with_how_many_rows_are_confirmed() -> None:
    lines = profiles().output.splitlines()
    assert lines[0].split() == ["name", "maker", "instrument", "driver", "channels", "confirmed"]
    assert [line.split()[0] for line in lines[1:]] == list(names())
    (moxa,) = [line for line in lines if line.startswith("moxa-e1240")]
    assert moxa.split() == ["moxa-e1240", "Moxa", "ioLogik", "E1240", "modbus", "16", "16", "of", "16"]
    (marsic,) = [line for line in lines if line.startswith("sick-marsic300")]
    assert marsic.endswith("0 of 21")


def test_one_is_shown_with_its_manual_its_rows_and_its_doubts() -> None:
    text = profiles("endress-cm44").output
    assert "source     Liquiline CM44x Modbus Guideline, V1.0, Dec 2011, p. 18, 22, 26" in text
    assert "identity   device tag: input 9001, string (p. SD01189C p. 40), not confirmed" in text
    rows = [line.split() for line in text.splitlines()]
    assert [
        *("pH", "holding", "0", "float32", "ABCD", "pH", "0..14"),
        *("V1.0", "p.", "26", "not", "confirmed"),
    ] in rows
    assert ["pH-status", "holding", "2", "uint16", "1", "V1.0", "p.", "18,", "26"] in rows
    assert (
        "  pH-status, temperature-status: 1 implausible, 2 instrument fault, 3 out of service, "
        "other instrument fault" in text
    )
    assert "  pH, temperature: the order is a setting of the device" in text


def test_an_instrument_that_speaks_in_characters_is_shown_with_its_fields_its_settings_and_its_status() -> (
    None
):
    text = profiles("thermo-42i-bh").output
    lines = text.splitlines()
    assert "driver     bayern_hessen" in lines
    assert 'setting    dialect = "thermo"' in lines
    assert "setting    values = 4" in lines
    (status,) = [line for line in lines if line.startswith("status")]
    assert "(p. D-6), not confirmed; the manual's table of bits was not legible" in status
    rows = [line.split() for line in lines]
    assert ["channel", "field", "unit", "range", "page"] in rows
    assert ["NO2", "2", "ppb", "D-6"] in rows
    assert ["SO2", "SO2", "ppb", "A-24"] in [
        line.split() for line in profiles("teledyne-t101-ascii").output.splitlines()
    ]
    one = json.loads(profiles("thermo-42i-bh", "--json").output)
    assert one["status"]["confirmed"] is False
    assert one["settings"] == {"dialect": "thermo", "values": 4}


def test_a_profile_without_doubts_has_no_notes() -> None:
    assert "notes" not in profiles("adam-6017").output


def test_the_same_for_programs() -> None:
    listed = json.loads(profiles("--json").output)
    assert [row["name"] for row in listed] == list(names())
    assert {"maker", "instrument", "driver", "channels", "confirmed"} <= set(listed[0])
    one = json.loads(profiles("hach-sc", "--json").output)
    assert one["source"][0]["pages"] == "39"
    assert one["identity"]["what"] == "location"
    assert one["channel"][0]["order"] == "CDAB"
    assert one["channel"][0]["confirmed"] is True
    assert one["channel"][1]["flags"]["other"] == "instrument fault"


def test_a_name_that_is_not_there_gets_the_nearest_and_exit_1() -> None:
    result = profiles("endres-cm44")
    assert result.exit_code == 1
    assert result.output == 'Error: there is no profile "endres-cm44"; did you mean "endress-cm44"?\n'
