"""What every channel's settings have in common: its unit of measure and the values that count."""

from typing import Annotated

from pydantic import AfterValidator

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


UnitOfMeasure = Annotated[str, AfterValidator(_known)]
ValidRange = Annotated[tuple[float, float], AfterValidator(_rising)]
"""Lowest and highest value that counts."""
