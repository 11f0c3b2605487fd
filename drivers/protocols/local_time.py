"""The time of an instrument's own clock, whose zone nobody tells."""

from typing import Final, NamedTuple

_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class LocalTime(NamedTuple):
    """Without a zone: `datetime(*time)` is a naive datetime."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int = 0

    @property
    def exists(self) -> bool:
        """Whether a calendar has that day and a clock that time."""
        if not 1 <= self.month <= 12 or self.year == 0:
            return False
        leap = self.year % 4 == 0 and (self.year % 100 != 0 or self.year % 400 == 0)
        days = _DAYS[self.month - 1] + (leap and self.month == 2)
        return 1 <= self.day <= days and self.hour < 24 and self.minute < 60 and self.second < 60
