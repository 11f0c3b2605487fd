"""What every channel's settings have in common: its name, its unit of measure and the values that count."""

from typing import Annotated

from pydantic import AfterValidator, Field

from drivers import units


def _known(unit: str) -> str:
    wrong = units.problem(unit)
    if wrong:
        raise ValueError(wrong)
    return unit


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    if low >= high:
        raise ValueError(f"the low end {low:g} is not below the high end {high:g}")
    return limits


ChannelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
UnitOfMeasure = Annotated[str, AfterValidator(_known)]
ValidRange = Annotated[tuple[float, float], AfterValidator(_rising)]
"""Lowest and highest value that counts."""
