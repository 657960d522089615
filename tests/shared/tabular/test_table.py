import gzip
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from shared.errors import InputError
from shared.tabular import csv_rows, json_rows
from shared.tabular.headings import find_heading
from shared.tabular.rows import BadRow, Limits, Row
from shared.tabular.table import Table, open_table


def write(path: Path, text: str | bytes) -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def values(table: Table) -> list[tuple[int, dict[str, object]]]:
    return [(row.number, row.values) for row in table.rows() if isinstance(row, Row)]


def faults(table: Table) -> list[tuple[int, str]]:
    return [(row.number, row.reason) for row in table.rows() if isinstance(row, BadRow)]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "A.CSV", "a.tsv"])
def test_a_csv_is_read_by_its_header_and_numbered_by_its_lines(tmp_path: Path, name: str) -> None:
    lines = [
        "\ufeffitem_id, title ,price,",
        '1,"Ümlaut, ""quoted""",,',
        "",
        '2,"two\nlines",3,',
        ",,,",
        "4,x,5,",
    ]
    table = open_table(write(tmp_path / name, "".join(f"{line}\r\n" for line in lines)))

    assert table.columns == ("item_id", "title", "price")
    assert table.description == "CSV in UTF-8, separated by commas"
    assert values(table) == [
        (2, {"item_id": "1", "title": 'Ümlaut, "quoted"', "price": ""}),
        (4, {"item_id": "2", "title": "two\nlines", "price": "3"}),
        (7, {"item_id": "4", "title": "x", "price": "5"}),
    ]


def test_headings_are_found_in_any_case_and_the_exact_one_first() -> None:
    assert open_table(b"TEXT,Label,Other\n", name="a.csv", known=["text", "label"]).columns == (
        "text",
        "label",
        "Other",
    )
    assert open_table(b"Text,text\n", name="a.csv", known=["text"]).columns == ("Text", "text")
    with pytest.raises(InputError, match="the column 'text' stands twice"):
        open_table(b"Text,TEXT\n", name="a.csv", known=["text"])
    assert find_heading(["Text", "x"], "text") == "Text"
    assert find_heading(["Text", "TEXT"], "text") is None


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a;b\n1,5;2\n3,5;4\n", ("a", "b")),
        ("name, first;age\nx, y;3\nz;4\n", ("name, first", "age")),
        ("text,label\none; two,a\nthree; four; five,b\n", ("text", "label")),
        ("a|b,c\n1|2\n3|4\n", ("a", "b,c")),
        ('"a;b","c"\n"1","2"\n', ("a;b", "c")),
        ("only\none\n", ("only",)),
        ("a\tb\n1\t2\n", ("a", "b")),
    ],
)
def test_the_separator_is_the_one_that_parts_all_rows_alike(
    content: str, columns: tuple[str, ...]
) -> None:
    assert open_table(content.encode(), name="a.csv").columns == columns


def test_of_two_separators_the_one_with_known_headings_is_meant() -> None:
    content = b"name, first;age\nx, y;3\n"

    assert open_table(content, name="a.csv").columns == ("name", "first;age")
    assert open_table(content, name="a.csv", known=["age"]).columns == ("name, first", "age")


def test_a_row_of_another_length_is_named_and_the_others_are_read() -> None:
    table = open_table(b"a,b\n1,2,3\n1\n4,5\n6,7,,\n", name="a.csv")

    assert values(table) == [(4, {"a": "4", "b": "5"}), (5, {"a": "6", "b": "7"})]
    assert [number for number, _ in faults(table)] == [2, 3]
    assert faults(table)[0][1].startswith("has 3 cells, the header has 2: put cells that hold ','")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('a,b\n1,2\n"x"y,2\n4,5\n', r"line 3: not CSV: .*what follows cannot be split"),
        ('a,b\n1,2\n\n"open,6\n7,8\n', r"line 4: a quote that opens in this row never ends"),
        ('a,b\n"two\nlines"x,6\n7,8\n', r"line 2: not CSV: .*\(in line 3\)"),
    ],
)
def test_nothing_after_a_broken_quote_is_taken_for_a_row(content: str, said: str) -> None:
    rows: list[object] = []
    with pytest.raises(InputError, match=said):
        rows.extend(open_table(content.encode(), name="a.csv").rows())


def test_a_cell_may_hold_a_megabyte_and_not_more_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = open_table(b"a,b\n1," + b"x" * 1_000_000 + b"\n", name="a.csv")
    ((_, row),) = values(table)
    assert len(str(row["b"])) == 1_000_000

    monkeypatch.setattr(csv_rows, "MAX_LINE_CHARACTERS", 1000)
    with pytest.raises(InputError, match="line 2 is longer than 1,000 characters"):
        list(table.rows())


def test_a_quote_that_never_ends_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'a,b\n1,"' + (b"x" * 999 + b"\n") * 20_000)

    with pytest.raises(InputError, match="line 2: a cell is longer than 16,777,216 characters"):
        list(open_table(path).rows())


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson.gz"])
def test_json_lines_are_read_and_bad_ones_named(tmp_path: Path, name: str) -> None:
    text = '\ufeff{"a": 1, "b": ["x"]}\n\n{\n[1]\n{"a": null}\nnull\n{"a": NaN}\n'
    table = open_table(write(tmp_path / name, text))

    assert table.columns is None
    assert values(table) == [(1, {"a": 1, "b": ["x"]}), (5, {"a": None})]
    assert [number for number, _ in faults(table)] == [3, 4, 6, 7]
    assert faults(table)[1][1] == "expected an object {...}, found a list"


