"""What is done with the records of the topic of news: decoded, judged, stored."""

import asyncio
import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TypeVar

from services.sentiment.analysis.plans import Plan, Request
from services.sentiment.analysis.tasks import Unjudged
from services.sentiment.analysis.texts import Analyst, Judged
from services.sentiment.arrivals import Prepared, RecordOutcome, ScoredNews
from services.sentiment.config import SentimentSettings
from services.sentiment.news import News, decode
from services.sentiment.silence import SilenceWatch
from services.sentiment.store import NewsStore
from shared.clock import Clock
from shared.errors import DependencyError
from shared.models.tasks import Priority
from shared.streaming.application import StoredBatch
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import NO_TASK, DecodeError
from shared.streaming.handler import BatchTooLargeError
from shared.streaming.message import Record

AnswerT = TypeVar("AnswerT")

_TEXTS_A_CALL = 128
"""A batch is asked for in several calls at once: while the trunk computes one, the next is already
being tokenised there."""

_CHARACTERS_A_SECOND = 10_000
"""What even a slow trunk reads: the more a batch asks, the more time it is given."""

_MAX_BATCH_CHARACTERS = 2_000_000
"""What a batch of several records may ask: a text is read again for each entity in it."""

_CHECK_TIMEOUT_S = 5.0


class NewsRecords:
    """`shared.streaming.application.Application` for news.

    The trunk is called on `loop`, which another thread runs.
    """

    def __init__(
        self,
        settings: SentimentSettings,
        analyst: Analyst,
        store: NewsStore,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._analyst = analyst
        self._store = store
        self._loop = loop
        self._silence = SilenceWatch(clock, idle_after_s=settings.processor.idle_after_s)
        self._stopping = threading.Event()
        self._cancel: Callable[[], bool] | None = None

    def decode(self, record: Record, arrived_at: float) -> News:
        """See `services.sentiment.news.decode`.

        Raises:
            DecodeError: the record cannot be used.
        """
        return decode(record, arrived_at=arrived_at, max_ahead_s=self._settings.max_ahead_s)

    def complete(self, decoded: Sequence[tuple[Record, News]]) -> list[ScoredNews | DecodeError]:
        """Has the texts of a batch judged together.

        A text in a language whose tasks the trunk lacks cannot be used: no other model judges it.

        Raises:
            BatchTooLargeError: the texts with their entities are too much to judge at once.
            PlatformError: the trunk does not answer, or refuses: see `Analyst.judge`.
        """
        judged = self._judged([news for _, news in decoded])
        return [
            DecodeError(NO_TASK, str(one))
            if isinstance(one, Unjudged)
            else ScoredNews(record, news, one)
            for (record, news), one in zip(decoded, judged, strict=True)
        ]

    def store(self, prepared: Sequence[Prepared], progress: StreamProgress) -> StoredBatch:
        """Stores a batch; see `NewsStore.store`."""
        busy = {item.record.partition for item in prepared}
        stored = self._store.store(prepared, progress, self._silence.idle(progress, busy))
        fresh = sum(stored.outcomes.values()) - stored.outcomes[RecordOutcome.REPEATED]
        return StoredBatch(fresh, stored.messages)

    def idle(self, progress: StreamProgress) -> Iterator[int]:
        """Marks the partitions idle where nothing comes, and applies what that frees."""
        silences = self._silence.silences(progress)
        while (stored := self._store.settle(progress, silences)) is not None:
            yield stored.messages
            if stored.is_drained:
                return

    def check(self) -> None:
        """Returns if the trunk judges a word; see `Analyst.check`."""
        tag = self._settings.tag_stream
        self._asked_of_trunk(self._analyst.check(_CHECK_TIMEOUT_S, tag=tag))

    def cancel(self) -> None:
        """Ends a call to the trunk that is under way: its batch is read again."""
        self._stopping.set()
        if (cancel := self._cancel) is not None:
            cancel()

    def _judged(self, news: Sequence[News]) -> list[Judged]:
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
            raise DependencyError("the stream is being stopped: the batch is read again") from None
        finally:
            self._cancel = None

    async def _analyzed(self, plans: Sequence[Plan], timeout_s: float) -> list[Judged]:
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
