"""When faults happen."""

import pytest

from sim.faults import Noisy, Refused, Reply, Silent, Slow
from sim.script import FAULT_HELP, Rule, Script, parse, parse_all

pytestmark = pytest.mark.pure

UNITS = {"ph": 3, "cod": 4}
REPLY = Reply(3, b"\x03\x02\x00\x01")


def _struck(script: Script, unit: int, requests: int) -> list[int]:
    """The request numbers of this unit that went wrong."""
    bent = [script.bend(Reply(unit, b"\x03\x02\x00\x01")) for _ in range(requests)]
    return [number for number, reply in enumerate(bent, 1) if reply.faults]


def test_a_rule_strikes_its_requests_of_its_unit() -> None:
    script = Script([Rule(Silent(), unit=3, first=2, last=4)])
    assert _struck(script, 3, 6) == [2, 3, 4]
    assert _struck(script, 4, 6) == []


def test_requests_are_counted_per_unit() -> None:
    script = Script([Rule(Silent(), first=2, last=2)])
    assert [_struck(script, unit, 3) for unit in (3, 4)] == [[2], [2]]
    assert script.asked(3) == 3


def test_chance_repeats_itself_with_the_same_seed() -> None:
    rules = [Rule(Silent(), probability=0.1)]
    first, again, other = (_struck(Script(list(rules), seed), 3, 1000) for seed in (1, 1, 2))
    assert first == again != other
    assert 60 < len(first) < 140


def test_rules_compose_and_are_named_in_their_order() -> None:
    script = Script([Rule(Noisy(b"\xff")), Rule(Slow(0.5))])
    reply = script.bend(REPLY)
    assert (reply.noise, reply.after_s, reply.faults) == (b"\xff", 0.5, ("noise", "slow"))


def test_a_wrong_unit_fault_does_not_move_the_count_to_that_unit() -> None:
    script = Script([parse("unit=9", UNITS), Rule(Silent(), unit=3, first=2)])
    assert script.bend(REPLY).unit == 9
    assert script.bend(REPLY).faults == ("unit", "silent")


def test_trouble_can_be_asked_for_while_it_runs() -> None:
    script = Script()
    assert _struck(script, 3, 5) == []
    script.add(Refused(4), 3, requests=2)
    assert _struck(script, 4, 5) == []
    assert _struck(script, 3, 5) == [1, 2]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("silent", Rule(Silent())),
        ("silent/cod", Rule(Silent(), unit=4)),
        ("slow=1.5@10/ph", Rule(Slow(1.5), 3, 10, 10)),
        ("exception=2@5-7", Rule(Refused(2), None, 5, 7)),
        ("exception", Rule(Refused(4))),
        ("late=1.2@5-%25", Rule(Slow(1.2, name="late"), None, 5, 1 << 62, 0.25)),
    ],
)
def test_a_rule_is_written_in_one_word(text: str, rule: Rule) -> None:
    assert parse(text, UNITS) == rule


@pytest.mark.parametrize("name", FAULT_HELP)
def test_every_fault_that_is_offered_can_be_written_and_does_something(name: str) -> None:
    reply = Script([parse(f"{name}=2", UNITS)]).bend(Reply(3, b"\x03\x04\0\1\0\2"))
    assert reply.faults == (name,)
    assert reply != Reply(3, b"\x03\x04\0\1\0\2", faults=(name,))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Silent!", "write NAME"),
        ("deaf", "there are silent, slow"),
        ("slow", "how many seconds, as in slow=1.5"),
    ],
)
def test_a_rule_that_cannot_be_read_says_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text, UNITS)


def test_rules_for_devices_of_another_wire_are_left_to_it() -> None:
    assert parse_all(["silent/ph", "silent/flow", "slow=1"], UNITS) == [Rule(Silent(), 3), Rule(Slow(1))]
