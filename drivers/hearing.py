"""What an instrument that talks by itself has said of each field, while that is not too old.

Messages of one instrument come at different paces: wind every second, rain every minute. A field counts with the
time at which it was heard, for as long as the instrument may be silent about it.
"""

from collections.abc import Callable

from drivers.characters import CharacterLine
from drivers.errors import DriverError, NoAnswer
from drivers.statements import Account, Found, Statement

LONGEST_SILENCE_S = 60.0
"""A poll waits twice as long at most; the agent takes a line for stuck after once and 60 s."""


class Hearing:
    """Of one device; `wanted` are the fields of its channels."""

    def __init__(
        self,
        line: CharacterLine,
        take: Callable[[bytearray], Statement | None],
        wanted: frozenset[str],
        silence_s: float,
    ) -> None:
        self._line = line
        self._take = take
        self._wanted = wanted
        self._silence_s = silence_s
        self._found: dict[str, Found] = {}

    async def account(self) -> tuple[Account, dict[str, DriverError]]:
        """What was said of every wanted field within the silence, and why one is missing.

        Waits for new messages, at most for twice the silence; NoAnswer, Garbled, Unreachable when none came.
        """
        account = Account(dict(self._found))
        account.add(await self._line.listen(self._take, within_s=self._silence_s))
        began_ms = account.at_mono_ms or 0
        why: dict[str, DriverError] = {}
        while missing := self._missing(account):
            left_s = self._silence_s - ((account.at_mono_ms or 0) - began_ms) / 1000
            if left_s <= 0:
                break
            try:
                account.add(await self._line.listen(self._take, within_s=left_s))
            except NoAnswer:
                break  # it talks, but not of these
            except DriverError as error:
                why = dict.fromkeys(missing, error)
                break
        self._found = {name: found for name, found in account.found.items() if name in self._wanted}
        return account, why

    def _missing(self, account: Account) -> frozenset[str]:
        """Forgets what is too old; the wanted fields that nothing was said of since."""
        oldest_ms = (account.at_mono_ms or 0) - round(self._silence_s * 1000)
        for name in [name for name, found in account.found.items() if found.at_mono_ms < oldest_ms]:
            del account.found[name]
        return self._wanted - account.found.keys()
