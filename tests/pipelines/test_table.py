from pathlib import Path

import pytest

from pipelines.table import TableSettings, columns_of
from shared.errors import InputError

ROWS = "I lost my card,card\nwhere is my card,card\nI forgot the code,pin\n"


def settings(tmp_path: Path, content: str, **given: str) -> TableSettings:
    table = tmp_path / "table.csv"
    table.write_text(content)
    return TableSettings.model_validate({"table": table, "task": "topics", **given})


@pytest.mark.parametrize(
    ("head", "given", "expected"),
    [
        ("text,label", {}, ("text", "label")),
        ("question,topic", {}, ("question", "topic")),
        ("label,text", {}, ("text", "label")),
        ("question,label", {}, ("question", "label")),
        ("text,topic", {}, ("text", "topic")),
        ("a,b", {"text": "b"}, ("b", "a")),
        ("a,b", {"text": "x", "label": "y"}, ("x", "y")),
    ],
)
def test_two_columns_tell_which_they_are(
    tmp_path: Path, head: str, given: dict[str, str], expected: tuple[str, str]
) -> None:
    assert columns_of(settings(tmp_path, f"{head}\n{ROWS}", **given)) == expected


def test_more_columns_must_be_named(tmp_path: Path) -> None:
    rows = "a,b,c\n1,2,3\n"
    with pytest.raises(InputError, match=r"the columns 'a', 'b', 'c'.*--text and --label"):
        columns_of(settings(tmp_path, rows))
    assert columns_of(settings(tmp_path, rows, text="a", label="c")) == ("a", "c")


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    gone = TableSettings(table=tmp_path / "none.csv", task="topics")
    with pytest.raises(InputError, match="cannot be read"):
        columns_of(gone)
    lines = TableSettings(table=tmp_path / "rows.jsonl", task="topics")
    with pytest.raises(InputError, match=r"no \.csv"):
        columns_of(lines)
