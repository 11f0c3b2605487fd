"""pydantic's findings in a technician's words, where a whole file does not show them."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from config.wording import message, with_got

pytestmark = pytest.mark.pure


class Inner(BaseModel):
    """A table in a table."""

    model_config = ConfigDict(strict=True, extra="forbid")
    depth: float = Field(0.0, gt=0, allow_inf_nan=False)


class Coil(BaseModel):
    """One branch of a choice."""

    kind: Literal["coil"]
    at: int = 0


class Port(BaseModel):
    """The other branch."""

    kind: Literal["port"]
    number: int = 0


class Outer(BaseModel):
    """A table."""

    model_config = ConfigDict(strict=True, extra="forbid")
    inner: Inner | None = None
    choice: Annotated[Coil | Port, Field(discriminator="kind")] | None = None
    plain: str = Field("", pattern="^[a-z]*$")


def sentence(table: dict[str, object]) -> str:
    """About the one mistake in this table."""
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(table)
    (error,) = caught.value.errors()
    return message(Outer, table, error)


def test_a_text_where_a_table_belongs() -> None:
    assert sentence({"inner": "deep"}) == 'should be a table (got the text "deep")'


def test_an_unknown_key_deep_inside_is_compared_with_its_neighbours() -> None:
    assert sentence({"inner": {"dept": 1.0}}) == 'unknown key, did you mean "depth"?'


def test_not_a_number_is_no_number() -> None:
    assert sentence({"inner": {"depth": float("nan")}}) == "should be an ordinary number (got nan)"


def test_the_branch_of_a_choice_is_no_part_of_the_place() -> None:
    assert sentence({"choice": {"kind": "coil", "at": "x"}}) == 'should be a whole number (got the text "x")'


def test_a_finding_without_words_of_its_own_keeps_pydantics_with_the_value() -> None:
    assert sentence({"plain": "A"}) == "string should match pattern '^[a-z]*$' (got \"A\")"


def test_what_was_written_is_said_once_and_before_what_would_be_right() -> None:
    assert with_got("is too long, at most 5", 7) == "is too long (got 7), at most 5"
    assert with_got("is too long (got 7)", 7) == "is too long (got 7)"
    assert (
        with_got('unknown unit "mgl", did you mean "mg/L"?', "mgl")
        == 'unknown unit "mgl", did you mean "mg/L"?'
    )
    assert with_got("is empty, write a unit", "") == 'is empty (got ""), write a unit'
    assert with_got("no kind of line: a://, b://", "c") == 'no kind of line (got "c"): a://, b://'
    assert with_got("goes down", [2, 1]) == "goes down"


class Patience(BaseModel):
    """A duration as a line's settings have it: a text in the file, seconds here."""

    wait_s: Annotated[float, BeforeValidator(lambda text: float(text.removesuffix("s")))] = Field(1.0, le=60)


def test_the_bound_of_a_duration_is_written_as_one() -> None:
    table = {"wait_s": "90s"}
    with pytest.raises(ValidationError) as caught:
        Patience.model_validate(table)
    assert message(Patience, table, caught.value.errors()[0]) == 'is too large (got "90s"), at most "60s"'
