"""What may name a document, an item, a user, an event or a record."""

import re
from urllib.parse import quote, unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.validation.faults import faults_of
from shared.validation.identifiers import MAX_IDENTIFIER_CHARS, Identifier

IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def fault(value: str) -> str | None:
    try:
        assert IDENTIFIER.validate_python(value) == value
    except ValidationError as error:
        (only,) = faults_of(error)
        return only.message
    return None


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "owner/name",
        "https://example.org/help/cards.html?lang=en#top",
        "50 % off",
        "%2e%2e",
        "a\\b",
        "日本語 🙂",
        ".hidden",
        "...",
        "a..b/c.d",
        "/",
        " x ",
        "x" * MAX_IDENTIFIER_CHARS,
    ],
)
def test_any_line_is_an_identifier(value: str) -> None:
    assert fault(value) is None


@pytest.mark.parametrize(
    "value", [".", "..", "../b", "a/..", "a/../b", "./a", "a/.", "..\\a", "/..", "../"]
)
def test_what_clients_take_out_of_an_address_is_refused(value: str) -> None:
    said = fault(value)

    assert said is not None
    assert repr(value) in said
    assert "choose another id" in said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "empty or blank"),
        (" \u2003", "empty or blank"),
        ("x" * 201, "201 characters: send at most 200"),
        ("a\nb", "character 1"),
        ("a\x7f", "character 1"),
        ("\x00", "character 0"),
    ],
)
def test_what_is_no_line_is_refused_in_one_sentence(value: str, said: str) -> None:
    assert said in (fault(value) or "")


@given(st.text(st.sampled_from("./\\a \u2003\x85\n\x1c"), max_size=6))
def test_it_is_one_line_with_something_in_it_and_no_dots_between_slashes(value: str) -> None:
    is_line = bool(value.strip()) and not {"\n", "\x1c"} & set(value)
    has_dots = bool({".", ".."} & set(re.split(r"[/\\]", value)))

    assert (fault(value) is None) == (is_line and not has_dots)


@given(st.text(st.sampled_from("./\\a %#?é\n"), max_size=8))
def test_an_identifier_survives_its_way_through_an_address(value: str) -> None:
    if fault(value) is not None:
        return
    for encoded in (quote(value, safe=""), quote(value)):
        address = urljoin("http://host/documents/", f"/documents/{encoded}")
        assert unquote(address.removeprefix("http://host/documents/")) == value
