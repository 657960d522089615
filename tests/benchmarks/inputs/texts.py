"""Real texts to measure with."""

import json
from itertools import chain, islice

from tests.harness.data import DATA


def headlines(count: int) -> list[str]:
    """The first headlines of `sentfin.dev` and `.train`."""
    rows = chain(rows_of("finance/sentfin.dev"), rows_of("finance/sentfin.train"))
    return [row["text"] for row in islice(rows, count)]


def questions(count: int) -> list[str]:
    """The first questions of `banking77.dev`, spread over the intents."""
    texts = [row["text"] for row in rows_of("support/banking77.dev")]
    return texts[:: max(1, len(texts) // count)][:count]


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a data set, such as `finance/sentfin.dev`."""
    with (DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
