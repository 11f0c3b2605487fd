"""A value for eyes. Pure."""


def shown(value: object) -> str:
    """Seven significant digits, which is what a 32-bit float has."""
    if value is None:
        return "–"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
