import io
from pathlib import Path

import httpx
import pytest

from services.cli.client import Platform
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import Run, new_run
from services.cli.shop import sample
from services.cli.shop.sample import load_sample, sample_events
from shared.errors import ArtifactError
from tests.services.cli.served import URL
from tests.services.cli.shop.recommendation_served import RecommendationServed

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000


class Start:
    """A platform that has just started, and what was printed of its sample."""

    def __init__(self, served: RecommendationServed, monkeypatch: pytest.MonkeyPatch) -> None:
        self._out = io.StringIO()

        def connect(url: str, key: str | None) -> Platform:
            return Platform(url, key, transport=httpx.MockTransport(served))

        monkeypatch.setattr(sample, "Platform", connect)

    def __call__(self) -> str:
        load_sample(self._run(), Progress(self._out))
        return self._out.getvalue()

    def _run(self) -> Run:
        return new_run(URL, ports={}, applications={"recommendation": "/recommend"})


def test_the_shop_is_loaded_in_one_request_where_there_is_no_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = RecommendationServed()

    said = Start(served, monkeypatch)()

    assert "the sample shop is loaded" in said
    assert len(served.batches) == 1
    kinds = [event["event"] for event in served.events.values()]
    assert kinds.count("item") >= 300
    assert {"user", "ranking", "interaction"} <= set(kinds)


def test_a_platform_that_knows_an_item_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    item: dict[str, object] = {"event": "item", "id": "1", "item": "mine"}
    served = RecommendationServed({"1": item})

    assert Start(served, monkeypatch)() == ""

    assert list(served.events) == ["1"]


def test_a_platform_that_needs_keys_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Start(RecommendationServed(status=401), monkeypatch)()

    assert "left to `banyan recommend load`" in said


def test_all_times_move_by_the_same_days_to_the_last_one() -> None:
    events = sample_events(now_ms=NOW_MS)
    earlier = sample_events(now_ms=NOW_MS - 3 * DAY_MS)

    times = [int(str(event["timestamp"])) for event in events]
    assert 0 <= NOW_MS - max(times) < DAY_MS
    assert {
        time - int(str(before["timestamp"])) for time, before in zip(times, earlier, strict=True)
    } == {3 * DAY_MS}


@pytest.mark.parametrize("content", ["", "{\n", '{"id": "1"}\n'])
def test_a_damaged_sample_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    for name in ("items.jsonl", "events.jsonl"):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(sample, "SAMPLE_FOLDER", tmp_path)

    with pytest.raises(ArtifactError, match="the sample is damaged"):
        sample_events(now_ms=NOW_MS)
