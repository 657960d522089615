"""A process that embeds a shop again for another champion and stays at a share, until it is killed.

`python -m tests.contracts.promoted FOLDER [URL]`: it prints how many texts the new
champion has embedded, then what `/readyz` says of the vectors, and embeds no more.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from services.recommendation.config import RecommendationSettings
from shared.models.tasks import Priority, TaskCall, TaskOutput
from tests.harness.recommendation.application import open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.recommendation.made import item
from tests.harness.waiting import until

ITEMS = 1280
SHARE = 0.4
OLD, NEW = "embed@1", "embed@2"
NEW_WIDTH = 96


class StoppingTrunk(FakeTrunk):
    """Embeds a share of the items by the new champion, then answers no more of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded = 0

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        if calls[0].task == NEW:
            if self.embedded >= SHARE * ITEMS:
                await asyncio.Event().wait()
            self.embedded += len(calls[0].inputs)
        return await super().encode(calls, app=app, priority=priority, timeout_s=timeout_s)


def settings_of(folder: Path, url: str | None) -> RecommendationSettings:
    """The application of the test, on SQLite or at a URL."""
    return RecommendationSettings(
        state_dir=folder,
        database_url=None if url is None else SecretStr(url),
        champion_check_s=0.2,
    )


async def main(folder: Path, url: str | None) -> None:
    """Promotes when all is embedded by the old champion, then stays where it is."""
    trunk = StoppingTrunk()
    service = open_service(settings_of(folder, url), trunk, FakeProbe())
    service.start()
    await until_ready(service)
    await service.feedback("default", [item(f"i{n}", title=f"Thing {n}") for n in range(ITEMS)])
    await until(lambda: len(trunk.texts) == ITEMS, "all items are embedded")
    trunk.promote(NEW, NEW_WIDTH)

    def is_there() -> bool:
        progress = None if service._embedder is None else service._embedder.progress
        return progress is not None and progress.done >= SHARE * ITEMS

    await until(is_there, "a share is embedded again")
    readiness = (await service.readiness())["vectors"]
    print(trunk.embedded, readiness, sep="\n", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
