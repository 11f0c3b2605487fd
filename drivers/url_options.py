"""A line's url as text, and what stands behind its question mark. ValueError in the technician's words."""

from collections.abc import Mapping
from difflib import get_close_matches
from urllib.parse import parse_qsl


def printable(url: str) -> str:
    """The url itself. It stands on screens and in the log, where a control character would do things."""
    if not url.isprintable():
        raise ValueError("the url holds a character that cannot be seen, take it out")
    return url


def options_of(query: str, known: Mapping[str, str | None]) -> dict[str, str]:
    """The options by name. `known`: those that there are, each with its default; None: it has none."""
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("an option stands twice in the url")
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ValueError(
                f'unknown option "{name}"'
                + (f', did you mean "{near[0]}"?' if near else f", there are: {', '.join(known)}")
            )
    return {name: default for name, default in known.items() if default is not None} | options


def one_of(options: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """The option's value when it is one of these."""
    if options[name] not in allowed:
        raise ValueError(f'{name} "{options[name]}" is not possible; one of {", ".join(allowed)}')
    return options[name]
