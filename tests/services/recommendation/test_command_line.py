"""The commands against the real application, in this process."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from services.cli.client import Platform
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import new_run
from services.cli.shop import sample
from services.cli.shop.answers import Ranking
from services.cli.shop.load import load_files
from services.cli.shop.rank import RankQuery, ask_ranking, send_click
from services.cli.shop.sample import load_sample
from services.recommendation.service import RecommendationService
from tests.harness.recommendation.application import client

URL = "http://platform.test"


class Bridge(httpx.BaseTransport):
    """Takes a thread's requests to the application, as Serve does below `/recommend`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().removeprefix("/recommend")
        sent = self._http.request(
            request.method, path, content=request.read(), headers=request.headers
        )
        answer = asyncio.run_coroutine_threadsafe(sent, self._loop).result(30)
        return httpx.Response(answer.status_code, content=answer.content)


async def run(service: RecommendationService, command: Callable[[Platform], object]) -> object:
    """Runs a command as another process would."""
    async with client(service) as http:
        with Platform(URL, transport=Bridge(http)) as platform:
            return await asyncio.to_thread(command, platform)


async def test_files_are_loaded_once_and_ranked(
    service: RecommendationService, tmp_path: Path
) -> None:
    items, events = tmp_path / "items.csv", tmp_path / "events.csv"
    items.write_text(
        "item_id,title,description,category,price,available\n"
        "tent,Tent,A tent for two,outdoor,189,true\n"
        "pan,Pan,A pan of steel,kitchen,54,true\n"
        "stove,Camp stove,A stove for a tent,outdoor,47,true\n"
    )
    ahead = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 10 * 86_400))
    events.write_text(
        "user_id,item_id,timestamp,type\n"
        f"ann,tent,{int(time.time()) - 600},purchase\n"
        f"bob,pan,{ahead},click\n"
    )

    rejects = tmp_path / "why.jsonl"
    first = await run(service, lambda platform: load_files(platform, items, events, rejects))
    again = await run(service, lambda platform: load_files(platform, items, None, None))
    ranking = await run(service, lambda platform: ask_ranking(platform, RankQuery("ann", count=3)))

    assert (first, again) == (1, 0)
    # An event of the future is the platform's to refuse.
    (refused,) = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert (Path(refused["file"]).name, refused["row"]) == ("events.csv", 3)
    assert "ahead of the clock" in refused["reason"], refused
    assert isinstance(ranking, Ranking)
    assert {place.item for place in ranking.items} == {"pan", "stove"}


async def test_the_sample_is_loaded_once_and_a_click_shows(
    service: RecommendationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    given = new_run(URL, ports={}, applications={"recommendation": "/recommend"})

    def start(platform: Platform) -> None:
        monkeypatch.setattr(sample, "Platform", lambda url, key: platform)
        load_sample(given, Progress(out))

    await run(service, start)
    await run(service, start)

    before = await run(
        service, lambda platform: ask_ranking(platform, RankQuery("visitor", count=10))
    )
    await run(service, lambda platform: send_click(platform, "visitor", "kitchen-07"))
    after = await run(
        service, lambda platform: ask_ranking(platform, RankQuery("visitor", count=10))
    )

    assert out.getvalue().count("the sample shop is loaded") == 1
    assert isinstance(before, Ranking)
    assert isinstance(after, Ranking)
    assert len(before.items) == len(after.items) == 10
    assert [place.item for place in before.items] != [place.item for place in after.items]
    assert "popular this week" in reasons_of(before)
    assert "because you looked at Burr grinder, manual" in reasons_of(after)


def reasons_of(ranking: Ranking) -> set[str]:
    return {why.text for place in ranking.items for why in place.reasons or ()}
