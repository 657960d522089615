"""A row of JSON is bounded before it is parsed."""

import pytest

from shared.tabular.json_size import oversize
from shared.tabular.rows import MAX_JSON_DEPTH, MAX_JSON_VALUES, BadRow, Row
from shared.tabular.table import open_table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 50_000, f"deeper than {MAX_JSON_DEPTH} levels"),
        ('{"a":' * 100 + "1" + "}" * 100, f"deeper than {MAX_JSON_DEPTH} levels"),
        (f"[{'[],' * MAX_JSON_VALUES}0]", f"more than {MAX_JSON_VALUES} values"),
        (f"[{'0,' * MAX_JSON_VALUES}0]", f"more than {MAX_JSON_VALUES} values"),
        ('{"a": NaN}', "not JSON"),
        ('"\\"' + "[" * 1000, "not JSON"),
    ],
)
def test_a_row_of_json_is_small(text: str, message: str) -> None:
    good = '{"a": 1}'
    rows = list(open_table(f"{text}\n{good}".encode(), name="a.jsonl").rows())

    assert isinstance(rows[0], BadRow)
    assert message in rows[0].reason
    assert isinstance(rows[1], Row)


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH,
        '{"a": "' + '[{,\\\\\\"' * MAX_JSON_VALUES + '"}',
        f"[{'0,' * (MAX_JSON_VALUES - 2)}0]",
    ],
    ids=["deep", "marks in a text", "many"],
)
def test_json_within_the_limits_is_read(text: str) -> None:
    assert oversize(text.encode()) is None
