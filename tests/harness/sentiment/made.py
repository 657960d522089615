"""News, judged and placed in a log, as tests need it."""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from services.sentiment.analysis.scores import Analysis, EntityScore, Found, Score
from services.sentiment.arrivals import ScoredNews
from services.sentiment.news import News
from shared.streaming.consumer import PartitionProgress, StreamProgress
from shared.streaming.dead_letters import BAD_JSON, DeadLetter, DecodeError
from shared.streaming.message import Record

TOPIC = "news"
TOPIC_ID = "5f0c2c1e-0000-4000-8000-000000000001"
START_S = 1_704_700_800.0  # 2024-01-08, 08:00 UTC, a full hour.

_SCORES = {"negative": (0.9, 0.08, 0.02), "neutral": (0.1, 0.8, 0.1), "positive": (0.02, 0.08, 0.9)}


def score(label: str) -> Score:
    """A clear score of this label."""
    return Score.of(_SCORES[label], "finance-sentiment@1")


def record(
    partition: int, offset: int, value: bytes | None = b"{}", topic_id: str = TOPIC_ID
) -> Record:
    """A record at a place in the log."""
    stamp_ms = int(START_S * 1000)
    return Record(TOPIC, topic_id, partition, offset, stamp_ms, None, value)


def news(
    partition: int,
    offset: int,
    time_s: float,
    entities: Mapping[str, str] | None = None,
    *,
    news_id: str | None = None,
    text: str | None = None,
    label: str = "neutral",
    tenant: str = "default",
    topic_id: str = TOPIC_ID,
) -> ScoredNews:
    """A judged text; `entities` maps names to labels, `time_s` counts from `START_S`."""
    one = News(
        tenant=tenant,
        id=news_id or f"{partition}-{offset}",
        source="wire",
        text=text or f"text {partition}-{offset}",
        published_at=START_S + time_s,
        entities=None,
    )
    judged = tuple(
        EntityScore(Found(name, name, ((0, 4),)), score(of_entity))
        for name, of_entity in (entities or {}).items()
    )
    place = record(partition, offset, topic_id=topic_id)
    return ScoredNews(place, one, Analysis(score(label), judged))


def dead(partition: int, offset: int, value: bytes | None = b"\xff") -> DeadLetter:
    """A record that could not be read."""
    return DeadLetter(record(partition, offset, value), DecodeError(BAD_JSON, "not JSON"))


def progress(
    ends: Mapping[int, int], *, partitions: Iterable[int] | None = None, topic_id: str = TOPIC_ID
) -> StreamProgress:
    """A host that owns these partitions and has read all of them; others may exist."""
    owned = {number: PartitionProgress(end, end, end) for number, end in ends.items()}
    return StreamProgress(TOPIC, topic_id, tuple(partitions or ends), owned)


def value(**fields: object) -> bytes:
    """A record's value; what is not said is as usual."""
    usual: dict[str, object] = {
        "id": "n1",
        "published_at": "2024-01-08T08:00:00Z",
        "source": "wire",
        "text": "Acme gains",
    }
    return orjson.dumps(usual | fields)


def surge(seconds: int = 12 * 3600, entity: str = "Acme") -> Sequence[tuple[float, dict[str, str]]]:
    """Times and judged entities of a day with a planted surge of negative news on one entity.

    One text each two minutes names the entity, mostly neutrally; in the ninth hour there is one
    negative text each 30 seconds for 20 minutes.
    """
    texts: list[tuple[float, dict[str, str]]] = []
    for number in range(seconds // 120):
        label = "negative" if number % 10 == 3 else ("positive" if number % 3 else "neutral")
        texts.append((number * 120.0, {entity: label, "Other": "neutral"}))
    texts += [(8 * 3600 + 7.0 + number * 30, {entity: "negative"}) for number in range(40)]
    return sorted(texts, key=lambda text: text[0])
