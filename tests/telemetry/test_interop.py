"""Verifiers that share no code with ours: python-cwt, and the JavaScript of docs/examples."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from telemetry.bodies import EventBody
from telemetry.envelope import RECORD, Sealer
from telemetry.keys import SigningKey
from telemetry.ledger import Ledger
from telemetry.record import Boot, ClockState, Kind, Moment
from tests.telemetry.test_vectors import FORGED, KEYS, SCENARIOS, VALID

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent.parent
CWT_PYTHON = ROOT / ".venv-cwt" / "bin" / "python"
VERIFY_MJS = ROOT / "docs" / "examples" / "verify.mjs"
KEY = {key["name"]: key for key in KEYS["keys"]}
LEDGER = [
    bytes.fromhex(s["envelope"]) for c in SCENARIOS["cases"] if c["name"] == "in order" for s in c["arrive"]
]


@pytest.fixture(name="node")
def _node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not on PATH: docs/examples/verify.mjs is not run")
    return found


def by_cwt(cases: list[tuple[str, str]]) -> list[str | None]:
    """What python-cwt says of (name of the key, envelope): the payload, or None."""
    if not CWT_PYTHON.exists():
        pytest.skip("python-cwt is missing: make .venv-cwt/stamp")
    asked = [{"public": KEY[key]["public"], "kid": KEY[key]["kid"], "envelope": e} for key, e in cases]
    verifier = Path(__file__).parent / "cwt_verifier.py"
    ran = subprocess.run(
        [CWT_PYTHON, verifier],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = json.loads(ran.stdout)
    assert isinstance(answers, list)
    return answers


def test_python_cwt_verifies_every_valid_envelope() -> None:
    payloads = by_cwt([(case["key"], case["envelope"]) for case in VALID["cases"]])
    assert len(payloads) == len(VALID["cases"])
    for case, payload in zip(VALID["cases"], payloads, strict=True):
        assert payload is not None, case["name"]
        assert payload in case["envelope"]


def test_python_cwt_refuses_envelopes_that_were_tampered_with() -> None:
    envelope = bytes.fromhex(VALID["cases"][3]["envelope"])
    tampered = [
        envelope[:at] + bytes((envelope[at] ^ 1,)) + envelope[at + 1 :] for at in range(60, len(envelope), 7)
    ]
    assert by_cwt([("station", e.hex()) for e in tampered]) == [None] * len(tampered)
    assert by_cwt([("stranger", envelope.hex())]) == [None]


def test_python_cwt_agrees_on_which_forgeries_lie_in_the_signature() -> None:
    """A forged record whose fields are wrong is properly signed: its fields are the only reason to refuse it."""
    cases = [case for case in FORGED["cases"] if case["refused_as"] in {"bad-signature", "bad-record"}]
    signers = ["centre" if case["as"] == "receipt" else "station" for case in cases]
    verdicts = by_cwt([(key, case["envelope"]) for key, case in zip(signers, cases, strict=True)])
    for case, payload in zip(cases, verdicts, strict=True):
        assert (payload is None) == (case["refused_as"] == "bad-signature"), case["name"]


def by_node(node: str, folder: Path, envelopes: list[bytes], key: str = "station") -> tuple[int, str]:
    ledger = folder / "ledger.cborseq"
    ledger.write_bytes(b"".join(envelopes))
    ran = subprocess.run(
        [node, VERIFY_MJS, ledger, KEY[key]["public"]],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ran.returncode, (ran.stdout + ran.stderr).strip()


def test_the_verifier_in_javascript_is_short() -> None:
    assert VERIFY_MJS.read_text(encoding="utf-8").count("\n") <= 40


def test_javascript_verifies_a_whole_ledger_and_every_kind(node: str, tmp_path: Path) -> None:
    assert by_node(node, tmp_path, LEDGER) == (0, "8 records verified, the last is seq 8")
    every_kind = [case for case in VALID["cases"] if case["typ"] == "record"]
    starts = [at for at, case in enumerate(every_kind) if case["means"]["seq"] == 1]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        envelopes = [bytes.fromhex(case["envelope"]) for case in every_kind[start:end]]
        assert by_node(node, tmp_path, envelopes)[0] == 0


def test_javascript_is_not_led_astray_by_a_genuine_record_of_another_ledger(
    node: str, tmp_path: Path
) -> None:
    key = SigningKey.from_seed(bytes.fromhex(KEY["station"]["seed"]))
    body, moment = EventBody("other").encode(), Moment(1_790_000_000_000, 1, ClockState.SYNCHRONISED, 1)
    other = Ledger("OTHER", b"M" * 16).seal(
        Kind.EVENT, body, moment, Boot(1, bytes(8)), bytes(8), Sealer(key, RECORD)
    )
    hidden = [*LEDGER[:3], other.envelope, *LEDGER[6:]]
    assert by_node(node, tmp_path, hidden) == (1, "seq 7 does not follow seq 3")
    replayed = [*LEDGER, other.envelope, *LEDGER]
    assert by_node(node, tmp_path, replayed) == (1, "seq 1 does not follow seq 8")


def test_javascript_says_what_it_did_not_see(node: str, tmp_path: Path) -> None:
    code, said = by_node(node, tmp_path, LEDGER[4:])
    assert code == 0
    assert "begins at seq 5" in said
    assert by_node(node, tmp_path, []) == (1, "there is no record in it")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("edited", "seq 4: the signature is bad"),
        ("dropped", "seq 6 does not follow seq 4"),
        ("swapped", "seq 5 does not follow seq 3"),
        ("truncated", "seq 8: the signature is bad"),
        ("noise", "no envelope of this key at byte 0"),
    ],
)
def test_javascript_says_where_a_ledger_was_tampered_with(
    node: str, tmp_path: Path, damage: str, said: str
) -> None:
    e = list(LEDGER)
    tampered = {
        "edited": [*e[:3], e[3][:-70] + bytes((e[3][-70] ^ 1,)) + e[3][-69:], *e[4:]],
        "dropped": [*e[:4], *e[5:]],
        "swapped": [*e[:3], e[4], e[3], *e[5:]],
        "truncated": [*e[:7], e[7][:-1]],
        "noise": [b"noise", *e],
    }[damage]
    assert by_node(node, tmp_path, tampered) == (1, said)


def test_javascript_refuses_another_stations_key(node: str, tmp_path: Path) -> None:
    assert by_node(node, tmp_path, LEDGER, "stranger") == (1, "no envelope of this key at byte 0")
