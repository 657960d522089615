"""A trunk without a model, whose answers depend on words alone, and a stream host that is told."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from shared.delivery.relay import RelayState
from shared.errors import DependencyError, NotFoundError
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Priority,
    Span,
    TagOutput,
    TaskCall,
    TaskOutput,
)
from shared.streaming.health import StreamState
from shared.streaming.host import StreamStatus

NEGATIVE = frozenset(
    {"falls", "fall", "plunges", "tumbles", "lawsuit", "fraud", "losses", "recall"}
)
CHINESE_NEGATIVE, CHINESE_POSITIVE = ("亏损", "下跌"), ("增长", "上涨")
POSITIVE = frozenset({"gains", "soars", "profit", "wins", "record", "rises"})
ORDERS = {
    "finance-sentiment": ("neutral", "positive", "negative"),
    "finance-entity-sentiment": ("positive", "negative", "neutral"),
    "finance-sentiment-zh": ("positive", "negative"),
}
"""A bundle's labels come in any order, and one of a language may lack `neutral`."""

_MARKED = re.compile(r"@ (.+?) @")
_CLAUSE = re.compile(r"\bwhile\b|[;,]")
_COMPANY = re.compile(r"\b[A-Z][a-z]+ (?:Corp|Inc|Ltd)\b")


class FakeTrunk:
    """Judges by words, tags what looks like a company, and remembers what it was asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.refuse: Callable[[Sequence[str], float | None], None] = lambda _texts, _timeout_s: None
        self.missing = {"finance-sentiment-zh"}
        """What ships judges English alone."""
        self.calls: list[Sequence[TaskCall]] = []
        self.priorities: list[Priority] = []

    def inputs(self, task: str) -> list[str]:
        """Every input of a task so far."""
        calls = [call for calls in self.calls for call in calls if call.task == task]
        return [str(text) for call in calls for text in call.inputs]

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        """Answers from words."""
        if self.error is not None:
            raise self.error
        self.refuse([str(text) for call in calls for text in call.inputs], timeout_s)
        self.calls.append(calls)
        self.priorities.append(priority)
        return [self._answer(call) for call in calls]

    def _answer(self, call: TaskCall) -> TaskOutput:
        texts = [str(text) for text in call.inputs]
        if call.task in self.missing:
            raise NotFoundError(f"there is no task {call.task!r}")
        if call.task == "embed":
            return EmbedOutput("embed@1", 0, np.zeros((len(texts), 2), np.float32))
        if call.task == "finance-entities":
            return TagOutput("finance-entities@1", 0, tuple(map(_spans, texts)))
        order = ORDERS[call.task]
        by_clause = call.task == "finance-entity-sentiment"
        rows = [probabilities(marked_clause(text) if by_clause else text) for text in texts]
        by_name = [dict(zip(("negative", "neutral", "positive"), row, strict=True)) for row in rows]
        table = np.array([[named[label] for label in order] for named in by_name], np.float32)
        table = table.reshape(-1, len(order))
        # One that lacks `neutral` cannot say that a text says nothing.
        table = np.maximum(table, 1e-6)
        table /= table.sum(axis=1, keepdims=True)
        return ClassifyOutput(f"{call.task}@1", 0, order, table)


def probabilities(text: str) -> tuple[float, float, float]:
    """Negative, neutral, positive: by how many words of each kind a text has."""
    words = [word.strip(".,;:!?").lower() for word in text.split()]
    negative = sum(word in NEGATIVE for word in words) + sum(map(text.count, CHINESE_NEGATIVE))
    positive = sum(word in POSITIVE for word in words) + sum(map(text.count, CHINESE_POSITIVE))
    total = 1 + 4 * negative + 4 * positive
    return 4 * negative / total, 1 / total, 4 * positive / total


def marked_clause(text: str) -> str:
    """The clause that holds the mark."""
    clauses = [clause for clause in _CLAUSE.split(text) if _MARKED.search(clause)]
    assert clauses, f"nothing is marked in {text!r}"
    return clauses[0]


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(*m.span(), label="entity", score=0.9) for m in _COMPANY.finditer(text))


class FakeProbe:
    """A stream host that says what a test sets."""

    def __init__(self) -> None:
        self.is_away = False
        self.state = StreamState("running", None, 0.0, 0.0)
        self.topics = RelayState()
        self.sinks: dict[str, RelayState] = {}

    async def status(self) -> StreamStatus:
        """What was set."""
        self._check()
        return StreamStatus(self.state, 12.5, self.topics, self.sinks)

    def on_stored(self, wake: Callable[[], None]) -> bool:
        """Another process stores what this stream reads."""
        return False

    async def metrics(self) -> bytes:
        """A line of metrics."""
        self._check()
        return b"banyan_news_records_total 1\n"

    def _check(self) -> None:
        if self.is_away:
            raise DependencyError("the stream host gave no answer in 2 s")
