import json
from collections.abc import Callable
from typing import Any

import pytest

from services.cli.shop.rank import rank
from shared.errors import AuthenticationError, NotFoundError
from tests.services.cli.served import URL, Answer
from tests.services.cli.shop.recommendation_served import RecommendationServed


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def served() -> RecommendationServed:
    names = ("a", "b", "[c]")
    events: dict[str, dict[str, object]] = {
        name: {"event": "item", "id": name, "item": name} for name in names
    }
    return RecommendationServed(events)


@pytest.fixture
def run(answered_by: Callable[[Answer], None]) -> Callable[..., None]:
    """Runs `banyan rank USER` with options against an application."""

    def command(served: RecommendationServed, user: str, **options: Any) -> None:
        answered_by(served)
        rank(user, **options, url=URL)

    return command


def bodies(served: RecommendationServed) -> list[Any]:
    return [json.loads(request.content) for request in served.requests]


def test_a_ranking_is_shown_with_scores_and_reasons(
    run: Callable[..., None], served: RecommendationServed, capsys: pytest.CaptureFixture[str]
) -> None:
    run(served, "u1", count=2)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["item", "score", "why"]
    assert lines[1].split() == ["1", "[c]", "0.500", "popular", "[week]"]
    assert lines[2].split() == ["2", "a", "0.500", "popular", "[week]"]
    assert lines[3].split() == ["default,", "1.2", "ms"]
    assert bodies(served) == [{"user": "u1", "explain": True, "count": 2}]


def test_given_items_are_ranked_alone(
    run: Callable[..., None], served: RecommendationServed, capsys: pytest.CaptureFixture[str]
) -> None:
    run(served, "u1", item=["b", "a"])

    assert bodies(served) == [{"user": "u1", "explain": True, "items": [{"id": "b"}, {"id": "a"}]}]
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:3]] == ["a", "b"]


def test_a_click_is_told_and_what_it_moves_is_shown(
    run: Callable[..., None], served: RecommendationServed, capsys: pytest.CaptureFixture[str]
) -> None:
    run(served, "u1", count=2, click="b")

    _, (click,), _ = bodies(served)
    assert (click["type"], click["user"], click["item"]) == ("click", "u1", "b")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "after a click of u1 on b:"
    assert lines[1].split() == ["before", "item", "score", "why"]
    assert lines[2].split()[:4] == ["1", "new", "b", "1.500"]
    assert lines[3].split()[:4] == ["2", "1", "[c]", "0.500"]


def test_the_strongest_features_are_shown_when_asked_for(
    run: Callable[..., None], served: RecommendationServed, capsys: pytest.CaptureFixture[str]
) -> None:
    run(served, "u1", count=1, explain=True)

    assert "item_age -3.00, popular_week 0.25" in capsys.readouterr().out.splitlines()[1]


def test_titles_are_shown_where_the_platform_tells_them(
    run: Callable[..., None],
    served: RecommendationServed,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = {"item": "a", "score": 1.0, "title": "A [fine] tent"}
    answer = json.dumps({"took": 1.0, "items": [place, {"item": "b", "score": 0.5}]})
    monkeypatch.setattr("services.cli.client.Platform.post", lambda *_, **__: json.loads(answer))

    run(served, "u1")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["item", "title", "score", "why"]
    assert lines[1].split() == ["1", "a", "A", "[fine]", "tent", "1.000"]


def test_an_empty_catalogue_is_said(
    run: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run(RecommendationServed(), "u1")

    assert "`banyan recommend load --items FILE`" in capsys.readouterr().out


def test_a_model_that_is_not_there_and_a_missing_key_are_said(
    run: Callable[..., None], served: RecommendationServed
) -> None:
    with pytest.raises(NotFoundError):
        run(served, "u1", model="none")
    with pytest.raises(AuthenticationError):
        run(RecommendationServed(status=401), "u1")
