import gzip
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from shared.errors import InputError
from shared.training.data.formats import PLAIN, Columns
from shared.training.data.reading import read_files, read_rows, renamed
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.rows import labelled_formats
from tests.shared.training.made_files import write_files

PLAIN_ROW = labelled_formats(Columns())[PLAIN].read


def _write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _read(path: Path) -> list[Example]:
    return read_rows([(path, PLAIN_ROW)])


def test_reads_json_lines_and_csv_alike(tmp_path: Path) -> None:
    rows = [Example("Where is my card?", "card"), Example('He said "no",\nthen left', "7")]
    json_lines = _write(
        tmp_path / "a.jsonl",
        '{"text": "Where is my card?", "label": "card", "more": 1}\n\n'
        '{"text": "He said \\"no\\",\\nthen left", "label": 7}\n',
    )
    csv = _write(
        tmp_path / "a.csv",
        '\ufefflabel,text\r\ncard,Where is my card?\r\n7,"He said ""no"",\nthen left"\r\n',
    )
    assert _read(json_lines) == rows
    assert _read(csv) == rows


def test_reads_gzip(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text": "hi", "label": "x"}'))
    assert _read(path) == [Example("hi", "x")]


def test_names_every_bad_row(tmp_path: Path) -> None:
    lines = [
        b'{"text": "fine", "label": "a"}',
        b"not json",
        b'{"text": "", "label": "a"}',
        b'{"txt": "x", "label": "a"}',
        b'{"text": null, "label": "a"}',
        b'{"text": "x", "label": true}',
        b'{"text": "caf\xe9\xff\x80", "label": "a"}',
        b'{"text": "\\ud800", "label": "a"}',
        b"[1]",
        b"[" * 50_000,
    ]
    path = _write(tmp_path / "bad.jsonl", b"\n".join(lines))
    with pytest.raises(InputError) as caught:
        _read(path)
    message = str(caught.value)
    assert "9 faults" in message
    for line, reason in [
        (2, "not JSON"),
        (3, "'text' is empty"),
        (4, "has no column 'text' (it has 'txt', 'label')"),
        (5, "'text' is null"),
        (6, "'label' is true"),
        (7, "not UTF-8: its byte 14 is 0xe9"),
        (8, "not JSON: no low surrogate"),
        (9, "expected an object {...}, found a list"),
        (10, "nested deeper than 64 levels"),
    ]:
        assert f"{path}:{line}: " in message
        assert reason in message


def test_names_bad_rows_of_csv(tmp_path: Path) -> None:
    path = _write(tmp_path / "bad.csv", 'text,label\nfine,a\nshort\n"open,a\n')
    with pytest.raises(InputError) as caught:
        _read(path)
    assert f"{path}:3: has 1 cell, the header has 2" in str(caught.value)
    assert f"{path}: line 4: a quote that opens in this row never ends" in str(caught.value)


def test_a_comma_in_an_open_cell_is_no_short_text(tmp_path: Path) -> None:
    path = _write(tmp_path / "open.csv", "label,text\na,Yes, I do\n")
    with pytest.raises(InputError, match=r"open\.csv:2: has 3 cells, the header has 2"):
        _read(path)


def test_a_column_stands_once(tmp_path: Path) -> None:
    path = _write(tmp_path / "twice.csv", "text,text,label\na,b,c\n")
    with pytest.raises(InputError, match="the column 'text' stands twice"):
        _read(path)


def test_mixed_encodings_are_named_by_row(tmp_path: Path) -> None:
    content = b"text,label\n" + "café,a\n".encode("cp1252") + "naïve,b\n".encode()
    path = _write(tmp_path / "mixed.csv", content)
    with pytest.raises(InputError) as caught:
        _read(path)
    assert f"{path}:2: 'text' is not UTF-8 at its character 4" in str(caught.value)
    assert "in Windows-1252 it says 'café'" in str(caught.value)


def test_reads_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"text": ["one", None, "three"], "label": [1, 2, 3]})
    pyarrow.parquet.write_table(table, path, row_group_size=2)
    with pytest.raises(InputError, match=r"a\.parquet:2: 'text' is null"):
        _read(path)
    pyarrow.parquet.write_table(table.slice(2), path)
    assert _read(path) == [Example("three", "3")]


def test_columns_are_renamed(tmp_path: Path) -> None:
    path = _write(tmp_path / "swapped.csv", "text,label\na,Where is it?\n")
    assert read_rows([(path, renamed(PLAIN_ROW, {"text": "label", "label": "text"}))]) == [
        Example("Where is it?", "a")
    ]
    with pytest.raises(InputError, match=r"has no column 'body' \(it has 'text', 'label'\)"):
        read_rows([(path, renamed(PLAIN_ROW, {"text": "body"}))])


@pytest.mark.parametrize("part_bytes", [1, 40, 200])
def test_parts_give_the_same_rows_and_faults(tmp_path: Path, part_bytes: int) -> None:
    files = [(file, PLAIN_ROW) for file in write_files(tmp_path)]
    assert read_files(files, part_bytes=part_bytes) == read_files(files)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jsonl", b"", "holds no rows"),
        ("empty.csv", b"text,label\n", "holds no rows"),
        ("rows.parquet", b"", "cannot be read"),
        ("rows.txt", b"", r"ends in none of \.csv"),
        ("broken.jsonl.gz", b"no gzip", "not JSON"),
        ("cut.jsonl.gz", gzip.compress(b"x" * 999, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_refuses_files(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        _read(_write(tmp_path / name, content))


def test_missing_file_and_others_are_told_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / "no.jsonl", tmp_path / "neither.csv"]
    with pytest.raises(InputError, match="2 faults"):
        read_rows([(path, PLAIN_ROW) for path in paths])


def test_shows_the_first_twenty(tmp_path: Path) -> None:
    path = _write(tmp_path / "many.jsonl", "x\n" * 50)
    with pytest.raises(InputError, match="and 30 more"):
        _read(path)


def test_reads_pairs(tmp_path: Path) -> None:
    path = _write(tmp_path / "pairs.jsonl", '{"q": "one", "a": "two", "same": 1}\n{"q": "one"}')
    read = labelled_formats(Columns(text="q", second="a", label="same"))[PLAIN].read
    with pytest.raises(InputError, match=r"pairs\.jsonl:2: has no column 'a'"):
        read_rows([(path, read)])
    path.write_text('{"q": "one", "a": "two", "same": 1}')
    assert read_rows([(path, read)]) == [Example(("one", "two"), "1")]
