"""Hypothesis in pure tests: what it would read from files while a test runs is read before the first one."""

import importlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

settings.register_profile(
    "telemetry", max_examples=60, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("telemetry")


@pytest.fixture(scope="session", autouse=True)
def _hypothesis_is_warm() -> None:
    for module in (
        "strategies._internal.regex",
        "strategies._internal.types",
        "internal.conjecture.optimiser",
        "internal.conjecture.shrinker",
    ):
        importlib.import_module(f"hypothesis.{module}")
    st.text().validate()
    st.characters().validate()
