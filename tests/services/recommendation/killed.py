"""A process that stores what it is told and says what it has acknowledged, until it is killed.

`python -m tests.services.recommendation.killed FOLDER START`: 8 clients send batches of 20 events
whose ids count from START on, and each batch's ids are printed once it is acknowledged.
"""

import asyncio
import itertools
import sys
from pathlib import Path

import httpx

from services.recommendation.config import RecommendationSettings
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.services.recommendation.test_feedback import click

BATCH = 20
CLIENTS = 8


async def main(folder: Path, start: int) -> None:
    """Sends until the process ends."""
    service = open_service(RecommendationSettings(state_dir=folder), FakeTrunk(), FakeProbe())
    service.start()
    await until_ready(service)
    starts = itertools.count(start, BATCH)
    async with client(service) as http:
        await asyncio.gather(*(_send(http, starts) for _ in range(CLIENTS)))


async def _send(http: httpx.AsyncClient, starts: "itertools.count[int]") -> None:
    for first in starts:
        ids = range(first, first + BATCH)
        events = [click(f"u{number % 7}", f"i{number % 11}", id=str(number)) for number in ids]
        answer = await http.post("/feedback", json=events)
        if answer.status_code == 200:
            print(first, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
