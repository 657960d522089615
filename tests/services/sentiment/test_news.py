"""One record as news, or as a dead letter with its reason."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.sentiment.news import Entity, decode
from shared.streaming.dead_letters import REASONS, DecodeError
from tests.harness.sentiment.made import START_S, record, value


def reason_of(given_value: bytes | None) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(record(0, 0, given_value), arrived_at=START_S, max_ahead_s=3600)
    return caught.value.reason


def test_a_record_is_read_as_it_was_sent() -> None:
    text = "שלום 🙂 ﷽ e\u0301"
    sent = value(text=text, entities=["Acme", " Bolt ", "Acme"], tenant="acme", more={"x": 1})

    news = decode(record(0, 0, sent), arrived_at=START_S, max_ahead_s=3600)

    assert (news.tenant, news.id, news.source, news.text) == ("acme", "n1", "wire", text)
    assert news.entities == ("Acme", "Bolt")
    assert news.published_at == START_S


def test_an_id_may_be_an_address_but_not_its_dots() -> None:
    name = "https://example.org/news/1?a=b"

    assert decode(record(0, 0, value(id=name)), arrived_at=START_S, max_ahead_s=0).id == name
    with pytest.raises(DecodeError, match="choose another id"):
        decode(record(0, 0, value(id="..")), arrived_at=START_S, max_ahead_s=0)


@pytest.mark.parametrize(
    ("published_at", "seconds"),
    [
        ("2024-01-08T08:00:00Z", START_S),
        ("2024-01-08T09:00:00.5+01:00", START_S + 0.5),
        (START_S, START_S),
        (int(START_S), START_S),
        ("1999-12-31T23:59:59Z", 946_684_799.0),
        ("2024-01-08T09:00:00Z", START_S + 3600),
    ],
)
def test_times_are_iso_with_an_offset_or_seconds(published_at: object, seconds: float) -> None:
    news = decode(
        record(0, 0, value(published_at=published_at)), arrived_at=START_S, max_ahead_s=3600
    )

    assert news.published_at == seconds
    assert (news.tenant, news.entities) == ("default", None)


def test_no_entities_on_purpose_is_not_the_same_as_none_named() -> None:
    assert (
        decode(record(0, 0, value(entities=[])), arrived_at=START_S, max_ahead_s=0).entities == ()
    )
    assert (
        decode(record(0, 0, value(entities=None)), arrived_at=START_S, max_ahead_s=0).entities
        is None
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (None, "null-value"),
        (b"", "bad-json"),
        (b"x" * (256 * 1024 + 1), "too-large"),
        (b'{"id": "\xff"}', "bad-encoding"),
        (b"{", "bad-json"),
        (b'{"published_at": NaN}', "bad-json"),
        (b'{"published_at": -Infinity}', "bad-json"),
        (b'{"published_at": 1e999}', "bad-json"),
        (b'{"id": "\\ud800"}', "bad-json"),
        (b"[" * 100_000, "too-large"),
        (b"[" * 65 + b"]" * 65, "too-large"),
        (b"[" + b"0," * 100_000 + b"0]", "too-large"),
        (b"null", "bad-schema"),
        (b"[]", "bad-schema"),
        (b"{}", "bad-schema"),
        (value(text=""), "bad-schema"),
        (value(text=" \n"), "bad-schema"),
        (value(text="a\0b"), "bad-schema"),
        (value(text="x" * 20_001), "bad-schema"),
        (value(text=5), "bad-schema"),
        (value(id=""), "bad-schema"),
        (value(id=7), "bad-schema"),
        (value(source=None), "bad-schema"),
        (value(published_at=True), "bad-schema"),
        (value(published_at="2024-01-08T08:00:00"), "bad-schema"),
        (value(published_at="1767600000"), "bad-schema"),
        (value(published_at=-1), "bad-schema"),
        (value(published_at=1e300), "bad-schema"),
        (value(entities=["x"] * 101), "bad-schema"),
        (value(entities=[f"name {n}" for n in range(10_000)]), "bad-schema"),
        (value(entities=["x" * 201]), "bad-schema"),
        (value(entities=[""]), "bad-schema"),
        (value(entities=["a\nb"]), "bad-schema"),
        (value(entities="Acme"), "bad-schema"),
        (value(tenant="No Such"), "bad-schema"),
        (value(tenant=""), "bad-schema"),
        (value(published_at="2024-01-08T09:00:01Z"), "clock-ahead"),
    ],
)
def test_what_cannot_be_used_has_its_reason(sent: bytes | None, reason: str) -> None:
    assert reason_of(sent) == reason


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(sent: bytes) -> None:
    assert reason_of(sent) in REASONS


@given(st.text(alphabet=" \t\r\n\0\x7fa5¨株", max_size=6))
def test_the_schema_of_an_entity_says_what_is_taken(value: str) -> None:
    entity: TypeAdapter[str] = TypeAdapter(Entity)
    pattern = entity.json_schema()["pattern"]

    try:
        taken = entity.validate_python(value)
    except ValidationError:
        assert re.search(pattern, value) is None
    else:
        assert re.search(pattern, value)
        assert taken == value.strip()
