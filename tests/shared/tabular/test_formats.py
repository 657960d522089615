"""Every format, encoding and separator gives the same rows, at the lines where they stand."""

from pathlib import Path

import pytest

from shared.tabular.rows import Row
from shared.tabular.table import open_table
from tests.harness.rows import UNICODE, Written, write, written

KNOWN = ("question", "answer")
FRENCH = [
    {"question": "Où est ma carte ?", "answer": "Envoyée, le 3 août; d’après\nle “suivi” | vôtre"},
    {"question": "Comment ça marche ?", "answer": "Très\tbien"},
]
GERMAN = [
    {"question": "Wie ändere ich die Zahl?", "answer": 'Am "Schalter"; Gebühr: 5 €'},
    {"question": "Wo ist sie?", "answer": "Unterwegs, höchstens\nzwei Tage"},
]
CHINESE = [
    {"question": "如何更改我的密码?", "answer": "请到最近的分行办理, 或者在\n手机应用中更改。"},
    {"question": "我的卡在哪里?", "answer": "您的卡已于昨天寄出;请等待|谢谢"},
]
CASES = [
    (file, rows)
    for rows, encodings in (
        (FRENCH, (*UNICODE, "cp1252")),
        (GERMAN, (*UNICODE, "cp1252")),
        (CHINESE, (*UNICODE, "gb18030", "gbk")),
    )
    for file in written(rows, encodings)
]


@pytest.mark.parametrize(("file", "rows"), CASES, ids=[file.case for file, _ in CASES])
def test_a_file_is_read_as_it_was_meant(
    tmp_path: Path, file: Written, rows: list[dict[str, str]]
) -> None:
    for source in (write(tmp_path, file), file.content):
        table = open_table(source, name=file.name, known=KNOWN)
        found = list(table.rows())

        assert [row.values for row in found if isinstance(row, Row)] == rows, table.description
        assert [row.number for row in found] == _lines(file, rows)
        assert list(table.rows()) == found


def _lines(file: Written, rows: list[dict[str, str]]) -> list[int]:
    """The lines in which the rows begin; a new line in a cell of JSON is none of the file."""
    if ".jsonl" in file.name:
        return list(range(1, len(rows) + 1))
    number, numbers = 2 + ("sep=" in file.case), []
    for row in rows:
        numbers.append(number)
        number += 1 + sum(cell.count("\n") for cell in row.values())
    return numbers
