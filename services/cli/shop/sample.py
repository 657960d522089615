"""The sample shop: given to a platform that knows no item at all."""

import time
from pathlib import Path

import orjson

from services.cli.client import Platform, patiently
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import Run
from services.cli.shop.rank import FEEDBACK_PATH, RankQuery, ask_ranking
from services.cli.shop.rows import Json
from shared.errors import ArtifactError, AuthenticationError, InputError

SAMPLE_FOLDER = Path(__file__).parents[2] / "recommendation" / "sample"

_DAY_MS = 86_400_000


def load_sample(run: Run, progress: Progress, *, key: str | None = None) -> None:
    """Loads the shop where the default tenant has no item.

    Raises:
        PlatformError: the platform does not answer.
        ArtifactError: the sample is damaged.
    """
    with Platform(run.url, key) as platform:
        try:
            if ask_ranking(platform, RankQuery("nobody", count=1)).items:
                return
        except AuthenticationError:
            progress.note("requests need a key, so the shop is left to `banyan recommend load`")
            return
        with progress.step("the sample shop is loaded"):
            events = sample_events(now_ms=int(time.time() * 1000))
            try:
                # One request: it is stored whole or not at all.
                patiently(lambda: platform.post(FEEDBACK_PATH, events))
            except InputError as error:
                raise ArtifactError(f"the sample is damaged: {error}") from error


def sample_events(*, now_ms: int) -> list[Json]:
    """The sample's events, all moved by the same number of days: the last one is of the last day.

    Popularity decays, and an item is new for some days only: at their own times all would be old.

    Raises:
        ArtifactError: a file is missing, or a line of it is not an event.
    """
    events = [*_read("items.jsonl"), *_read("events.jsonl")]
    latest_ms = max(_timestamp(event) for event in events)
    shift_ms = (now_ms - latest_ms) // _DAY_MS * _DAY_MS
    return [{**event, "timestamp": _timestamp(event) + shift_ms} for event in events]


def _read(name: str) -> list[Json]:
    path = SAMPLE_FOLDER / name
    try:
        events: list[Json] = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    except (OSError, orjson.JSONDecodeError) as error:
        raise ArtifactError(f"the sample is damaged: {path}: {error}") from None
    if not events:
        raise ArtifactError(f"the sample is damaged: {path} is empty")
    return events


def _timestamp(event: Json) -> int:
    stamp = event.get("timestamp")
    if not isinstance(stamp, int):
        raise ArtifactError(f"the sample is damaged: {event.get('id')!r} has no timestamp")
    return stamp
