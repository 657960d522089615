from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from services.cli.shop.rows import EVENTS, ITEMS, RowKind, check_columns, event_of, milliseconds
from shared.errors import InputError

UNDATED_MS = 1_700_000_000
CLICK = {"user_id": "u", "item_id": "i", "timestamp": "2026-03-02T09:00:00Z", "type": "click"}


def named(event: dict[str, object]) -> dict[str, object]:
    fields = event["fields"]
    assert isinstance(fields, list)
    return {field["name"]: field["value"] for field in fields}


def test_an_items_row_becomes_an_item_with_fields_of_their_types() -> None:
    row = {
        "item_id": "tent-1",
        "title": "Tent",
        "description": "",
        "category": "outdoor|camping",
        "price": "189.50",
        "available": "No",
        "tags": "light",
        "brand": "Fern",
        "timestamp": "1772442000",
    }

    event = event_of(ITEMS, row, UNDATED_MS)

    assert {key: event[key] for key in ("event", "item", "timestamp")} == {
        "event": "item",
        "item": "tent-1",
        "timestamp": 1_772_442_000_000,
    }
    assert named(event) == {
        "title": "Tent",
        "category": ["outdoor", "camping"],
        "price": 189.5,
        "available": False,
        "tags": "light",
        "brand": "Fern",
    }


def test_a_click_and_what_it_needs() -> None:
    event = event_of(EVENTS, {**CLICK, "ranking": "r", "session": "s", "page": "front"}, UNDATED_MS)

    assert event.pop("id")
    assert event == {
        "event": "interaction",
        "timestamp": 1_772_442_000_000,
        "type": "click",
        "user": "u",
        "session": "s",
        "ranking": "r",
        "item": "i",
        "fields": [{"name": "page", "value": "front"}],
    }


@pytest.mark.parametrize(
    ("row", "kind", "fields"),
    [
        ({"rating": "4.5"}, "rating", {"value": 4.5}),
        ({"rating": 4, "type": "rating"}, "rating", {"value": 4.0}),
        ({"rating": "4", "type": "purchase"}, "purchase", {"rating": 4.0}),
    ],
)
def test_a_rating_is_a_type_where_there_is_no_other(
    row: dict[str, object], kind: str, fields: dict[str, object]
) -> None:
    without = {name: value for name, value in CLICK.items() if name != "type"}

    event = event_of(EVENTS, {**without, **row}, UNDATED_MS)

    assert event["type"] == kind
    assert named(event) == fields


def test_ids_follow_from_the_content() -> None:
    again = event_of(EVENTS, dict(reversed(CLICK.items())), UNDATED_MS)
    others = [
        event_of(EVENTS, {**CLICK, name: "other"}, UNDATED_MS)
        for name in ("user_id", "item_id", "type")
    ]

    first = event_of(EVENTS, CLICK, UNDATED_MS)

    assert again == first
    assert len({str(event["id"]) for event in [first, *others]}) == 4


def test_an_item_without_a_time_has_the_one_given() -> None:
    assert event_of(ITEMS, {"item_id": "i"}, UNDATED_MS)["timestamp"] == UNDATED_MS


@pytest.mark.parametrize(("value", "id"), [(7, "7"), (7.0, "7"), ("007", "007")])
def test_numbers_are_ids_too(value: object, id: str) -> None:
    assert event_of(ITEMS, {"item_id": value}, UNDATED_MS)["item"] == id


def test_what_only_parquet_has_becomes_what_json_has() -> None:
    row = {
        "item_id": "i",
        "price": Decimal("12.50"),
        "weight": Decimal("1.5"),
        "out": date(2026, 3, 2),
    }

    fields = named(event_of(ITEMS, row, UNDATED_MS))

    assert fields == {"price": 12.5, "weight": 1.5, "out": "2026-03-02"}


def test_an_event_of_the_platforms_shape_is_taken_as_it_is() -> None:
    ranking: dict[str, object] = {
        "event": "ranking", "id": "r", "timestamp": "1772442000000", "session": "s", "items": [],
        "fields": [],
    }  # fmt: skip

    assert event_of(EVENTS, ranking, UNDATED_MS) == ranking


