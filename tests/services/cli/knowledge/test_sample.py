"""The sample knowledge bases: the Chinese one where the trunk reads Chinese."""

import io
from collections import Counter

import httpx
import pytest

from services.cli.client import Platform
from services.cli.knowledge import sample
from services.cli.knowledge.sample import CHINESE_FOLDER, CHINESE_SUITE, load_sample
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import new_run
from shared.retrieval.suite import read_suite
from shared.text.language import Language, language_of_all
from tests.services.cli.served import URL


class Served:
    """A platform with some tasks and knowledge bases, which remembers where documents went."""

    def __init__(self, tasks: tuple[str, ...], bases: tuple[str, ...] = ()) -> None:
        self._tasks, self._bases = tasks, bases
        self.sent: Counter[str] = Counter()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answers what the command asks."""
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": task} for task in self._tasks]})
        if request.method == "GET":
            return httpx.Response(200, json={"knowledge_bases": [{"name": n} for n in self._bases]})
        name = request.url.path.split("/")[3]
        self.sent[name] += 1
        return httpx.Response(200, json={"version": 1, "documents": 1})


def load(monkeypatch: pytest.MonkeyPatch, served: Served) -> str:
    def connect(url: str, key: str | None) -> Platform:
        return Platform(url, key, transport=httpx.MockTransport(served))

    monkeypatch.setattr(sample, "Platform", connect)
    out = io.StringIO()
    load_sample(new_run(URL, ports={}, applications={"support": "/support"}), Progress(out))
    return out.getvalue()


def test_the_chinese_sample_is_loaded_where_chinese_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    english, both = Served(("embed",)), Served(("embed", "embed-zh"))

    assert "help-centre-zh" not in load(monkeypatch, english)
    said = load(monkeypatch, both)

    assert set(english.sent) == {"help-centre"}
    assert set(both.sent) == {"help-centre", "help-centre-zh"}
    assert "the sample knowledge base help-centre-zh is loaded" in said


def test_a_platform_with_a_knowledge_base_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(("embed", "embed-zh"), ("mine",))

    assert load(monkeypatch, served) == ""
    assert not served.sent


def test_the_chinese_suite_is_of_the_chinese_sample() -> None:
    suite = read_suite(CHINESE_SUITE)
    articles = {path.stem: path.read_text("utf-8") for path in CHINESE_FOLDER.glob("*.md")}

    assert (len(suite.questions), len(articles)) == (40, 30)
    assert language_of_all(articles.values()) is Language.CHINESE
    for question in suite.questions:
        assert bool(question.evidence) is (question.answerable is True)
        for evidence in question.evidence:
            assert any(evidence in articles[name] for name in question.articles), question.id
