"""Pydantic's errors in plain sentences, at the places that the sender knows."""

import re
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

from shared.validation.faults import Fault, faults_of, joined, json_faults_of
from shared.validation.forms import FILLED, LINE, NAME, SHA256, TRIMMED_LINE, TextForm
from shared.validation.sentences import sentence
from tests.harness.plain import is_plain


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=1)]


class Bare(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    question: str
    answer: str


class Lamp(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    event: Literal["lamp"]
    lamp: str
    watts: int


class Rug(BaseModel):
    event: Literal["rug"]


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    one: Named | Bare | None = None
    many: list[str | Named] = []
    scalars: dict[Annotated[str, NAME], bool | int | str | list[str]] = {}
    kind: Literal["", "a"] | Annotated[str, LINE] = ""
    event: Annotated[Lamp | Rug, Field(discriminator="event")] | None = None
    at: Annotated[float, BeforeValidator(lambda value: float(value)), Field(ge=0)] = 0.0
    hash: Annotated[str, SHA256] | None = None


def faults(given: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(given)
    return list(map(str, faults_of(caught.value, given)))


LAMP: dict[str, Any] = {"event": "lamp", "lamp": "oak", "watts": 5}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], ["expected an object, found an empty list"]),
        ({"one": 5}, ["one: expected an object, found the number 5"]),
        # Of a union, the member with the fewest faults is meant.
        ({"one": {"question": "a"}}, ["one.answer: is missing: add it"]),
        (
            {"one": {"txt": "a"}},
            [
                "one.text: is missing: add it",
                "one.txt: is not known here: correct its name or remove it",
            ],
        ),
        ({"many": 5}, ["many: expected a list, found the number 5"]),
        (
            {"many": ["a", 5, {"text": ""}, None]},
            [
                "many.1: expected a text or an object, found the number 5",
                "many.2.text: expected at least 1 character, found an empty text",
                "many.3: expected a text or an object, found null",
            ],
        ),
        (
            {"scalars": {"a": {}, "b": ["x", 1]}},
            [
                "scalars.a: expected true or false, a whole number, a text or a list, "
                "found an object",
                "scalars.b.1: expected a text, found the number 1",
            ],
        ),
        (
            {"scalars": {"A B": 1}},
            [
                "scalars.A B: the name: expected 1 to 63 lower-case letters, digits, _ and -, with "
                "a letter or digit first, found 'A B'"
            ],
        ),
        (
            {"kind": "a\x07b"},
            [
                "kind: expected one line of text that is not blank, without control characters, "
                "found the control character U+0007 as character 2: remove it"
            ],
        ),
        (
            {"kind": "\t"},
            [
                "kind: expected one line of text that is not blank, without control characters, "
                "found blanks alone"
            ],
        ),
        # A key that is called as the union's member is a key all the same.
        ({"event": {**LAMP, "lamp": 5}}, ["event.lamp: expected a text, found the number 5"]),
        (
            {"event": {"event": "lamp", "lamp": "oak"}},
            ["event.watts: is missing: add it"],
        ),
        (
            {"event": {**LAMP, "oak": 1}},
            ["event.oak: is not known here: correct its name or remove it"],
        ),
        (
            {"event": {"event": "sofa"}},
            ["event.event: expected one of 'lamp', 'rug', found 'sofa'"],
        ),
        # A value that was converted before it was checked.
        ({"at": "-5"}, ["at: expected at least 0, found '-5'"]),
        ({"hash": "xyz"}, ["hash: expected 64 hexadecimal digits, found 'xyz'"]),
        ({"k" * 300: 1}, [f"{'k' * 57}...: is not known here: correct its name or remove it"]),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_at_the_sender_s_place(given: object, said: list[str]) -> None:
    assert faults(given) == said


def test_json_is_read_again_to_tell_keys_from_members() -> None:
    content = b'{"event": {"event": "lamp", "lamp": 5, "watts": 1}, "many": [1]}'
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate_json(content)
    assert [fault.location for fault in json_faults_of(caught.value, content)] == [
        "many.0",
        "event.lamp",
    ]
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate_json(b"{")
    (fault,) = json_faults_of(caught.value, b"{")
    assert fault.message.startswith("not JSON: ")


def test_a_fault_of_a_part_moves_below_its_place() -> None:
    fault = Fault(("timestamp",), "is missing: add it").below(("line 3",))
    assert str(fault) == "line 3.timestamp: is missing: add it"
    assert joined([fault] * 5, 2).endswith("; and 3 more")


def test_very_many_faults_are_cut() -> None:
    assert len(faults({"many": [1] * 5_000})) <= 500


ERRORS: list[tuple[str, dict[str, Any] | None, object]] = [
    ("missing", None, {}),
    ("extra_forbidden", None, 1),
    ("model_type", {"class_name": "Lamp"}, 5),
    ("model_attributes_type", None, 5),
    ("dataclass_type", {"class_name": "Lamp"}, 5),
    ("none_required", None, 5),
    ("greater_than", {"gt": 1}, 0),
    ("greater_than_equal", {"ge": 1}, 0),
    ("less_than", {"lt": 1}, 2),
    ("less_than_equal", {"le": 1}, 2.5),
    ("multiple_of", {"multiple_of": 2}, 3),
    ("finite_number", None, float("nan")),
    ("too_short", {"field_type": "List", "min_length": 1, "actual_length": 0}, []),
    ("too_long", {"field_type": "List", "max_length": 1, "actual_length": 2}, [1, 2]),
    ("too_long", {"field_type": "Set", "max_length": 0, "actual_length": None}, {1}),
    ("string_type", None, b"x"),
    ("string_unicode", None, "x"),
    ("string_too_short", {"min_length": 2}, "a"),
    ("string_too_long", {"max_length": 1}, "ab"),
    ("string_pattern_mismatch", {"pattern": "^[a-z]$"}, "A"),
    ("enum", {"expected": "'a' or 'b'"}, "c"),
    ("literal_error", {"expected": "'a' or 'b'"}, "c"),
    ("dict_type", None, 5),
    ("list_type", None, 5),
    ("tuple_type", None, 5),
    ("set_type", None, 5),
    ("bool_type", None, 5),
    ("bool_parsing", None, "x"),
    ("int_type", None, None),
    ("int_parsing", None, "x"),
    ("int_parsing_size", None, "1" * 5_000),
    ("int_from_float", None, 1.5),
    ("float_type", None, 10**5_000),
    ("float_parsing", None, "x"),
    ("value_error", {"error": ValueError("a sentence")}, 5),
    ("assertion_error", {"error": AssertionError()}, 5),
    ("datetime_parsing", {"error": "x"}, "x"),
    ("datetime_type", None, 5),
    ("timezone_aware", None, 5),
    ("is_instance_of", {"class": "Path"}, object()),
    ("union_tag_not_found", {"discriminator": "'event'"}, {}),
    ("union_tag_invalid", {"discriminator": "'event'", "tag": "x", "expected_tags": "'a'"}, {}),
    ("recursion_loop", None, []),
    ("json_invalid", {"error": "EOF at line 1"}, "{"),
    ("decimal_max_digits", {"max_digits": 3}, 12345),
]


@pytest.mark.parametrize(("kind", "context", "value"), ERRORS, ids=lambda _: "")
def test_no_kind_of_error_shows_the_code(
    kind: str, context: dict[str, Any] | None, value: object
) -> None:
    line: InitErrorDetails = {"type": kind, "ctx": context or {}, "input": value}
    (error,) = ValidationError.from_exception_data("Lamp", [line]).errors()
    said = sentence(error)
    assert is_plain(said), said
    assert len(said) < 200


@pytest.mark.parametrize(
    "form", [NAME, LINE, TRIMMED_LINE, FILLED, SHA256, TextForm("^[ab]$", "a or b")]
)
def test_a_form_stands_in_the_schema_and_its_words_in_the_message(form: TextForm) -> None:
    adapter = TypeAdapter(Annotated[str, form])
    assert adapter.json_schema() == {"type": "string", "pattern": form.pattern}
    for bad in ("\x00", 5, ""):
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python(bad)
        (fault,) = faults_of(caught.value, bad)
        assert is_plain(str(fault)), fault
        assert re.match("expected ", fault.message)


def test_a_long_text_is_matched_in_linear_time() -> None:
    adapter = TypeAdapter(Annotated[str, FILLED])
    with pytest.raises(ValidationError):
        adapter.validate_python("word " * 200_000 + "\x00")
