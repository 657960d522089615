import gzip
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from services.cli.row_file import BadRow, Row, open_rows
from shared.errors import InputError


def write(path: Path, text: str | bytes) -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read(path: Path) -> list[Row | BadRow]:
    return list(open_rows(path).rows())


def values(path: Path) -> list[tuple[int, dict[str, object]]]:
    return [(row.number, row.values) for row in read(path) if isinstance(row, Row)]


def faults(path: Path) -> list[tuple[int, str]]:
    return [(row.number, row.reason) for row in read(path) if isinstance(row, BadRow)]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "A.CSV"])
def test_a_csv_is_read_by_its_header_and_numbered_by_its_lines(tmp_path: Path, name: str) -> None:
    lines = [
        "\ufeffitem_id, title ,price",
        '1,"Ümlaut, ""quoted""",',
        "",
        '2,"two\nlines",3',
        " 4 ,x,5",
    ]
    path = write(tmp_path / name, "".join(f"{line}\r\n" for line in lines))

    assert open_rows(path).columns == ("item_id", "title", "price")
    assert values(path) == [
        (2, {"item_id": "1", "title": 'Ümlaut, "quoted"'}),
        (4, {"item_id": "2", "title": "two\nlines", "price": "3"}),
        (6, {"item_id": "4", "title": "x", "price": "5"}),
    ]


def test_a_row_of_another_length_or_with_a_broken_quote_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'a,b\n1,2,3\n"x"y,2\n1\n4,5\n"open,6\n7,8\n')

    assert values(path) == [(5, {"a": "4", "b": "5"})]
    assert [number for number, _ in faults(path)] == [2, 3, 4, 6]
    assert "3 cells, the header has 2" in faults(path)[0][1]
    assert "not CSV" in faults(path)[1][1]


def test_a_cell_may_hold_a_megabyte(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"a,b\n1,{'x' * 1_000_000}\n")

    ((_, row),) = values(path)
    assert len(str(row["b"])) == 1_000_000


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson.gz"])
def test_json_lines_are_read_and_bad_ones_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, '{"a": 1, "b": ["x"]}\n\n{\n[1]\n{"a": null}\n')

    assert open_rows(path).columns is None
    assert values(path) == [(1, {"a": 1, "b": ["x"]}), (5, {"a": None})]
    assert [number for number, _ in faults(path)] == [3, 4]
    assert faults(path)[1][1] == "expected an object {...}, found list"


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"a": "{"x" * 9_000_000}"}}\n{{"a": 2}}\n')

    assert values(path) == [(2, {"a": 2})]
    assert "longer than" in faults(path)[0][1]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    nanoseconds = pyarrow.array([int(moment.timestamp()) * 10**9 + 1, None])
    columns = {
        "item_id": pyarrow.array([1, 2]),
        "timestamp": nanoseconds.cast(pyarrow.timestamp("ns", "UTC")),
        "tags": pyarrow.array([["a", "b"], None]),
        "available": pyarrow.array([True, False]),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)

    assert open_rows(path).total == 2
    assert values(path)[0] == (
        1,
        {"item_id": 1, "timestamp": moment, "tags": ["a", "b"], "available": True},
    )
    assert [row.done for row in read(path)] == [1, 2]


def test_the_progress_of_a_text_is_in_bytes_and_ends_at_its_size(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a\n" + "1\n" * 50_000)
    file = open_rows(path)

    done = [row.done for row in file.rows()]

    assert done == sorted(done)
    assert 0 < done[0] <= done[-1] == file.total == path.stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "a,b\n1,2\n3,Caf\xe9\n".encode("latin-1"), r"a\.csv:3: byte 6 of the line, 0xe9, "
         r"is not UTF-8: save it as UTF-8, or `iconv -f WINDOWS-1252"),
        ("a.csv", "a,b\n".encode("utf-16"), r"is UTF-16: .*iconv -f UTF-16"),
        ("a.jsonl", b'{"a": "\xff"}\n', r"a\.jsonl:1: .*is not UTF-8"),
        ("a.csv", "", "is empty: its first line names the columns"),
        ("a.csv", "a,,b\n", "column 2 of the header has no name"),
        ("a.csv", "a,b,a\n", "the column 'a' stands twice"),
        ("a.csv", '"a"b\n', "the header cannot be read"),
        ("a.xlsx", "PK", r"ends in none of \.csv"),
        ("a.parquet", "none", "is no Parquet file"),
        ("b.csv.gz", None, "cannot be read: .*No such file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_whole(
    tmp_path: Path, name: str, content: str | bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        write(path, content)

    with pytest.raises(InputError, match=said):
        open_rows(path)


def test_a_cut_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 1000)[:-9])

    with pytest.raises(InputError, match=r"a\.csv\.gz cannot be read"):
        open_rows(path)
