"""Files that say what somebody has seen: whatever is in them, the centre goes on."""

import pytest

from central.stations import stations
from tests.central.gateway import Gateway
from tests.central.world import World


@pytest.mark.parametrize(
    "noise", [b"9" * 30, b"9" * 5000, b"\xff\xfe", "²".encode(), "٣".encode(), b"-1 x 1.5"]
)
def test_what_cannot_be_a_number_in_the_file_is_passed_over(
    world: World, gateway: Gateway, noise: bytes
) -> None:
    world.live(gateway.station, *gateway.day(1), b"\x00")
    (finding,) = stations(world.folder.path)[0].findings
    (world.folder.acknowledged / gateway.station).write_bytes(b"%s\n%d\n" % (noise, finding.number))
    world.look()
    assert stations(world.folder.path)[0].open_findings == 0


def test_a_folder_or_a_dangling_link_among_the_files_is_passed_over(world: World, gateway: Gateway) -> None:
    (world.folder.acknowledged / "folder").mkdir()
    (world.folder.acknowledged / "link").symlink_to("nowhere")
    world.look()
    world.live(gateway.station, *gateway.day(1))
    world.head(gateway)
    assert world.receipt().through == 3
