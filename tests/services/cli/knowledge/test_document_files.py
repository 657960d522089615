import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.knowledge import document_files
from services.cli.knowledge.document_files import Piece, find_files
from services.support.ingest.extraction.limits import MAX_FILE_BYTES
from services.support.ingest.ids import DerivedIds
from shared.errors import InputError
from shared.tabular.rows import Row
from shared.tabular.table import open_table

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def cut(path: Path) -> list[Piece]:
    return list(document_files.cut(path, DerivedIds()))


def test_a_folder_is_searched_in_order(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", "c.JSONL"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()

    found = find_files(tmp_path)

    names = [file.relative_to(tmp_path).as_posix() for file in found.files]
    assert names == ["a/z.txt", "b.md", "c.JSONL"]
    assert list(found.reasons()) == []


def test_files_with_other_endings_are_counted_with_the_reason(tmp_path: Path) -> None:
    for name in ("a.md", "1.png", "2.png", "3.PNG", "4.png", "plan.odt", "LICENCE"):
        (tmp_path / name).touch()

    reasons = list(find_files(tmp_path).reasons())

    assert [reason.partition(":")[0] for reason in reasons] == [
        "1 file without an ending (LICENCE)",
        "1 file that ends in .odt (plan.odt)",
        "4 files that end in .png (1.png, 2.png, 3.PNG, ...)",
    ]
    assert "documents end in .csv" in reasons[0]


def test_a_folder_of_other_files_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "plan.odt").touch()

    with pytest.raises(InputError, match=r"no file that ends in \.csv.* has 1 file that ends in"):
        find_files(tmp_path)


@pytest.mark.parametrize("name", ["nothing", "."])
def test_nothing_to_load_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no file"):
        find_files(tmp_path / name)


def test_a_file_alone_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").touch()

    assert find_files(tmp_path / "a.xyz").files == [tmp_path / "a.xyz"]


def test_a_pdf_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 6 * 1024 * 1024)

    with pytest.raises(InputError, match=r"a\.pdf: it has 70 MiB, at most 64 are read"):
        cut(tmp_path / "a.pdf")


def test_an_article_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_files, "_PIECE_BYTES", 4)
    (tmp_path / "a.md").write_text("longer than a piece")

    (piece,) = cut(tmp_path / "a.md")

    assert piece.content == b"longer than a piece"


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20),
    st.integers(10, 200),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_pieces_of_csv_hold_every_row_once_at_its_line(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str]],
    size: int,
    separator: str,
    encoding: str,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "question", "answer"), *((n, *row) for n, row in enumerate(table))])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    whole = [row for row in open_table(path).rows() if isinstance(row, Row)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_files, "_PIECE_BYTES", size)
        pieces = cut(path)

    found = [row for piece in pieces for row in open_table(piece.content, name="a.csv").rows()]
    assert [(row.number, row.values) for row in found if isinstance(row, Row)] == [
        (row.number, row.values) for row in whole
    ]
    assert [(row.values["question"], row.values["answer"]) for row in whole] == table


@given(st.lists(st.none() | st.integers(), max_size=30))
def test_pieces_of_json_lines_hold_every_line_once_at_its_number(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int | None]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text("\n".join("" if n is None else json.dumps({"id": str(n)}) for n in lines))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_files, "_PIECE_BYTES", 20)
        pieces = cut(path)

    rows = [row for piece in pieces for row in open_table(piece.content, name="a.jsonl").rows()]
    found = {row.number: row.values["id"] for row in rows if isinstance(row, Row)}
    assert found == {number: str(n) for number, n in enumerate(lines, 1) if n is not None}
    assert len(rows) == len(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff" * 100, "line 1 is not UTF-8"),
        (b'question,answer\n"' + b"x" * 100, "line 2: a quote that opens in this row never ends"),
        (b"a,b\n1,2\n", "expected the columns question and answer"),
        (b"question,answer\nq,a\nq,b\n", "line 3: 'q' stands in .*line 2 already"),
        (b"question,answer\nq\n", "line 2: has 1 cell, the header has 2"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_before_it_is_sent(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    with pytest.raises(InputError, match=said):
        cut(path)


def test_one_question_has_one_answer_in_all_files_of_a_load(tmp_path: Path) -> None:
    derived = DerivedIds()
    (tmp_path / "a.csv").write_text("question,answer\nWhere?,Here.\nWhen?,Now.\n")
    (tmp_path / "b.csv").write_text("question,answer\nwhen? ,Now.\nWHERE?,There.\n")
    (tmp_path / "c.csv").write_text("id,question,answer\n1,Where?,There.\n")

    assert len(list(document_files.cut(tmp_path / "a.csv", derived))) == 1
    with pytest.raises(InputError, match=r"b\.csv, line 3: 'WHERE\?' stands in .*a\.csv, line 2"):
        list(document_files.cut(tmp_path / "b.csv", derived))
    assert len(list(document_files.cut(tmp_path / "c.csv", derived))) == 1
