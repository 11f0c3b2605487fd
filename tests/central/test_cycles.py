"""What is stored, one poll cycle at a time."""

from pathlib import Path

from central.cycles import cycles, envelopes
from telemetry.reading import Flag, Reading
from tests.central.gateway import Gateway
from tests.central.world import World


def test_a_cycle_has_its_values_and_the_flags_of_those_that_carry_some(
    world: World, gateway: Gateway, tmp_path: Path
) -> None:
    day = [
        *gateway.day(0),
        gateway.poll(readings=[Reading("pH", 7.25, Flag.MAINTENANCE), Reading("temp", 21)]),
    ]
    day.append(gateway.poll(readings=[Reading("pH", None, Flag.NO_COMMUNICATION)]))
    world.live(gateway.station, *day)
    world.stop()
    first, silent = cycles(tmp_path / "centre", gateway.station)
    assert (first.seq, first.device, first.values) == (3, "ph", {"pH": 7.25, "temp": 21})
    assert first.flags == {"pH": int(Flag.MAINTENANCE)}
    assert (silent.seq, silent.device, silent.values, silent.flags) == (4, "", {}, {})
    assert list(envelopes(tmp_path / "centre", gateway.station)) == day
