"""pydantic's findings in a technician's words: what is wrong (got …), what would be right."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, time
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.errors import did_you_mean, shown, shown_with_type, suggestion
from config.position import Place
from config.report import at

_END_OF_WRONG = re.compile(r"[,;:] ")


def place_in(table: object, error: ErrorDetails) -> Place:
    """Where the error lies in the table. pydantic's own steps (a union's branch) are left out."""
    place: Place = ()
    steps = error["loc"]
    for index, step in enumerate(steps):
        is_last = index == len(steps) - 1
        inside = at(table, place)
        known = isinstance(inside, Mapping) and (step in inside or (is_last and error["type"] == "missing"))
        if known or (isinstance(step, int) and isinstance(inside, list)):
            place += (step,)
    return place


def message(model: type[BaseModel], table: object, error: ErrorDetails, known: Collection[str] = ()) -> str:
    """One sentence for one error. `known` are keys that are right at the top of the table besides the model's."""
    place = place_in(table, error)
    kind = error["type"]
    if kind == "missing":
        return f"is missing{_example(_field(model, place))}"
    if kind == "extra_forbidden":
        return f"unknown key, {did_you_mean(place[-1], _others(model, place, known), 'known keys')}"
    written = at(table, place)
    if kind == "value_error":
        return with_got(str(error["ctx"]["error"]), written)
    if kind == "literal_error":
        allowed = _literals(error)
        return f"is not one of the known words (got {shown(written)}), {_choice(written, allowed)}"
    wording = _WORDS.get(kind)
    if wording is not None:
        return wording(written, error.get("ctx", {}))
    return with_got(error["msg"][:1].lower() + error["msg"][1:], written)


def meant(
    model: type[BaseModel], table: object, error: ErrorDetails, known: Collection[str] = ()
) -> Place | None:
    """The place of the key that an unknown one was probably meant to be; None for other errors."""
    place = place_in(table, error)
    if error["type"] != "extra_forbidden":
        return None
    near = suggestion(str(place[-1]), _others(model, place, known))
    return None if near is None else (*place[:-1], near)


def with_got(sentence: str, written: object) -> str:
    """The sentence with what was written in it, unless it says so itself or a whole table was written."""
    if "(got " in sentence or isinstance(written, Mapping | list) or written is None:
        return sentence
    if isinstance(written, str) and written and written in sentence:
        return sentence
    end = _END_OF_WRONG.search(sentence)
    at_end = len(sentence) if end is None else end.start()
    return f"{sentence[:at_end]} (got {shown(written)}){sentence[at_end:]}"


def is_echo(table: object, error: ErrorDetails) -> bool:
    """Whether other errors say it already: pydantic counts only the good items of a list."""
    written = at(table, place_in(table, error))
    return (
        error["type"] == "too_short"
        and isinstance(written, list)
        and len(written) >= error["ctx"]["min_length"]
    )


def keys(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a model as they stand in the file."""
    for name, field in model.model_fields.items():
        yield field.alias or name


def _example(field: FieldInfo | None) -> str:
    examples = field.examples if field is not None else None
    return f", e.g. {shown(examples[0])}" if examples else ""


def _field(model: type[BaseModel], place: Place) -> FieldInfo | None:
    for inside in _models(model, place[:-1]):
        for name, field in inside.model_fields.items():
            if place[-1] in {name, field.alias}:
                return field
    return None


def _others(model: type[BaseModel], place: Place, known: Collection[str]) -> list[str]:
    """The keys that are right beside the one at this place."""
    return [*_keys(model, place[:-1]), *(known if len(place) == 1 else ())]


def _keys(model: type[BaseModel], place: Place) -> Iterator[str]:
    for inside in _models(model, place):
        yield from keys(inside)


def _models(model: type[BaseModel], place: Place) -> Iterator[type[BaseModel]]:
    """The models that may stand at this place of a table of `model`."""
    names = [part for part in place if isinstance(part, str)]
    if not names:
        yield model
        return
    for name, field in model.model_fields.items():
        if names[0] in {name, field.alias}:
            for nested in _models_of(field.annotation):
                yield from _models(nested, tuple(names[1:]))


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation may be anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_of(argument)


def _literals(error: ErrorDetails) -> list[str]:
    """Pydantic says them in one text: "'a', 'b' or 'c'"."""
    return [word.strip(" '") for word in str(error["ctx"]["expected"]).replace(" or ", ", ").split(",")]


def _choice(written: object, allowed: Collection[str]) -> str:
    near = did_you_mean(written, allowed, "words")
    everything = "one of " + ", ".join(allowed)
    return f"{near} ({everything})" if near.startswith("did you mean") else everything


_Words = Callable[[object, Mapping[str, Any]], str]


def _number(what: str) -> _Words:
    def words(written: object, _limits: Mapping[str, Any]) -> str:
        right = ""
        if isinstance(written, str) and _is_number(written):
            right = f", write it without quotes: {written.strip()}"
        return f"should be {what} (got {shown_with_type(written)}){right}"

    return words


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(written: object, _limits: Mapping[str, Any]) -> str:
    right = (
        f', write it in quotes: "{shown(written)}"'
        if isinstance(written, bool | int | float | date | time)
        else ""
    )
    return f"should be a text (got {shown(written)}){right}"


def _list(written: object, _limits: Mapping[str, Any]) -> str:
    if isinstance(written, Mapping):
        return "should be a list (got a table), write its header as [[…]] or its items in brackets"
    return f"should be a list (got {shown_with_type(written)}), write it in brackets: [{shown(written)}]"


def _table(written: object, _limits: Mapping[str, Any]) -> str:
    return f"should be a table (got {shown_with_type(written)})"


def _switch(written: object, _limits: Mapping[str, Any]) -> str:
    return f"should be true or false, without quotes (got {shown_with_type(written)})"


def _limit(wrong: str, right: str, limit: str) -> _Words:
    def words(written: object, limits: Mapping[str, Any]) -> str:
        # Where a text was written for a number it is a duration, and the number is in seconds.
        bound = f'"{limits[limit]:g}s"' if isinstance(written, str) else limits[limit]
        return f"{wrong} (got {shown(written)}), {right} {bound}"

    return words


def _length(wrong: str, right: str, limit: str) -> _Words:
    def words(written: object, limits: Mapping[str, Any]) -> str:
        count = len(written) if isinstance(written, list | str) else 0
        return f"{wrong} (got {count}), {right} {limits[limit]}"

    return words


_WORDS: dict[str, _Words] = {
    "int_type": _number("a whole number"),
    "int_from_float": _number("a whole number"),
    "int_parsing": _number("a whole number"),
    "float_type": _number("a number"),
    "float_parsing": _number("a number"),
    "finite_number": _number("an ordinary number"),
    "decimal_type": _number("a number"),
    "string_type": _text,
    "bool_type": _switch,
    "list_type": _list,
    "tuple_type": _list,
    "model_type": _table,
    "model_attributes_type": _table,
    "dict_type": _table,
    "greater_than_equal": _limit("is too small", "at least", "ge"),
    "greater_than": _limit("is too small", "more than", "gt"),
    "less_than_equal": _limit("is too large", "at most", "le"),
    "less_than": _limit("is too large", "less than", "lt"),
    "too_short": _length("has too few items", "at least", "min_length"),
    "too_long": _length("has too many items", "at most", "max_length"),
    "string_too_short": _length("is too short", "letters: at least", "min_length"),
    "string_too_long": _length("is too long", "letters: at most", "max_length"),
}
