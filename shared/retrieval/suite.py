"""A suite of questions: what customers say, whether it can be answered, and from which documents.

A row, of JSON Lines or of a table, is in one of two forms:

    {"id": "q1", "turns": ["where is my card", "and abroad?"], "answerable": true,
     "articles": ["card-delivery-times"], "evidence": ["Exact text that answers."]}
    {"question": "where is my card", "document": "card-delivery-times"}

The last turn is the question. `answerable` is false where no document answers, and null for small
talk; where it is not given, a question is answerable if its `document` is filled, and a row without
such a column is refused. `documents` and `articles` are the same, and `evidence` may be missing. A
row `{"gates": {"right": 0.4}}` states gates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import InputError
from shared.tabular.headings import shown
from shared.tabular.rows import BadRow
from shared.tabular.table import open_table
from shared.validation.values import found

MAX_TURNS = 20
_MAX_FAULTS = 20
_DOCUMENTS = ("articles", "documents", "document")
_COLUMNS = ("id", "turns", "question", *_DOCUMENTS, "evidence", "answerable")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class SuiteQuestion:
    """A question; `answerable` is None for small talk, `articles` are ids of documents."""

    id: str
    turns: tuple[str, ...]
    answerable: bool | None
    articles: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions, the limits that the file states, and its folder of articles if it has one."""

    name: str
    questions: Sequence[SuiteQuestion]
    gates: Mapping[str, float] = field(default_factory=dict)
    articles: Path | None = None


def read_suite(path: Path) -> Suite:
    """The suite in a file, or in the `questions.jsonl` of a folder with `articles` beside it.

    Raises:
        InputError: there is no such file, or rows of it cannot be used: 20 are named.
    """
    file, articles = path, None
    if path.is_dir():
        file = path / "questions.jsonl"
        articles = path / "articles" if (path / "articles").is_dir() else None
    questions: list[SuiteQuestion] = []
    gates: dict[str, float] = {}
    faults: list[str] = []
    for number, values in _rows(file, faults):
        try:
            if "gates" in values:
                gates.update(_gates(values["gates"]))
            else:
                questions.append(_question(values, number))
        except ValueError as error:
            faults.append(f"{file}:{number}: {error}")
    faults += _duplicates(questions)
    if faults:
        first = "\n  ".join(faults[:_MAX_FAULTS])
        more = f"\n  and {len(faults) - _MAX_FAULTS} more" if len(faults) > _MAX_FAULTS else ""
        raise InputError(f"the questions cannot be used:\n  {first}{more}")
    if not questions:
        raise InputError(f"{file} holds no questions")
    name = path.name if path.is_dir() else path.name.partition(".")[0]
    return Suite(name, questions, gates, articles)


def _rows(file: Path, faults: list[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    for row in open_table(file, known=_COLUMNS).rows():
        if isinstance(row, BadRow):
            faults.append(f"{file}:{row.number}: {row.reason}")
        else:
            yield row.number, row.values


def _question(values: Mapping[str, object], number: int) -> SuiteQuestion:
    turns = _texts(values, "turns") or _texts(values, "question")
    if not turns:
        raise ValueError("has neither `turns` nor `question`")
    if len(turns) > MAX_TURNS:
        raise ValueError(f"has {len(turns)} turns: at most {MAX_TURNS} are asked")
    articles = next((texts for name in _DOCUMENTS if (texts := _texts(values, name))), ())
    answerable = _answerable(values, articles)
    if answerable and not articles:
        raise ValueError("is answerable, but names no document that answers")
    if not answerable and articles:
        raise ValueError(f"names {articles[0]!r}, but is said not to be answerable")
    question_id = str(values.get("id") or f"row {number}")
    return SuiteQuestion(question_id, turns, answerable, articles, _texts(values, "evidence"))


def _answerable(values: Mapping[str, object], articles: Sequence[str]) -> bool | None:
    if "answerable" not in values or values["answerable"] == "":
        if not any(name in values for name in _DOCUMENTS):
            raise ValueError(
                f"has neither `document` nor `answerable` (it has {shown(values)}): name the "
                "document that answers in `document`, or say `answerable: false` where none does"
            )
        return bool(articles)
    value = values["answerable"]
    if value is None or isinstance(value, bool):
        return value
    truth = _TRUTHS.get(str(value).strip().lower())
    if truth is None:
        raise ValueError(f"'answerable' is {found(value)}: expected true, false or null")
    return truth


def _texts(values: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = values.get(name)
    if value is None:
        return ()
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str | int):
            raise ValueError(f"{name!r} holds {found(text)}: expected text")
    return tuple(filled for text in texts if (filled := str(text).strip()))


def _gates(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError(f"'gates' is {found(value)}: expected figures with their limits")
    for name, limit in value.items():
        if not isinstance(limit, int | float) or isinstance(limit, bool):
            raise ValueError(f"the gate {name!r} is {found(limit)}: expected a number")
    return {str(name): float(limit) for name, limit in value.items()}


def _duplicates(questions: Sequence[SuiteQuestion]) -> list[str]:
    seen: set[str] = set()
    faults = []
    for question in questions:
        if question.id in seen:
            faults.append(f"the id {question.id!r} stands twice")
        seen.add(question.id)
    return faults
