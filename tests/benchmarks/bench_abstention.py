"""What abstaining is worth on known sets: `python -m tests.benchmarks.bench_abstention`.

The support application is asked on the real trunk, with as much time for its judge as it wants:
the sample with banking77.dev and with what clinc150 (`oos_val`) calls out of scope, and the
paragraphs of squad2.dev, each a document, with its questions of which half have no answer. At the
threshold where 80 % of the answerable are answered, how much of what is answered is wrong (of
another document) or unwarranted: bars 0.15 and 0.35. Then doc2dial.dev through `messages`: in how
many turns the right document is found first (bar 0.80).
`--questions N` takes N of each kind, `--only NAME` one set.
"""

import argparse
import asyncio
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.support.answers import chat
from services.support.answers.chat_schemas import ChatMessage
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.service import SupportService, open_service
from shared.retrieval.suite import SuiteQuestion
from shared.text.passages import TextFormat
from tests.benchmarks.calibrate_support import (
    AT_ONCE,
    TENANT,
    UNHURRIED_MS,
    Domain,
    ask,
    own,
    spread,
)
from tests.harness.real_trunk import real_trunk
from tests.harness.support.data import doc2dial, help_centre, rows

COVERAGE = 0.8
BARS = {"sample": 0.15, "squad2": 0.35}
HIT_BAR = 0.8
QUESTIONS = 400


def sample(count: int) -> Domain:
    """The sample, asked by its customers and by people who want something else."""
    helps = help_centre()
    strange = [row["text"] for row in rows("support/clinc150.oos_val.jsonl")]
    others = [SuiteQuestion(f"oos-{n}", (text,), False) for n, text in enumerate(strange)]
    return Domain("sample", helps.documents, [*own(helps, count), *others])


def squad2(count: int) -> Domain:
    """Paragraphs of Wikipedia, with questions that they answer and others that they do not."""
    read = list(rows("support/squad2.dev.jsonl.gz"))
    contexts = {row["context"]: row["title"] for row in read}
    documents = [
        Document(_name(text), title.replace("_", " "), text, TextFormat.PLAIN, False, {})
        for text, title in contexts.items()
    ]
    questions = []
    for is_answerable in (True, False):
        kind = [row for row in read if bool(row["answerable"]) == is_answerable]
        for n in spread(len(kind), count):
            of = (_name(kind[n]["context"]),) if is_answerable else ()
            questions.append(
                SuiteQuestion(kind[n]["id"], (kind[n]["question"],), is_answerable, of)
            )
    return Domain("squad2", documents, questions)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


async def abstention(service: SupportService, domain: Domain) -> bool:
    """Prints the risk at the coverage; whether the bar is met."""
    found = await ask(service, domain)
    calibration = service.assistant.relevances.default.calibration
    sure = np.array([calibration.probability(g.evidence) if g else 0.0 for _, g in found])
    answerable = np.array([bool(question.answerable) for question, _ in found])
    right = np.array([g is not None and g.document_id in q.articles for q, g in found])
    threshold = float(np.quantile(sure[answerable], 1 - COVERAGE))
    answered = sure >= threshold
    risk = float((answered & ~right).sum() / answered.sum())
    served = sure >= calibration.threshold
    print(
        f"{domain.name}: {answerable.sum()} answerable, {(~answerable).sum()} not; best passage "
        f"right {right[answerable].mean():.3f}; at {COVERAGE:.0%} of the answerable answered "
        f"(threshold {threshold:.2f}) {risk:.3f} wrong or unwarranted (bar {BARS[domain.name]}), "
        f"{answered[~answerable].mean():.3f} of the others answered; at the shipped threshold "
        f"{calibration.threshold:g} {served[answerable].mean():.3f} answered, "
        f"{(served & ~right).sum() / max(1, served.sum()):.3f} of it wrong or unwarranted",
        flush=True,
    )
    return risk <= BARS[domain.name]


async def dialogues(service: SupportService, count: int) -> bool:
    """Prints in how many turns the right document is found first by the messages.

    Also of first questions, each asked after a turn of another dialogue about another document.
    """
    pages = doc2dial()
    await service.knowledge_bases.put(TENANT, "doc2dial", pages.documents)
    turns = list(rows("support/doc2dial.dev.jsonl.gz"))
    asked = [turns[number] for number in spread(len(turns), count)]
    first = [turn for turn in turns if len(turn["history_newest_first"]) == 1]
    changed = [
        (turn["history_newest_first"], later["history_newest_first"], turn["document"])
        for turn, later in zip([first[n] for n in spread(len(first), count)], asked, strict=False)
        if turn["document"] != later["document"]
    ]
    same: list[tuple[_Said, _Said, str]] = [
        (turn["history_newest_first"], [], turn["document"]) for turn in asked
    ]
    hits = await _first(service, same)
    print(
        f"doc2dial.dev by messages, {len(same)} turns: right document first {hits:.3f} (bar "
        f"{HIT_BAR}); {len(changed)} first questions after a turn about another document: "
        f"{await _first(service, changed):.3f}",
        flush=True,
    )
    return hits >= HIT_BAR


_Said = Sequence[dict[str, str]]


async def _first(service: SupportService, asked: Sequence[tuple[_Said, _Said, str]]) -> float:
    """The share of turns whose document is found first, each after what was said before it."""
    knowledge_base = await service.knowledge_bases.get(TENANT, "doc2dial")
    places = asyncio.Semaphore(AT_ONCE)

    async def is_first(turn: _Said, before: _Said, document: str) -> bool:
        said = [*reversed(before), *reversed(turn)]
        messages = [ChatMessage(role=_ROLES[each["role"]], content=each["text"]) for each in said]
        async with places:
            found = await service.assistant.search(
                knowledge_base, chat.turn_of(messages, service.wording), 1
            )
        return found[0].hit.entry.document_id == str(document)

    return float(np.mean(await asyncio.gather(*(is_first(*each) for each in asked))))


_ROLES = {"user": "user", "agent": "assistant"}


async def measure(only: Sequence[str], count: int) -> int:
    """Prints all figures; 1 where a bar is not met."""
    with tempfile.TemporaryDirectory() as state_dir:
        async with real_trunk() as trunk:
            settings = SupportSettings(
                state_dir=Path(state_dir),
                judge_budget_ms=UNHURRIED_MS,
                encode_timeout_s=600.0,
                write_timeout_s=3600.0,
            )
            service = open_service(settings, trunk)
            met = []
            for make in (sample, squad2):
                if not only or make.__name__ in only:
                    met.append(await abstention(service, make(count)))
            if not only or "doc2dial" in only:
                met.append(await dialogues(service, count))
            await service.close()
    return int(not all(met))


def main() -> int:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    given = parser.parse_args()
    return asyncio.run(measure(given.only, given.questions))


if __name__ == "__main__":
    sys.exit(main())
