import json
from collections import Counter
from pathlib import Path

import pytest

from services.cli.knowledge.sample import SAMPLE_FOLDER, SAMPLE_SUITE
from shared.errors import InputError
from shared.retrieval.suite import SuiteQuestion, read_suite


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_both_forms_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.jsonl",
        {
            "id": "a",
            "turns": ["where is my card", "and abroad?"],
            "answerable": True,
            "articles": ["delivery"],
            "evidence": ["Ten days."],
        },
        {"turns": ["hello"], "answerable": None, "articles": [], "evidence": []},
        {"question": "how much", "document": "fees"},
        {"question": "who made you", "answerable": False},
        {"question": "who owns you", "documents": []},
        {"gates": {"right": 0.4, "wrong": 0}},
    )

    suite = read_suite(path)

    assert suite.name == "mine"
    assert suite.gates == {"right": 0.4, "wrong": 0.0}
    assert suite.articles is None
    assert suite.questions == [
        SuiteQuestion(
            "a", ("where is my card", "and abroad?"), True, ("delivery",), ("Ten days.",)
        ),
        SuiteQuestion("row 2", ("hello",), None),
        SuiteQuestion("row 3", ("how much",), True, ("fees",)),
        SuiteQuestion("row 4", ("who made you",), False),
        SuiteQuestion("row 5", ("who owns you",), False),
    ]


def test_a_table_of_questions_and_documents_is_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.csv"
    path.write_text("Question;document;answerable\nhow much;fees;\nwho are you;;no\n")

    suite = read_suite(path)

    assert [(q.turns, q.answerable, q.articles) for q in suite.questions] == [
        (("how much",), True, ("fees",)),
        (("who are you",), False, ()),
    ]


def test_an_empty_document_says_that_none_answers(tmp_path: Path) -> None:
    path = tmp_path / "suite.csv"
    path.write_text("question,document\nhow much,fees\nwho are you,\n")

    assert [question.answerable for question in read_suite(path).questions] == [True, False]


def test_a_table_without_documents_is_refused_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nhow much,five pounds\nhow long,a week\n")

    with pytest.raises(InputError) as caught:
        read_suite(path)

    for line in (2, 3):
        assert f"{path}:{line}: has neither `document` nor `answerable`" in str(caught.value)
    assert "(it has 'question', 'answer')" in str(caught.value)
    assert "say `answerable: false`" in str(caught.value)


def test_a_folder_brings_its_articles(tmp_path: Path) -> None:
    folder = tmp_path / "bakery"
    (folder / "articles").mkdir(parents=True)
    write(folder / "questions.jsonl", {"question": "how much", "document": "fees"})

    suite = read_suite(folder)

    assert (suite.name, suite.articles) == ("bakery", folder / "articles")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"document": "fees"}, "has neither `turns` nor `question`"),
        ({"question": "a"}, "has neither `document` nor `answerable`"),
        ({"question": "a", "answerable": ""}, "has neither `document` nor `answerable`"),
        ({"question": "a", "answerable": True}, "names no document"),
        ({"question": "a", "answerable": False, "document": "fees"}, "not to be answerable"),
        ({"question": "a", "answerable": "perhaps"}, "expected true, false or null"),
        ({"turns": ["a"] * 21}, "at most 20"),
        ({"turns": [["a"]]}, "'turns' holds"),
        ({"gates": [1]}, "expected figures"),
        ({"gates": {"right": "much"}}, "expected a number"),
    ],
)
def test_rows_that_cannot_be_asked_are_named(
    tmp_path: Path, row: dict[str, object], said: str
) -> None:
    path = write(tmp_path / "suite.jsonl", {"question": "fine", "document": "fees"}, row)

    with pytest.raises(InputError, match=said) as caught:
        read_suite(path)
    assert f"{path}:2: " in str(caught.value)


def test_ids_stand_once_and_a_suite_is_not_empty(tmp_path: Path) -> None:
    row = {"id": 1, "question": "a", "document": "b"}
    twice = write(tmp_path / "a.jsonl", *[row] * 30)
    with pytest.raises(InputError, match="and 9 more"):
        read_suite(twice)
    with pytest.raises(InputError, match="holds no questions"):
        read_suite(write(tmp_path / "b.jsonl", {"gates": {}}))
    with pytest.raises(InputError, match=r"none\.jsonl"):
        read_suite(tmp_path / "none.jsonl")


def test_the_suite_that_ships_is_of_the_sample() -> None:
    suite = read_suite(SAMPLE_SUITE)
    kinds = Counter((q.answerable, len(q.turns) > 1) for q in suite.questions)

    assert len(suite.questions) == 60
    assert kinds == {
        (True, False): 36,
        (False, False): 12,
        (True, True): 6,
        (False, True): 2,
        (None, False): 4,
    }
    for question in suite.questions:
        articles = [(SAMPLE_FOLDER / f"{a}.md").read_text("utf-8") for a in question.articles]
        assert bool(question.evidence) is (question.answerable is True)
        for evidence in question.evidence:
            assert any(evidence in article for article in articles), question.id
