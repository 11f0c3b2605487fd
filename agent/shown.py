"""A value for eyes, and text for a terminal."""

import click

from config.errors import one_line


def shown(value: object) -> str:
    """Seven significant digits, which is what a 32-bit float has; of a text the controls as TOML writes them."""
    if value is None:
        return "–"
    return f"{value:.7g}" if isinstance(value, float) else one_line(str(value))


def harmless(text: str) -> str:
    """Fit for a terminal: of what instruments, brokers and files say only the line ends act on it."""
    return "\n".join(map(one_line, text.split("\n")))


def say(text: str, *, err: bool = False) -> None:
    """To people, whoever wrote it."""
    click.echo(harmless(text), err=err)
