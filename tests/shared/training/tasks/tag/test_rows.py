import json
from pathlib import Path

import pytest

from shared.errors import InputError
from shared.training.data.formats import Columns
from shared.training.data.reading import Row, RowError
from shared.training.data.sets import read_sets
from shared.training.data.settings import DataFile, DataSettings
from shared.training.tasks.tag import finer
from shared.training.tasks.tag.examples import Entity, TaggedExample
from shared.training.tasks.tag.kind import TAG
from shared.training.tasks.tag.rows import plain

TOKENS = ["Ada", "Lovelace", "visits", "New", "York", "Ann"]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "B-PER"]
TEXT = "Ada Lovelace visits New York Ann"
ENTITIES = (Entity(0, 12, "PER"), Entity(20, 28, "LOC"), Entity(29, 32, "PER"))


def test_tokens_and_stretches_mean_the_same() -> None:
    stretches = [{"start": e.start, "end": e.end, "label": e.type} for e in ENTITIES]
    example = TaggedExample(TEXT, ENTITIES)
    assert plain({"tokens": TOKENS, "tags": TAGS}) == [example]
    assert plain({"text": TEXT, "entities": stretches[::-1]}) == [example]
    assert plain({"text": TEXT, "entities": []}) == [TaggedExample(TEXT, ())]


def test_two_entities_of_one_type_may_touch() -> None:
    (example,) = plain({"tokens": ["Oslo", "Rome"], "tags": ["B-LOC", "B-LOC"]})
    assert example.entities == (Entity(0, 4, "LOC"), Entity(5, 9, "LOC"))


def of(tags: list[object]) -> Row:
    return {"tokens": ["a"] * len(tags), "tags": tags}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (of(["O", "I-PER"]), "'I-PER' after 'O': an entity begins with B-PER"),
        (of(["I-PER"]), "'I-PER' after 'O'"),
        (of(["B-LOC", "I-PER"]), "'I-PER' after 'B-LOC'"),
        (of(["PER"]), "'PER': expected O, B-TYPE or I-TYPE"),
        (of(["B-"]), "'B-': expected"),
        (of([0]), "'0': expected"),
        (of([None]), "'tags' is null"),
        (of([]), "'tokens' is not a list of texts"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens and 1 tags"),
        ({"tokens": ["a", " "], "tags": ["O", "O"]}, "'tokens' is empty"),
        ({"tokens": "a b", "tags": ["O", "O"]}, "'tokens' is not a list"),
        ({"text": "a"}, "'entities' is not a list"),
        ({"entities": []}, "no column 'text'"),
        ({"text": "a", "entities": ["a"]}, "holds no object"),
        ({"text": "ab", "entities": [{"start": 1, "end": 3, "label": "x"}]}, "from 1 to 3: .* 2"),
        ({"text": "ab", "entities": [{"start": 1, "end": 1, "label": "x"}]}, "from 1 to 1"),
        ({"text": "ab", "entities": [{"start": True, "end": 2, "label": "x"}]}, "from True"),
        ({"text": "ab", "entities": [{"start": 0, "end": 2}]}, "has no column 'label'"),
        (
            {
                "text": "abc",
                "entities": [
                    {"start": 1, "end": 3, "label": "y"},
                    {"start": 0, "end": 2, "label": "x"},
                ],
            },
            "overlap at character 1: keep one of 'x' and 'y'",
        ),
    ],
)
def test_rows_that_cannot_be_used(row: Row, fault: str) -> None:
    with pytest.raises(RowError, match=fault):
        plain(row)


def test_types_are_translated_and_others_are_no_entities() -> None:
    file = DataFile(path="a", types={"PER": "person"})
    (example,) = TAG.reader(file, Columns())({"tokens": TOKENS, "tags": TAGS})
    assert example.entities == (Entity(0, 12, "person"), Entity(29, 32, "person"))


def test_finer_counts_its_tags() -> None:
    row = {"tokens": TOKENS, "tags": ["1", "2", "0", "3", "4", "1"]}
    assert finer.sentence(row) == [TaggedExample(TEXT, ENTITIES)]
    # As the published sentences have it.
    (example,) = finer.sentence({"tokens": ["the", "Fed"], "tags": ["0", "6"]})
    assert example.entities == (Entity(4, 7, "ORG"),)
    with pytest.raises(RowError, match="'7': expected numbers from 0 to 6"):
        finer.sentence({"tokens": ["a"], "tags": ["7"]})


def test_a_file_of_tokens_is_split_by_them_and_its_faults_are_named(tmp_path: Path) -> None:
    path, rejects = tmp_path / "rows.jsonl", tmp_path / "rejects.csv"
    rows = [{"words": ["firm", str(i)], "tags": ["B-ORG", "O"]} for i in range(200)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    values = {
        "train": {"path": str(path), "columns": {"tokens": "words"}, "types": {"ORG": "firm"}},
        "split": {"by": "text_hash", "column": "words", "dev": 0.2, "test": 0.2},
    }
    # The column of the file is renamed, so both names may be split by.
    data = DataSettings.model_validate(values)
    found = read_sets(data, lambda file: TAG.reader(file, data), data_dir=tmp_path, rejects=rejects)
    assert {e.type for example in found.train for e in example.entities} == {"firm"}
    assert sum(map(len, found.all().values())) == 200
    assert len(found.measured["test"]) > 20

    path.write_text(f"{json.dumps(rows[0])}\n" + '{"words": ["a"], "tags": ["I-ORG"]}\n')
    with pytest.raises(InputError, match=r"rows\.jsonl:2: 'tags' has 'I-ORG' after 'O'"):
        read_sets(data, lambda file: TAG.reader(file, data), data_dir=tmp_path, rejects=rejects)
    assert "rows.jsonl,2,'tags' has 'I-ORG'" in rejects.read_text()
