"""What hypothesis imports only when it gets going is imported here: pure tests may open no file."""

import hypothesis.internal.conjecture.optimiser
import hypothesis.internal.conjecture.shrinker
from hypothesis import settings

settings.register_profile("pure", database=None)
settings.load_profile("pure")
__all__ = ["hypothesis"]
