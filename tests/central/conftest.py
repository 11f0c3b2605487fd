"""A centre for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.central.gateway import Gateway
from tests.central.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A centre in a new folder."""
    made = World(tmp_path / "centre")
    yield made
    made.stop()


@pytest.fixture
def gateway(world: World) -> Gateway:
    """An enrolled station."""
    made = Gateway()
    world.enrol(made)
    return made
