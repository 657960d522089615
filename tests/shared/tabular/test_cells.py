from shared.tabular.cells import listed, values_of
from shared.tabular.rows import Row
from shared.tabular.table import open_table


def test_a_csvs_cells_lose_the_space_around_them_and_json_keeps_its_texts() -> None:
    for name, content, found in (
        ("a.csv", b"x,y\n a b ,\n", {"x": "a b", "y": ""}),
        ("a.jsonl", b'{"x": " a b ", "y": 1}\n', {"x": " a b ", "y": 1}),
    ):
        table = open_table(content, name=name)
        rows = [row for row in table.rows() if isinstance(row, Row)]
        assert [values_of(table, row) for row in rows] == [found]


def test_a_cell_may_hold_several() -> None:
    assert listed(" a |b|| c d ") == ["a", "b", "c d"]
    assert listed(" | ") == []
