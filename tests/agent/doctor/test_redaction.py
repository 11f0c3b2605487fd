"""Secrets taken out of texts, in every form that a program gives them."""

import base64
import json
from urllib.parse import quote

import pytest

from agent.doctor.redaction import REMOVED, Redaction, in_environment, in_secret_file
from agent.doctor.station_text import shown

pytestmark = pytest.mark.pure

SECRET = 'p@ss "wörd" of 2026'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps({"x": SECRET}),
        json.dumps({"x": SECRET}, ensure_ascii=False),
        repr([SECRET]),
        f"https://host/?x={quote(SECRET, safe='')}",
        f"Authorization: Basic {base64.b64encode(SECRET.encode()).decode()}",
        SECRET.encode().hex(),
        f"not valid: {SECRET[:12]}… is no number",
    ],
)
def test_a_known_secret_is_found_in_any_form(form: str) -> None:
    cleaned = Redaction([SECRET]).clean(f"before {form} after")
    assert "wörd" not in cleaned
    assert SECRET[:8] not in cleaned
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")
    assert REMOVED in cleaned


def test_what_looks_like_a_secret_goes_though_nobody_knows_it() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGnotARealOne\n-----END PRIVATE KEY-----"
    text = (
        f"mqtt://me:unknown1@host:1 password=unknown2 'token': \"unknown3\" Bearer: unknown4\n{pem}\nthe end"
    )
    cleaned = Redaction([]).clean(text)
    assert "unknown" not in cleaned
    assert "notARealOne" not in cleaned
    assert cleaned.endswith("the end")


def test_a_key_that_was_cut_off_goes_too() -> None:
    assert "IGnotAReal" not in Redaction([]).clean(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGnotAReal"
    )


def test_what_is_no_secret_stays() -> None:
    text = 'the password file is missing (got keys/pw.txt), "spin": 3, passed: 7, {"pinned": 4}, fingerprint abcd-efgh'
    assert Redaction(["abc", "", "  "]).clean(text) == text


def test_words_of_every_json_file_are_no_secrets_though_a_secret_file_has_them() -> None:
    assert Redaction(["true", "False", "null"]).clean('{"ok": true, "x": null}') == '{"ok": true, "x": null}'


def test_a_value_that_is_shown_anyway_is_no_secret() -> None:
    """The station's id as a user's name is usual."""
    assert (
        Redaction(["BD_NUO001", "hunter22"], {"BD_NUO001"}).clean("BD_NUO001 hunter22")
        == f"BD_NUO001 {REMOVED}"
    )


def test_the_environment_names_its_secrets() -> None:
    found = set(
        in_environment(
            {
                "MQTT_PASSWORD": "aaaa1",
                "PSK": "aaaa2",
                "HTTPS_PROXY": "http://me:aaaa3@proxy:3128",
                "PWD": "/etc/tram",
                "LANG": "vi_VN",
            }
        )
    )
    assert {"aaaa1", "aaaa2", "aaaa3"} <= found
    assert not {"/etc/tram", "vi_VN"} & found


def test_a_secret_file_is_its_lines_and_what_is_assigned_there() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nbody\n-----END PRIVATE KEY-----\nTOKEN='aaaa4'\n"
    found = set(in_secret_file(text))
    assert {"body", "aaaa4"} <= found
    assert "-----BEGIN PRIVATE KEY-----" not in found


STATION = """\
[station]
id = "BD_1"                     # the password is aaaa5
name = "Trạm"
[identity]
key = "MC4CAQAwBQYDK2VwBCIEIaaaa6"
[[line]]
id = "wire"
url = "serial:///dev/ttyUSB0?baudrate=9600&apikey=aaaa7"
[[device]]
id = "ph"
line = "wire"
driver = "ascii"
request = 'LOGIN aaaa80\\r'
check = { algorithm = "xor", password = "aaaa9" }
[[device.channel]]
id = "pH"
unit = "pH"
range = [0, 14]
[[destination]]
id = "so"
url = "mqtts://me1234:aaaa10@broker:8883"
username = "aaaa11"
password_file = "aaaa12"
ca = "keys/ca.pem"
receipt_keys = ["keys/centre.pub", "keys/aaaa13.pub"]
pin = 123456
headers = [{ value = "aaaa14" }]
[cloud]
key = "aaaa15"
[cloud.deep]
id = "aaaa16"
"""


def test_the_station_file_is_shown_without_its_secrets() -> None:
    seen = shown(STATION)
    secrets = {f"aaaa{number}" for number in range(5, 17) if number != 13} | {"123456"}
    for secret in secrets:
        assert secret not in seen.text
        assert (
            secret not in Redaction(seen.secrets, seen.open_words).clean(f"x {secret} x")
            or secret in "aaaa6 aaaa8"
        )
    for harmless in (
        'id = "BD_1"',
        'line = "wire"',
        "?baudrate=9600",
        "range = [0, 14]",
        "mqtts://broker:8883",
    ):
        assert harmless in seen.text
    assert 'check = { algorithm = "xor", password = "[removed]" }' in seen.text
    assert "keys/aaaa13.pub" in seen.text  # a name of a file is none


def test_a_key_in_place_of_its_file_name_is_a_secret_as_a_whole() -> None:
    seen = shown(STATION)
    told = "the private key is missing (got MC4CAQAwBQYDK2VwBCIEIaaaa6), aaaa80 was not accepted"
    assert "aaaa6" not in Redaction(seen.secrets).clean(told)
    assert "aaaa80" not in Redaction(seen.secrets).clean(told)


def test_of_a_file_that_is_no_toml_nothing_is_shown_and_its_secrets_are_known() -> None:
    seen = shown(
        '[station\nid = "BD_1"\npassword = "aaaa1\nurl = "mqtt://me:aaaa2@host"\ncode = aaaa3 # note\n'
    )
    assert "BD_1" not in seen.text
    cleaned = Redaction(seen.secrets).clean(
        'line 3: "aaaa1 is no text; mqtt://me:aaaa2@host; aaaa3 # note; BD_1'
    )
    assert not [secret for secret in ("aaaa1", "aaaa2", "aaaa3") if secret in cleaned]
    assert "BD_1" in cleaned
