"""What a watcher writes down: whole lines, for its owner alone, never over another file."""

import errno
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.watching import About, Missed, Recorder, recorded
from drivers.frames import Frame
from drivers.protocols.recording import Missing, Recorded, decode

ABOUT = About(
    station="BD_1",
    software="tram 0.1.0",
    line="meter",
    url="tcp://10.0.0.5:502",
    framing="tcp",
    streams=False,
    at_s=100.0,
    wall=datetime(2026, 11, 29, 10, 0, 0, 123_456, UTC),
)
ASKED = Frame(100.5, ">", b"\x01\x02")
LATE = Frame(102.0005, "<", b"\x03", "late")


def test_it_is_readable_at_every_moment_and_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "meter.jsonl"
    recorder = Recorder(path)
    recorder.open(ABOUT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert decode(path.read_text()).header.began == "2026-11-29T10:00:00.123Z"
    recorder.add(ASKED)
    recorder.add(Frame(100.6, "=", words="level 3"))
    recorder.add(Frame(100.7, "!", words="no answer"))
    recorder.add(LATE)
    recorder.add(Missed(103.0, 7))
    assert decode(path.read_text()).entries == (
        Recorded(500.0, ">", b"\x01\x02"),
        Recorded(2000.5, "<", b"\x03", "late"),
        Missing(3000.0, 7),
    )
    recorder.close()


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        Recorder(path).open(ABOUT)
    assert path.read_text() == "precious"


def test_one_that_was_never_opened_may_be_closed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "meter.jsonl")
    recorder.add(ASKED)
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "meter.jsonl"
    recorder = Recorder(path)
    recorder.open(ABOUT)
    recorder.add(ASKED)
    real: Callable[[int, bytes], int] = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, row: real(descriptor, row[:5]))
    with pytest.raises(OSError, match="No space left") as error:
        recorder.add(LATE)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text().endswith("\n")
    assert len(decode(path.read_text()).entries) == 1
    recorder.close()


def test_a_file_that_may_not_grow_is_said_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, row: bytes) -> int:
        raise OSError(errno.EDQUOT, "quota")

    path = tmp_path / "meter.jsonl"
    recorder = Recorder(path)
    recorder.open(ABOUT)
    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)):
        recorder.add(ASKED)
    recorder.close()


@pytest.mark.pure
def test_what_is_no_frame_is_not_written_down() -> None:
    assert recorded(Frame(100.0, "!", words="no answer"), 100.0) is None
    late = recorded(LATE, 100.0)
    assert isinstance(late, Recorded)
    assert late.ms == pytest.approx(2000.5)
