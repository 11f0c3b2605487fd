"""What an analyzer said: readings, and the flags that say what a reading is worth.

This module is all that `drivers` may know of the contract. Values and tables only.
"""

from enum import IntFlag
from typing import NamedTuple


class Flag(IntFlag):
    """Why a reading is not simply valid. The bits are on the wire (label `q_`) and never change.

    Plain ints are used on the hot path; this class names them.
    """

    CALIBRATION = 1 << 0
    MAINTENANCE = 1 << 1
    INSTRUMENT_FAULT = 1 << 2
    NO_COMMUNICATION = 1 << 3
    ABOVE_RANGE = 1 << 4
    BELOW_RANGE = 1 << 5
    STALE = 1 << 6
    IMPLAUSIBLE = 1 << 7
    WARMING_UP = 1 << 8
    SUBSTITUTED = 1 << 9
    INSUFFICIENT_COVERAGE = 1 << 10
    CLOCK_NOT_TRUSTED = 1 << 11
    OUT_OF_SERVICE = 1 << 12
    WRONG_IDENTITY = 1 << 13


class FlagRule(NamedTuple):
    """One flag's meaning outside: `priority` 1 wins over 2 when one letter must stand for many flags.

    `tt10` is the status of Thông tư 10/2021/TT-BTNMT (00 measuring, 01 calibration, 02 device error).
    `hj212` is the data flag letter of HJ 212-2017 (N normal, F out of service, M maintenance, C calibration,
    D fault, T over limit, B no communication, S set by hand).
    """

    flag: Flag
    words: str
    valid: bool
    priority: int
    tt10: str
    hj212: str


RULES = (
    FlagRule(Flag.CALIBRATION, "calibration", False, 5, "01", "C"),
    FlagRule(Flag.MAINTENANCE, "maintenance", False, 4, "01", "M"),
    FlagRule(Flag.INSTRUMENT_FAULT, "instrument fault", False, 3, "02", "D"),
    FlagRule(Flag.NO_COMMUNICATION, "no communication", False, 2, "02", "B"),
    FlagRule(Flag.ABOVE_RANGE, "above range", False, 8, "02", "T"),
    FlagRule(Flag.BELOW_RANGE, "below range", False, 9, "02", "T"),
    FlagRule(Flag.STALE, "stale", False, 7, "02", "D"),
    FlagRule(Flag.IMPLAUSIBLE, "implausible", True, 11, "00", "N"),
    FlagRule(Flag.WARMING_UP, "warming up / recovery", False, 6, "01", "M"),
    FlagRule(Flag.SUBSTITUTED, "substituted", False, 12, "00", "S"),
    FlagRule(Flag.INSUFFICIENT_COVERAGE, "insufficient coverage", False, 13, "02", "D"),
    FlagRule(Flag.CLOCK_NOT_TRUSTED, "clock not trusted", True, 14, "00", "N"),
    FlagRule(Flag.OUT_OF_SERVICE, "out of service", False, 1, "02", "F"),
    FlagRule(Flag.WRONG_IDENTITY, "wrong identity", False, 10, "02", "D"),
)


def words(flags: int) -> tuple[str, ...]:
    """The names of the flags that are set, the most important first."""
    return tuple(r.words for r in sorted(RULES, key=lambda r: r.priority) if flags & r.flag)


def is_valid(flags: int) -> bool:
    """Whether a reading with these flags counts as a measurement."""
    return all(rule.valid for rule in RULES if flags & rule.flag)


class Reading(NamedTuple):
    """One channel's answer. `value` None: there is none, and `flags` says why."""

    channel: str
    value: int | float | str | None
    flags: int = 0


class Block(NamedTuple):
    """Readings that came in one answer, and when it arrived (CLOCK_BOOTTIME, ms)."""

    at_mono_ms: int
    readings: tuple[Reading, ...]
