"""Real questions over real knowledge bases, through the API; the figures are printed.

With BANYAN_FIGURES they are also written to that file as JSON.
"""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import openai
import pytest
import yaml

import services.support
from shared.metrics.retrieval import hit_at_k, judge, mrr_at_k
from tests.e2e.answers import Answer, answer_of
from tests.e2e.books import found_documents, upload
from tests.harness.claims import at_least

pytestmark = [pytest.mark.platform, pytest.mark.realdata, pytest.mark.drill]

CLIENTS = 4
FIGURES: dict[str, float] = {}

ResultT = TypeVar("ResultT")


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    """Prints what the tests of this file measured."""
    yield
    for name, value in FIGURES.items():
        print(f"{name}: {value:.4f}")
    if path := os.environ.get("BANYAN_FIGURES"):
        Path(path).write_text(json.dumps(FIGURES, indent=2))


def rows_of(data_dir: Path, name: str) -> list[dict[str, Any]]:
    with (data_dir / "support" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def at_once(ask: Callable[[str], ResultT], questions: list[str]) -> list[ResultT]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(ask, questions))


def chat(client: openai.OpenAI, model: str) -> Callable[[str], Answer]:
    def ask(question: str) -> Answer:
        messages = [{"role": "user", "content": question}]
        return answer_of(client.chat.completions.create(model=model, messages=messages))  # type: ignore[arg-type]

    return ask


def share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def test_stackfaq(data_dir: Path, http: httpx.Client, support: openai.OpenAI) -> None:
    corpus = rows_of(data_dir, "stackfaq.corpus")
    upload(
        http,
        "stackfaq",
        [{"id": row["_id"], "question": row["title"], "answer": row["text"]} for row in corpus],
    )
    queries = rows_of(data_dir, "stackfaq.dev.queries")
    questions = [query["text"] for query in queries]

    ranked = at_once(lambda q: found_documents(http, "stackfaq", q, top_k=10), questions)
    answers = at_once(chat(support, "support:stackfaq"), questions)

    judged = judge(ranked, [query["relevant"] for query in queries])
    hit, rank = float(hit_at_k(judged, 1).mean()), float(mrr_at_k(judged, 10).mean())
    FIGURES["stackfaq.dev search hit@1"] = hit
    FIGURES["stackfaq.dev search MRR@10"] = rank
    right = [
        bool(answer.citations) and answer.citations[0].document_id in query["relevant"]
        for query, answer in zip(queries, answers, strict=True)
    ]
    FIGURES["stackfaq.dev chat first citation right"] = share(right)
    FIGURES["stackfaq.dev chat answered"] = share([answer.answered for answer in answers])
    assert hit >= at_least(0.967, len(queries))
    assert rank >= at_least(0.981, len(queries))


def test_bank_faq_questions_find_themselves(data_dir: Path, http: httpx.Client) -> None:
    rows = rows_of(data_dir, "bank_faq")
    upload(
        http,
        "bank-faq",
        [
            {
                "id": f"faq{number}",
                "question": row["question"],
                "answer": row["answer"],
                "metadata": {"category": row["category"]},
            }
            for number, row in enumerate(rows)
        ],
    )
    asked = list(enumerate(rows))[::10]

    found = at_once(
        lambda question: found_documents(http, "bank-faq", question, top_k=3),
        [row["question"] for _, row in asked],
    )

    # Some questions stand in the file several times with other answers.
    same = {row["question"]: set[str]() for row in rows}
    for number, row in enumerate(rows):
        same[row["question"]].add(f"faq{number}")
    right = [
        bool(same[row["question"]] & set(hits)) for (_, row), hits in zip(asked, found, strict=True)
    ]
    FIGURES["bank_faq own question among the first 3"] = share(right)
    assert share(right) >= 0.98


def articles_by_intent() -> dict[str, set[str]]:
    """The sample's articles for each intent, from their front matter."""
    folder = Path(services.support.__file__).parent / "sample" / "help-centre"
    found: dict[str, set[str]] = {}
    for path in folder.glob("*.md"):
        _, front, _ = path.read_text("utf-8").split("---\n", 2)
        for intent in yaml.safe_load(front)["intents"]:
            found.setdefault(intent, set()).add(path.stem)
    return found


def test_banking77_is_answered_from_the_right_article(
    data_dir: Path, support: openai.OpenAI
) -> None:
    articles = articles_by_intent()
    rows = rows_of(data_dir, "banking77.dev")
    assert {row["label"] for row in rows} <= articles.keys()

    answers = at_once(chat(support, "support:help-centre"), [row["text"] for row in rows])

    answered = [answer.answered for answer in answers]
    right = [
        answer.answered and answer.citations[0].document_id in articles[row["label"]]
        for row, answer in zip(rows, answers, strict=True)
    ]
    intents = [answer.intent == row["label"] for row, answer in zip(rows, answers, strict=True)]
    FIGURES["banking77.dev answered"] = share(answered)
    FIGURES["banking77.dev answered from the right article"] = share(right)
    FIGURES["banking77.dev intent right"] = share(intents)
    assert share(answered) >= at_least(0.91, len(rows))
    assert share(right) >= at_least(0.91 * 0.98, len(rows))
    assert share(intents) >= at_least(0.945, len(rows))


def test_questions_out_of_scope_are_mostly_not_answered(
    data_dir: Path, support: openai.OpenAI
) -> None:
    rows = rows_of(data_dir, "clinc150.oos_val")

    answers = at_once(chat(support, "support:help-centre"), [row["text"] for row in rows])

    abstained = [not answer.answered for answer in answers]
    FIGURES["clinc150.oos_val abstained"] = share(abstained)
    # The benchmarks' README claims it.
    assert share(abstained) >= at_least(0.96, len(rows))