def test_a_row_of_json_is_bounded_in_depth_and_in_length(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}\n"
    wide = b'{"a": [' + b"[]," * 100 + b"[]]}\n"
    content = deep + wide + b'{"a": ' + b"[" * 50_000 + b"\n" + b'{"a": 1}\n'
    table = open_table(content, name="a.jsonl")
    assert [number for number, _ in values(table)] == [2, 4]
    assert faults(table)[0] == (1, "nested deeper than 64 levels: write it flatter")

    monkeypatch.setattr(json_rows, "MAX_LINE_CHARACTERS", 100)
    table = open_table(b'{"a": "' + b"x" * 1_000_000 + b'"}\n{"a": 2}\n', name="a.jsonl")
    assert values(table) == [(2, {"a": 2})]
    assert faults(table) == [(1, "longer than 100 bytes")]


def test_bytes_after_unpacking_and_rows_are_bounded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", b'{"a": 1}\n' * 10_000)

    with pytest.raises(InputError, match="holds more than 50,000 bytes: give it in parts"):
        open_table(path, limits=Limits(unpacked_bytes=50_000))
    with pytest.raises(InputError, match="holds more than 100 rows: give it in parts"):
        list(open_table(path, limits=Limits(rows=100)).rows())


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    nanoseconds = pyarrow.array([int(moment.timestamp()) * 10**9 + 1, None])
    columns = {
        "Item_ID": pyarrow.array([1, 2]),
        "timestamp": nanoseconds.cast(pyarrow.timestamp("ns", "UTC")),
        "tags": pyarrow.array([["a", "b"], None]),
        "available": pyarrow.array([True, False]),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    table = open_table(path, known=["item_id"])

    assert (table.total, table.description) == (2, "Parquet")
    assert values(table)[0] == (
        1,
        {"item_id": 1, "timestamp": moment, "tags": ["a", "b"], "available": True},
    )
    assert [row.done for row in table.rows()] == [1, 2]
    with pytest.raises(InputError, match=r"holds .* bytes, at most 10 are read"):
        open_table(path, limits=Limits(unpacked_bytes=10))


def test_the_progress_of_a_text_is_in_bytes_and_never_falls(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 200_000)
    table = open_table(path)

    done = [row.done for row in table.rows()]

    assert done == sorted(done)
    assert 0 < done[0] < done[-1] <= table.total == path.stat().st_size


@pytest.mark.parametrize("part_bytes", [1, 50, 10_000])
def test_parts_hold_every_row_once_with_its_number(tmp_path: Path, part_bytes: int) -> None:
    lines = [b"\xef\xbb\xbf" + b'{"a": 0}', b"", b"{", *(b'{"a": %d}' % n for n in range(100))]
    json_lines = open_table(write(tmp_path / "a.jsonl", b"\n".join(lines)))
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": list(range(50))}), path, row_group_size=7)
    for table in (json_lines, open_table(path)):
        parts = pickle.loads(pickle.dumps(table.parts(part_bytes)))

        assert [row for part in parts for row in values(part)] == values(table)
        assert [row for part in parts for row in faults(part)] == faults(table)
        assert part_bytes > 1000 or len(parts) > 1


def test_what_cannot_be_parted_is_whole(tmp_path: Path) -> None:
    utf16 = write(tmp_path / "a.jsonl", '{"a": 1}\n{"a": 2}\n'.encode("utf-16"))
    packed = write(tmp_path / "b.jsonl.gz", '{"a": 1}\n{"a": 2}\n')
    for path in (utf16, packed, write(tmp_path / "c.csv", "a,b\n1,2\n3,4\n")):
        assert len(open_table(path).parts(1)) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "is empty: its first line names the columns"),
        ("a.csv", "\n\n", "is empty"),
        ("a.csv", ",,\n", "is empty: its first line names the columns"),
        ("a.csv", "a,,b\n", "column 2 of the header has no name"),
        ("a.csv", "a,b,a\n", "the column 'a' stands twice"),
        ("a.csv", '"a"b\n', "the header cannot be read"),
        ("a.csv", ",".join(map(str, range(20_000))), "20,000 columns, at most 10,000"),
        ("a.xlsx", "PK", r"ends in none of \.csv"),
        ("a.parquet", "none", "cannot be read as Parquet"),
        ("a.csv", b"a,b\n3,Z\xfcr\xb3ch\n", r"line 2 is not UTF-8 \(its byte 4 is 0xfc\).*iconv"),
        ("b.csv.gz", None, "cannot be read: No such file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_whole(
    tmp_path: Path, name: str, content: str | bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        write(path, content)

    with pytest.raises(InputError, match=said):
        open_table(path)


def test_a_cut_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 1000)[:-9])

    with pytest.raises(InputError, match=r"a\.csv\.gz: cannot be read, it is damaged"):
        open_table(path)
