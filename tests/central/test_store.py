"""What the store promises: a transaction holds or leaves nothing, numbers are given once, refusals are bounded."""

import sqlite3
from pathlib import Path

import pytest

from central.errors import FolderError, StoreFailed
from central.findings import EVIDENCE_BYTES, REFUSALS_KEPT, Noted
from central.records import Measurement
from central.store import Store

VALUE = Measurement("ph", "pH", "pH", 1, 7.0, 0)


def write(store: Store, ledger: int, *seqs: int) -> None:
    """Records with one value each, in one transaction."""
    with store.transaction():
        store.station("NUO001")
        for seq in seqs:
            store.records.keep(ledger.numerator, seq, 0, b"one")
            store.records.measure("NUO001", ledger, seq, [VALUE])


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "central.db")
    with store.transaction():
        ledger = store.new_ledger("NUO001", b"L" * 16, b"P" * 32, 1)
    with pytest.raises(StoreFailed, match="nothing of it was kept"):
        write(store, ledger, 1, 1)
    with store.transaction():
        assert store.records.envelope_at(ledger, 1) is None
    write(store, ledger, 1)
    assert store.records.envelopes(ledger, 1, 9, 9) == [(1, b"one")]
    store.close()


def test_a_defect_inside_a_transaction_rolls_it_back_too(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "central.db")
    with pytest.raises(AttributeError):
        write(store, None, 1)  # type: ignore[arg-type]
    with store.transaction():
        assert store.ledgers() == []
        assert store.station("NUO002") == 1
    store.close()


def test_receipt_numbers_are_never_given_twice(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "central.db")
    with store.transaction():
        assert list(store.take_numbers(3)) == [1, 2, 3]
    identity = store.store_id
    store.close()
    again = Store.open(tmp_path / "central.db")
    with again.transaction():
        assert list(again.take_numbers(1)) == [4]
    assert (again.store_id, len(identity)) == (identity, 16)
    again.close()


def test_a_flood_of_forgeries_keeps_the_newest_thousand(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "central.db")
    for n in range(REFUSALS_KEPT + 10):
        noted = Noted("NUO001", None, "rejection", None, str(n).encode(), "bad", bytes(2 * EVIDENCE_BYTES))
        with store.transaction():
            assert store.findings.note(noted, n)
    rows = store._connection.execute("SELECT count(*), min(first_ms), max(length(evidence)) FROM finding")
    assert rows.fetchone() == (REFUSALS_KEPT, 10, EVIDENCE_BYTES)
    store.close()


def test_a_file_that_is_no_store_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "central.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(FolderError, match="not usable as the centre's store"):
        Store.open(path)
    assert path.read_bytes().startswith(b"this is not")


def test_the_store_is_durable_by_its_settings(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "central.db")
    settings = {
        name: store._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "auto_vacuum")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "auto_vacuum": 2}
    store.close()
    sqlite3.connect(tmp_path / "central.db").close()
