import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import document_files
from services.cli.document_files import cut, find_files
from shared.errors import InputError

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def test_a_folder_is_searched_in_order(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", "a/picture.png", "c.JSONL"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()

    names = [file.relative_to(tmp_path).as_posix() for file in find_files(tmp_path)]

    assert names == ["a/z.txt", "b.md", "c.JSONL"]


@pytest.mark.parametrize("name", ["nothing", "."])
def test_nothing_to_load_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no file"):
        find_files(tmp_path / name)


def test_a_file_alone_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").touch()

    assert find_files(tmp_path / "a.xyz") == [tmp_path / "a.xyz"]


def test_an_article_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_files, "_PIECE_BYTES", 4)
    (tmp_path / "a.md").write_text("longer than a piece")

    (piece,) = cut(tmp_path / "a.md")

    assert piece.content == b"longer than a piece"


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20), st.integers(10, 200))
def test_pieces_of_csv_hold_every_row_once_at_its_line(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]], size: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("question", "answer"), *table])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.getvalue().encode())
    whole = csv.DictReader(io.StringIO(text.getvalue(), newline=""), strict=True)
    expected = [(row, whole.line_num) for row in whole]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_files, "_PIECE_BYTES", size)
        pieces = list(cut(path))

    found = []
    for piece in pieces:
        reader = csv.DictReader(io.StringIO(piece.content.decode(), newline=""), strict=True)
        found += [(row, reader.line_num) for row in reader]
    assert found == expected


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L"])), max_size=30))
def test_pieces_of_json_lines_hold_every_line_once_at_its_number(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text("\n".join(lines))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_files, "_PIECE_BYTES", 20)
        pieces = list(cut(path))

    found = {}
    for piece in pieces:
        for number, line in enumerate(piece.content.decode().split("\n")):
            if line:
                assert number not in found
                found[number] = line
    assert found == {number: line for number, line in enumerate(lines) if line}


@pytest.mark.parametrize("content", [b"\xff" * 100, b'question,answer\n"' + b"x" * 100])
def test_what_cannot_be_read_goes_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(document_files, "_PIECE_BYTES", 10)
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    (piece,) = cut(path)

    assert piece.content == content
