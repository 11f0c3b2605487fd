"""Hypothesis in pure tests: what it would read from files while a test runs is read before the first one."""

import importlib

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "telemetry", database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("telemetry")


@pytest.fixture(scope="session", autouse=True)
def _hypothesis_is_warm() -> None:
    for module in (
        "strategies._internal.regex",
        "internal.conjecture.optimiser",
        "internal.conjecture.shrinker",
    ):
        importlib.import_module(f"hypothesis.{module}")
    importlib.import_module("hypothesis.internal.charmap").categories()
