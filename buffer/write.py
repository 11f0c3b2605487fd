"""A piece of work on its way into a transaction, and how it went."""

import sqlite3
from dataclasses import dataclass

from buffer.errors import OutOfSequence, StoreError
from buffer.inventory import Inventory
from buffer.operations import Work


@dataclass(slots=True, eq=False)
class Write:
    """grows: it needs new room, and those after it build on it."""

    work: Work
    grows: bool = False
    done: bool = False
    error: StoreError | OutOfSequence | None = None

    def perform(self, conn: sqlite3.Connection, inventory: Inventory) -> Inventory:
        """The inventory afterwards; the same one when the work was refused, which leaves nothing written."""
        try:
            self.error = None
            return self.work(conn, inventory)
        except OutOfSequence as error:
            self.error = error
            return inventory

    def result(self) -> None:
        """Raises what went wrong."""
        if self.error is not None:
            raise self.error
        if not self.done:
            raise RuntimeError("not written: a defect in another write of the same transaction ended it")
