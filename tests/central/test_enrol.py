"""Trusting a station by the fingerprint that somebody read at its gateway."""

from pathlib import Path

import pytest

from central.enrol import enrol
from central.errors import EnrolRefused, FolderError
from telemetry.keyfile import load_public
from telemetry.keys import fingerprint
from tests.central.gateway import Gateway, key_of
from tests.central.world import World


def test_the_typed_fingerprint_decides_which_key_is_trusted(world: World) -> None:
    station, impostor = Gateway("NEW001"), Gateway("NEW001", key=key_of("impostor"))
    world.live("NEW001", impostor.boot())
    world.live("NEW001", station.boot())
    typed = fingerprint(station.key.public).upper().replace("-", " ")
    done = enrol(world.folder.path, "NEW001", typed)
    assert (done.station, done.fingerprint, done.replaced) == (
        "NEW001",
        fingerprint(station.key.public),
        None,
    )
    assert load_public(done.path) == station.key.public
    world.look()
    assert world.receipt().through == 1
    assert enrol(world.folder.path, "NEW001", typed).replaced is None


def test_a_fingerprint_that_nobody_sent_is_refused_without_naming_the_ones_that_came(world: World) -> None:
    station = Gateway("NEW001")
    world.live("NEW001", station.boot())
    with pytest.raises(EnrolRefused, match="heard with 1 key") as refused:
        enrol(world.folder.path, "NEW001", fingerprint(key_of("other").public))
    assert fingerprint(station.key.public) not in str(refused.value)
    assert not world.folder.station_key("NEW001").exists()


def test_a_station_that_was_never_heard_is_refused(world: World) -> None:
    with pytest.raises(EnrolRefused, match="no boot record of station NEW001"):
        enrol(world.folder.path, "NEW001", "abcd")
    with pytest.raises(EnrolRefused, match="not a station id"):
        enrol(world.folder.path, "../etc", "abcd")


def test_an_exchanged_gateway_needs_a_clear_word(world: World, gateway: Gateway) -> None:
    world.live(gateway.station, *gateway.day(1))
    new = Gateway(key=key_of("new hardware"), ledger=b"N" * 16)
    world.live(new.station, new.boot())
    typed = fingerprint(new.key.public)
    with pytest.raises(EnrolRefused, match="say --replace"):
        enrol(world.folder.path, new.station, typed)
    done = enrol(world.folder.path, new.station, typed, replace=True)
    assert done.replaced == fingerprint(gateway.key.public)
    world.look()
    world.live(new.station, new.configuration())
    assert world.rows("SELECT stored FROM ledger") == [(3,), (2,)]
    enrol(world.folder.path, gateway.station, fingerprint(gateway.key.public), replace=True)
    world.look()
    world.live(gateway.station, gateway.poll())
    assert world.rows("SELECT stored FROM ledger") == [(4,), (2,)]


def test_without_a_store_nobody_can_be_enrolled(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="no store yet"):
        enrol(tmp_path, "NEW001", "abcd")
