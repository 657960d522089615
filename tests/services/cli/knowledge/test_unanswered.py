"""`banyan support unanswered` shows what the platform kept, as it stands there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from services.cli.knowledge.unanswered import unanswered
from tests.services.cli.served import URL, Answer

KEPT: dict[str, Any] = {
    "id": "0193",
    "knowledge_base": "shop",
    "question": "and on [Sundays]?",
    "earlier": ["how late are you open?"],
    "kind": "handoff",
    "reason": "low_confidence",
    "confidence": 0.1,
    "suggestions": ["opening-hours"],
    "times": 12,
    "first_asked_at": 1_700_000_000.0,
    "asked_at": 1_700_000_060.0,
}


@dataclass
class Served:
    """Has these questions, and remembers every request."""

    questions: list[dict[str, Any]] = field(default_factory=list)
    next: str | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(200, json={"questions": self.questions, "next": self.next})


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_a_question_is_shown_with_its_context(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served([KEPT], next="12.1.0.a")
    answered_by(served)

    unanswered(kb="shop", limit=1, url=URL)

    said = capsys.readouterr().out
    for part in ("12", "2023-11-14 22:14", "how late are you open?", "and on [Sundays]?", "0193"):
        assert part in said
    assert "handoff: low_confidence, opening-hours" in said
    assert "--limit shows more than 1" in said
    assert dict(served.requests[0].url.params) == {"limit": "1", "knowledge_base": "shop"}


def test_nothing_to_show_is_said(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()
    answered_by(served)

    unanswered(url=URL)

    assert "no question was left" in capsys.readouterr().out
    assert dict(served.requests[0].url.params) == {"limit": "20"}


def test_one_is_deleted_by_its_id(
    answered_by: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served([KEPT])
    answered_by(served)

    unanswered(delete="0193/a", url=URL)

    (request,) = served.requests
    assert (request.method, request.url.raw_path) == ("DELETE", b"/support/unanswered/0193%2Fa")
    assert "deleted 0193/a" in capsys.readouterr().out
