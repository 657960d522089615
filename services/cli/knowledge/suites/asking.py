"""Asks a running platform the questions of a suite."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from services.cli.knowledge.suites.measures import Asked, Reply
from shared.errors import InputError
from shared.retrieval.suite import Suite, SuiteQuestion

if TYPE_CHECKING:
    from services.cli.client import Platform

CHAT = "/support/v1/chat/completions"
BASES = "/support/knowledge-bases"
DEFAULT_BASE = "help-centre"
_PAGE = 1000


@contextmanager
def knowledge_base_for(platform: "Platform", suite: Suite, kb: str | None) -> Iterator[str]:
    """The knowledge base that a suite is asked of.

    It is the one named, or one that holds the suite's own articles and is deleted at the end, or
    the default one.

    Raises:
        InputError: the knowledge base lacks a document that the suite names.
    """
    articles = suite.articles
    if kb is not None or articles is None:
        name = kb or DEFAULT_BASE
        check_articles(platform, suite, name)
        yield name
        return
    name = f"suite-{uuid.uuid4().hex[:12]}"
    try:
        _load(platform, articles, name)
        check_articles(platform, suite, name)
        yield name
    finally:
        platform.delete(f"{BASES}/{name}", confirm=name)


def check_articles(platform: "Platform", suite: Suite, kb: str) -> None:
    """Refuses a suite that names documents which the knowledge base does not hold.

    Raises:
        InputError: it does; some are named.
    """
    held = set(_document_ids(platform, kb))
    wanted = {article for question in suite.questions for article in question.articles}
    if missing := sorted(wanted - held):
        raise InputError(
            f"the knowledge base {kb} has no document {', '.join(map(repr, missing[:5]))}"
            f"{f' and {len(missing) - 5} more' if len(missing) > 5 else ''}, which the suite "
            f"{suite.name} names: load them, or name another knowledge base by --kb"
        )


def ask_suite(
    platform: "Platform", suite: Suite, kb: str, on_asked: Callable[[], None]
) -> list[Asked]:
    """The replies to all questions, each asked turn by turn with the replies between.

    None is kept among the questions that were not answered: the list is of what people asked.
    """
    asked = []
    for question in suite.questions:
        asked.append(Asked(question, Reply.of(_reply(platform, question, kb))))
        on_asked()
    return asked


def user_messages(question: SuiteQuestion) -> list[dict[str, str]]:
    """A question's turns as a user's messages."""
    return [{"role": "user", "content": turn} for turn in question.turns]


def post(platform: "Platform", path: str, body: object) -> Any:
    """Sends, and waits where the platform is busy."""
    from services.cli.client import patiently

    return patiently(lambda: platform.post(path, body))


def _reply(platform: "Platform", question: SuiteQuestion, kb: str) -> dict[str, Any]:
    messages: list[dict[str, str]] = []
    message: dict[str, Any] = {}
    for turn in user_messages(question):
        messages.append(turn)
        body = {"model": f"support:{kb}", "messages": messages, "store": False}
        answer = post(platform, CHAT, body)
        message = answer["choices"][0]["message"]
        messages.append({"role": "assistant", "content": message["content"]})
    return message


def _document_ids(platform: "Platform", kb: str) -> Iterator[str]:
    after = ""
    while True:
        path = f"{BASES}/{quote(kb, safe='')}/documents"
        page = platform.get(path, after=after, limit=_PAGE)
        yield from (document["id"] for document in page["documents"])
        if page["next"] is None:
            return
        after = page["next"]


def _load(platform: "Platform", articles: Path, name: str) -> None:
    from services.cli.knowledge.bases import load_files
    from services.cli.knowledge.document_files import find_files

    loaded = load_files(platform, find_files(articles).files, name, lambda done: None)
    if loaded.refused:
        raise InputError(f"an article of the suite is refused: {loaded.refused[0]}")
