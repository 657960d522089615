"""Real tweets about shares as records of the topic of news."""

import gzip
import json
import re
from dataclasses import dataclass
from datetime import datetime

from shared.delivery.producer import Producer
from tests.harness.data import DATA

FILE = "finance/stocknet.stream.jsonl.gz"

# Two of the first 20,000 hold one: they would be dead letters, which is another drill.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

_FLUSH_EVERY = 2_000
_FLUSH_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Tweet:
    """One record: the key decides its partition, so a share's tweets keep their order."""

    id: str
    ticker: str
    published_at: float
    value: bytes


def tweets(count: int) -> list[Tweet]:
    """The first tweets, in the order of their time, each id once."""
    found: dict[str, Tweet] = {}
    with gzip.open(DATA / FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            tweet = _tweet(row["tweet_id"], row["ticker"], row["created_at"], row["text"])
            found.setdefault(tweet.id, tweet)
            if len(found) == count:
                return list(found.values())
    raise ValueError(f"{DATA / FILE} has {len(found)} tweets, {count} were asked for")


def _tweet(tweet_id: str, ticker: str, created_at: str, text: str) -> Tweet:
    name = f"{tweet_id}:{ticker}"
    fields = {
        "id": name,
        "published_at": created_at,
        "source": "stocknet",
        "text": _CONTROL.sub(" ", text),
        "entities": [ticker],
    }
    value = json.dumps(fields).encode()
    return Tweet(name, ticker, datetime.fromisoformat(created_at).timestamp(), value)


def produce(producer: Producer, topic: str, records: list[Tweet]) -> None:
    """Writes all of them and returns when the broker has acknowledged them."""
    for start in range(0, len(records), _FLUSH_EVERY):
        for tweet in records[start : start + _FLUSH_EVERY]:
            producer.send(topic, tweet.value, key=tweet.ticker.encode())
        producer.flush(_FLUSH_TIMEOUT_S)
