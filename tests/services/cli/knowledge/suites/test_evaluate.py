import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import typer

from services.cli.knowledge.suites.evaluate import evaluate
from shared.errors import InputError
from tests.services.cli.served import URL, Answer


@dataclass
class Chat:
    """A support application that answers from `fees`, and knows the documents that it was given."""

    documents: list[str] = field(default_factory=lambda: ["fees", "delivery"])
    conversations: list[list[dict[str, str]]] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    stored: set[bool] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            self.deleted.append(request.url.path)
            return httpx.Response(204)
        if request.url.path.endswith("/documents"):
            if request.method == "POST":
                self.documents += ["fees"]
                return httpx.Response(200, json={"documents": 1})
            listed = [{"id": name} for name in self.documents]
            return httpx.Response(200, json={"documents": listed, "next": None})
        body = json.loads(request.content)
        self.models.add(body["model"])
        self.stored.add(body["store"])
        self.conversations.append(body["messages"])
        return httpx.Response(200, json={"choices": [{"message": self.message(body)}]})

    def message(self, body: dict[str, list[dict[str, str]]]) -> dict[str, object]:
        answered = "cost" in body["messages"][-1]["content"]
        cited = [{"document_id": "fees"}] if answered else []
        suggested = [] if answered else [{"document_id": "delivery"}]
        banyan = {"answered": answered, "citations": cited, "suggestions": suggested}
        content = "It costs five pounds. [1]" if answered else "Did you mean this?"
        return {"content": content, "banyan": {**banyan, "handoff": None, "confidence": 0.5}}


ROWS = (
    {"question": "what does it cost", "document": "fees", "evidence": "It costs five pounds."},
    {"question": "how long", "document": "delivery"},
    {"question": "who made you", "answerable": False},
    {"turns": ["hi", "what does it cost abroad"], "articles": ["fees"]},
)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return path


def test_a_suite_is_asked_and_its_figures_are_printed(
    suite: Path,
    tmp_path: Path,
    answered_by: Callable[[Answer], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    chat = Chat()
    answered_by(chat)
    out = tmp_path / "figures.json"

    evaluate(suite, kb="shop", gate=["right=0.5", "wrong=0"], show=True, out=out, url=URL)

    assert chat.models == {"support:shop"}
    assert chat.stored == {False}
    roles = [message["role"] for message in chat.conversations[-1]]
    assert roles == ["user", "assistant", "user"]
    figures = json.loads(out.read_text())
    values = {name: figure["value"] for name, figure in figures.items()}
    assert values == {
        "right": 0.5,
        "helped": 1.0,
        "wrong": 0.0,
        "unanswerable": 0.0,
        "follow_right": 1.0,
        "follow_helped": 1.0,
        "follow_wrong": 0.0,
    }
    assert figures["right"]["limit"] == 0.5
    said = capsys.readouterr().out
    assert ">= 0.5: holds" in said
    assert "wrong article" in said


def test_a_gate_that_fails_ends_with_one(
    suite: Path, answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Chat())
    with suite.open("a") as file:
        file.write('{"gates": {"right": 0.75}}\n')

    with pytest.raises(typer.Exit) as ended:
        evaluate(suite, kb="shop", url=URL)

    assert ended.value.exit_code == 1
    assert "right is 0.500: at least 0.75 is asked for" in capsys.readouterr().out


def test_the_option_wins_over_the_suites_gate(
    suite: Path, answered_by: Callable[[Answer], None]
) -> None:
    answered_by(Chat())
    with suite.open("a") as file:
        file.write('{"gates": {"right": 0.75}}\n')

    evaluate(suite, kb="shop", gate=["right=0.25"], url=URL)


@pytest.mark.parametrize(
    ("gate", "said"),
    [("right", "expected FIGURE=LIMIT"), ("rihgt=0.5", "no figure 'rihgt'")],
)
def test_a_gate_without_sense_is_refused_before_anything_is_asked(
    gate: str, said: str, suite: Path, answered_by: Callable[[Answer], None]
) -> None:
    chat = Chat()
    answered_by(chat)

    with pytest.raises(InputError, match=said):
        evaluate(suite, kb="shop", gate=[gate], url=URL)
    assert chat.conversations == []


def test_documents_that_are_not_there_are_named(
    suite: Path, answered_by: Callable[[Answer], None]
) -> None:
    answered_by(Chat(documents=["fees"]))

    with pytest.raises(InputError, match="'delivery', which the suite suite names"):
        evaluate(suite, kb="shop", url=URL)


def test_a_folder_is_asked_of_its_own_articles(
    tmp_path: Path, answered_by: Callable[[Answer], None]
) -> None:
    chat = Chat(documents=[])
    answered_by(chat)
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "fees.md").write_text("# Fees\n\nIt costs five pounds.\n")
    (tmp_path / "questions.jsonl").write_text(f"{json.dumps(ROWS[0])}\n")

    evaluate(tmp_path, url=URL)

    (model,) = chat.models
    assert model.startswith("support:suite-")
    assert chat.deleted == [f"/support/knowledge-bases/{model.removeprefix('support:')}"]
