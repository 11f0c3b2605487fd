"""Everything that chance decides in one world, by one number; each place that asks has a stream of its own."""

from random import Random


class Chance:
    """The same seed and the same name give the same stream, in every process and whatever others draw."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def of(self, name: str) -> Random:
        """The stream of that name, from its beginning."""
        return Random(f"{self.seed}/{name}")