@pytest.mark.parametrize(
    ("kind", "row", "said"),
    [
        (ITEMS, {"title": "x"}, "the item_id is empty"),
        (ITEMS, {"item_id": 1.5}, "the item_id 1.5 is not an id"),
        (ITEMS, {"item_id": True}, "is not an id"),
        (
            ITEMS,
            {"item_id": "i", "price": "12,50"},
            "'12,50' is not a number such as 12.50",
        ),
        (ITEMS, {"item_id": "i", "price": -1}, "price"),
        (ITEMS, {"item_id": "i", "available": "perhaps"}, "expected true or false"),
        (ITEMS, {"item_id": "i", "size": {"w": 1}}, "the size: .*, found an object"),
        (ITEMS, {"item_id": "i", "cover": b"PNG"}, "the cover: .*, found bytes"),
        (ITEMS, {"item_id": "i", "tags": ["a", None]}, "the tags: .*, found null"),
        (ITEMS, {"item_id": "i", "sizes": ["a", 1]}, "a list holds either texts or numbers"),
        (ITEMS, {"item_id": "i", "title": "a\x00b"}, "title: .*control character"),
        (ITEMS, {"item_id": "x" * 201}, "item: .*200"),
        (EVENTS, {**CLICK, "timestamp": None}, "the timestamp is empty"),
        (EVENTS, {**CLICK, "timestamp": "soon"}, "the timestamp soon is not a time"),
        (EVENTS, {**CLICK, "timestamp": "9999-01-01"}, "timestamp .* after 2199"),
        (EVENTS, {**CLICK, "user_id": ""}, "user_id and session are both empty"),
        (EVENTS, {**CLICK, "type": None}, "type and rating are both empty"),
        (EVENTS, {**CLICK, "rating": "good"}, "the rating 'good' is not a number"),
        (EVENTS, {"event": "click", "id": "1"}, "event"),
        (EVENTS, {"event": "interaction", "id": "1", "timestamp": 1}, "type: is missing: add it"),
    ],
)
def test_a_row_that_is_no_event_is_refused_by_its_column(
    kind: RowKind, row: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        event_of(kind, row, UNDATED_MS)


@pytest.mark.parametrize(
    ("kind", "columns", "said"),
    [
        (ITEMS, ["ItemID", "title"], "need a column item_id; there are 'ItemID', 'title'"),
        (ITEMS, ["Item Id", "title"], "is it 'Item Id'. then rename that to item_id"),
        (ITEMS, ["a", "b"], r"\(read as CSV in UTF-8\)"),
        (ITEMS, ["sku", "name"], "rename the one that is meant to item_id"),
        (EVENTS, ["user_id", "item_id", "type"], "need a column timestamp"),
        (EVENTS, ["item_id", "timestamp", "type"], "need a column user_id or session"),
        (EVENTS, ["user_id", "item_id", "timestamp"], "need a column type or rating"),
    ],
)
def test_a_wrong_header_is_said_with_its_remedy(
    kind: RowKind, columns: list[str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        check_columns(kind, columns, Path("a.csv"), "CSV in UTF-8")


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        (ITEMS, ["item_id"]),
        (EVENTS, ["session", "item_id", "timestamp", "rating"]),
        (EVENTS, ["event", "id", "timestamp"]),
    ],
)
def test_a_good_header_is_taken(kind: RowKind, columns: list[str]) -> None:
    check_columns(kind, columns, Path("a.csv"), "CSV in UTF-8")


MOMENT_MS = 1_772_442_000_500
"""2026-03-02T09:00:00.5Z."""


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-02T09:00:00.500Z",
        "2026-03-02T10:00:00.5+01:00",
        "2026-03-02 09:00:00.5",
        "1772442000.5",
        1_772_442_000.5,
        "1772442000500",
        1_772_442_000_500,
        datetime(2026, 3, 2, 9, 0, 0, 500_000),
        datetime(2026, 3, 2, 11, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_every_spelling_of_a_moment_is_read(value: object) -> None:
    assert milliseconds(value) == MOMENT_MS


@pytest.mark.parametrize("value", ["2026-03-02", date(2026, 3, 2)])
def test_a_day_is_its_beginning_in_utc(value: object) -> None:
    assert milliseconds(value) == datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000


def test_numbers_are_seconds_until_they_would_be_of_the_year_5138() -> None:
    assert milliseconds(7_258_118_399) == 7_258_118_399_000
    assert milliseconds(100_000_000_000) == 100_000_000_000


@pytest.mark.parametrize(
    "value", ["", "yesterday", "02.03.2026", "nan", float("inf"), True, None, ["2026-03-02"]]
)
def test_what_is_no_time_is_refused_with_the_spellings_that_are(value: object) -> None:
    with pytest.raises(InputError, match=r"not a time: send .* such as 2026-03-02T09:00:00Z|lies "):
        milliseconds(value)


@pytest.mark.parametrize("value", [-1, "-5", "1969-12-31T23:59:59Z", 0, 1_767_600, "1970-01-21"])
def test_a_time_before_1973_is_refused_as_one_of_a_wrong_unit(value: object) -> None:
    with pytest.raises(InputError, match="before 1973-03-03: send Unix milliseconds"):
        milliseconds(value)
