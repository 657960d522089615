"""What is done with the records of the topic of news: decoded, judged, stored."""

import asyncio
import concurrent.futures
import itertools
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

from services.sentiment.analysis import Analyst, Plan, Request
from services.sentiment.arrivals import Prepared, RecordOutcome, ScoredNews
from services.sentiment.config import SentimentSettings
from services.sentiment.news import News, decode
from services.sentiment.scores import Analysis
from services.sentiment.silence import SilenceWatch
from services.sentiment.store import NewsStore, StoredNews
from shared.clock import Clock
from shared.errors import DependencyError
from shared.models.tasks import Priority
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DeadLetter, DeadLetterLimit, DecodeError, failed
from shared.streaming.handler import BatchTooLargeError
from shared.streaming.message import Record

AnswerT = TypeVar("AnswerT")

_RATE_WINDOW_S = 10.0
_TEXTS_A_CALL = 128
"""A batch is asked for in several calls at once: while the trunk computes one, the next is already
being tokenised there."""

_CHARACTERS_A_SECOND = 10_000
"""What even a slow trunk reads: the more a batch asks, the more time it is given."""

_MAX_BATCH_CHARACTERS = 2_000_000
"""What a batch of several records may ask: a text is read again for each entity in it."""

_CHECK_TIMEOUT_S = 5.0


class NewsHandler:
    """`shared.streaming.processor.Handler` for news.

    `prepare` runs on one thread, `store` and `idle` on another. The trunk is called on `loop`,
    which another thread runs. `on_messages` is called after a commit that left something to send.
    """

    def __init__(
        self,
        settings: SentimentSettings,
        analyst: Analyst,
        store: NewsStore,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        on_messages: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._analyst = analyst
        self._store = store
        self._loop = loop
        self._clock = clock
        self._on_messages = on_messages
        self._limit = DeadLetterLimit(settings.max_dead_letters)
        self._dead_in_a_row = 0
        self._silence = SilenceWatch(clock, idle_after_s=settings.processor.idle_after_s)
        self._recent: deque[tuple[float, int]] = deque(maxlen=10_000)
        self._stopping = threading.Event()
        self._cancel: Callable[[], bool] | None = None

    @property
    def rate(self) -> float:
        """Records stored a second, over the last 10 seconds."""
        since_s = self._clock.monotonic() - _RATE_WINDOW_S
        stored = sum(number for at_s, number in list(self._recent) if at_s > since_s)
        return stored / _RATE_WINDOW_S

    def stop(self) -> None:
        """Ends a call to the trunk that is under way: its batch comes again."""
        self._stopping.set()
        if (cancel := self._cancel) is not None:
            cancel()

    def prepare(self, records: Sequence[Record]) -> tuple[Prepared, ...]:
        """Decodes each record by itself, and has the good ones judged in one call.

        Raises:
            TooManyDeadLettersError: so many records in a row are unusable that the stream stops.
            BatchTooLargeError: the texts with their entities are too much to judge at once.
            PlatformError: see `Analyst.analyze`.
        """
        decoded = [self._decoded(record) for record in records]
        in_a_row = self._counted(decoded)
        news = [one for one in decoded if isinstance(one, News)]
        analyses = iter(self._judged(news))
        self._dead_in_a_row = in_a_row
        return tuple(
            DeadLetter(record, one)
            if isinstance(one, DecodeError)
            else ScoredNews(record, one, next(analyses))
            for record, one in zip(records, decoded, strict=True)
        )

    def store(self, prepared: tuple[Prepared, ...], progress: StreamProgress) -> None:
        """Stores a batch; see `NewsStore.store`."""
        busy = {item.record.partition for item in prepared}
        stored = self._store.store(prepared, progress, self._silence.idle(progress, busy))
        fresh = sum(stored.outcomes.values()) - stored.outcomes[RecordOutcome.REPEATED]
        self._recent.append((self._clock.monotonic(), fresh))
        self._after(stored)

    def idle(self, progress: StreamProgress) -> None:
        """Marks the partitions idle where nothing comes, and applies what that frees."""
        silences = self._silence.silences(progress)
        while True:
            stored = self._store.settle(progress, silences)
            if stored is None:
                return
            self._after(stored)
            if stored.is_drained or self._stopping.is_set():
                return

    def check(self) -> None:
        """Returns if the trunk judges a word; see `Analyst.check`."""
        tag = self._settings.tag_stream
        self._asked_of_trunk(self._analyst.check(_CHECK_TIMEOUT_S, tag=tag))

    def give_up(self, record: Record, error: Exception) -> tuple[Prepared, ...]:
        """The record's dead letter, with the failure as its reason."""
        letter = failed(record, error)
        self._limit.check(self._dead_in_a_row + 1, letter.error)
        self._dead_in_a_row += 1
        return (letter,)

    def _decoded(self, record: Record) -> News | DecodeError:
        try:
            arrived_at = record.arrived_at(self._clock.time())
            return decode(record, arrived_at=arrived_at, max_ahead_s=self._settings.max_ahead_s)
        except DecodeError as error:
            return error

    def _counted(self, decoded: Sequence[News | DecodeError]) -> int:
        in_a_row = self._dead_in_a_row
        for one in decoded:
            if isinstance(one, DecodeError):
                in_a_row += 1
                self._limit.check(in_a_row, one)
            else:
                in_a_row = 0
        return in_a_row

    def _judged(self, news: Sequence[News]) -> list[Analysis]:
        if not news:
            return []
        plans = [
            self._planned(news[start : start + _TEXTS_A_CALL])
            for start in range(0, len(news), _TEXTS_A_CALL)
        ]
        characters = sum(plan.characters for plan in plans)
        if characters > _MAX_BATCH_CHARACTERS and len(news) > 1:
            raise BatchTooLargeError(
                f"{len(news)} texts with their entities are {characters} characters to judge, more "
                f"than {_MAX_BATCH_CHARACTERS}"
            )
        timeout_s = self._settings.stream_timeout_s + characters / _CHARACTERS_A_SECOND
        return self._asked_of_trunk(self._analyzed(plans, timeout_s))

    def _planned(self, news: Sequence[News]) -> Plan:
        texts, entities = [one.text for one in news], [one.entities for one in news]
        return self._analyst.plan(Request(texts, entities, self._settings.tag_stream))

    def _asked_of_trunk(self, question: Coroutine[None, None, AnswerT]) -> AnswerT:
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        self._cancel = asked.cancel
        if self._stopping.is_set():
            asked.cancel()
        try:
            return asked.result()
        except concurrent.futures.CancelledError:
            raise DependencyError("the stream is being stopped: the batch comes again") from None
        finally:
            self._cancel = None

    async def _analyzed(self, plans: Sequence[Plan], timeout_s: float) -> list[Analysis]:
        asked = [
            asyncio.ensure_future(
                self._analyst.judge(
                    plan,
                    priority=Priority.STREAM,
                    timeout_s=timeout_s,
                    characters_a_second=_CHARACTERS_A_SECOND,
                )
            )
            for plan in plans
        ]
        try:
            return list(itertools.chain.from_iterable(await asyncio.gather(*asked)))
        finally:
            # Of a batch that failed in one part the others are asked for again.
            for part in asked:
                part.cancel()

    def _after(self, stored: StoredNews) -> None:
        if stored.messages:
            self._on_messages()
