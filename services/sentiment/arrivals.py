"""What a micro-batch adds to the database, decided from the batch and what is there already."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.sentiment.analysis.scores import Analysis, Score
from services.sentiment.news import News
from shared.sentiment.watermark import PartitionTime, Silence, effective_time, is_late
from shared.sentiment.windows import ALL_NEWS, WindowCounts, WindowKey, WindowMention, count
from shared.storage.identifiers import new_id
from shared.streaming.dead_letters import DeadLetter
from shared.streaming.ledger.writer import DEAD, NOBODY, Entry, origin
from shared.streaming.message import Record

LATE = "late"
"""How late records are counted, beside their outcome."""

Row = dict[str, object]


class RecordOutcome(StrEnum):
    """What became of a record. A `conflict` is a duplicate with another text; both change nothing.

    `repeated` was read before and is in no table a second time.
    """

    SCORED = "scored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DEAD = DEAD
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class ScoredNews:
    """A record that could be read, and what its text says."""

    record: Record
    news: News
    analysis: Analysis


Prepared = ScoredNews | DeadLetter


@dataclass(slots=True)
class PartitionRow:
    """How far a partition is stored, and its event time.

    `silent_since` and `silent_until` are the stretch in which its owner saw that nothing came.
    """

    partition: int
    next_offset: int = 0
    end_offset: int = 0
    max_event_time: float | None = None
    idle: bool = False
    silent_since: float | None = None
    silent_until: float | None = None

    @property
    def time(self) -> PartitionTime:
        """What the watermark needs of it."""
        silence = None
        if self.silent_since is not None and self.silent_until is not None:
            silence = Silence(self.silent_since, self.silent_until)
        return PartitionTime(self.partition, self.max_event_time, self.idle, silence)


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """An article that has an id already."""

    uid: str
    text: str


@dataclass(slots=True)
class Arrivals:
    """Rows to insert, and the windows to add to."""

    entries: list[Entry] = field(default_factory=list)
    articles: list[Row] = field(default_factory=list)
    mentions: list[Row] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    conflicts: list[ScoredNews] = field(default_factory=list)
    ahead: list[ScoredNews] = field(default_factory=list)
    counted: list[WindowMention] = field(default_factory=list)
    outcomes: dict[RecordOutcome, int] = field(
        default_factory=lambda: dict.fromkeys(RecordOutcome, 0)
    )
    late: int = 0

    @property
    def windows(self) -> dict[WindowKey, WindowCounts]:
        """What the new mentions add to each window."""
        return count(self.counted)

    @property
    def counted_late(self) -> Counter[tuple[str, str]]:
        """Those that came late, by tenant."""
        return Counter((str(row["tenant"]), LATE) for row in self.articles if row["late"])


class Arriving:
    """Takes a batch's items in the order of the log and changes the partitions' rows in place.

    The items are those that were not read before; `articles` are known by tenant and id.
    """

    def __init__(
        self,
        articles: Mapping[tuple[str, str], KnownArticle],
        passed: Callable[[Record], PartitionRow],
        *,
        allowed_lateness_s: float,
        max_skew_s: float,
        now_s: float,
    ) -> None:
        self._articles = dict(articles)
        self._row_passed = passed
        self._allowed_lateness_s = allowed_lateness_s
        self._max_skew_s = max_skew_s
        self._now_s = now_s
        self._result = Arrivals()

    def take(self, items: Sequence[Prepared]) -> Arrivals:
        """What all items together add."""
        for item in items:
            if isinstance(item, DeadLetter):
                self._take_dead(item)
            else:
                self._take_news(item)
        return self._result

    def _take_dead(self, item: DeadLetter) -> None:
        self._passed(item.record)
        self._note(item.record, NOBODY, RecordOutcome.DEAD, None)
        self._result.dead.append(item)

    def _take_news(self, item: ScoredNews) -> None:
        record, news = item.record, item.news
        row = self._passed(record)
        latest = record.arrived_at(self._now_s) + self._max_skew_s
        # A duplicate has a date as well: it moves event time on, whichever of the two comes first.
        effective_at = effective_time(row.max_event_time, news.published_at, latest=latest)
        row.max_event_time = effective_at
        if news.published_at > latest:
            self._result.ahead.append(item)
        first = self._articles.get((news.tenant, news.id))
        if first is not None:
            is_conflict = first.text != news.text
            outcome = RecordOutcome.CONFLICT if is_conflict else RecordOutcome.DUPLICATE
            if is_conflict:
                self._result.conflicts.append(item)
            self._note(record, news.tenant, outcome, first.uid)
            return
        uid = new_id()
        self._articles[news.tenant, news.id] = KnownArticle(uid, news.text)
        late = is_late(news.published_at, effective_at, allowed_lateness_s=self._allowed_lateness_s)
        self._result.late += late
        self._note(record, news.tenant, RecordOutcome.SCORED, uid)
        self._add_article(item, uid, effective_at, late=late)

    def _add_article(self, item: ScoredNews, uid: str, effective_at: float, *, late: bool) -> None:
        record, news, result = item.record, item.news, self._result
        result.articles.append(
            {
                "uid": uid,
                "tenant": news.tenant,
                "id": news.id,
                "source": news.source,
                "text": news.text,
                "published_at": news.published_at,
                "effective_at": effective_at,
                "late": late,
                **origin(record),
                **_score(item.analysis.score),
            }
        )
        self._count(news, ALL_NEWS, item.analysis.score, late=late)
        for one in item.analysis.entities:
            self._count(news, one.found.entity, one.score, late=late)
            result.mentions.append(
                {
                    "article": uid,
                    "tenant": news.tenant,
                    "entity": one.found.entity,
                    "start": one.found.start,
                    "end": one.found.end,
                    **_score(one.score),
                    "effective_at": effective_at,
                    "partition": record.partition,
                    "offset": record.offset,
                    # The detector has gone past it: it corrects the windows alone.
                    "applied": late,
                }
            )

    def _count(self, news: News, entity: str, score: Score, *, late: bool) -> None:
        mention = WindowMention(news.tenant, entity, news.published_at, score.label, late)
        self._result.counted.append(mention)

    def _passed(self, record: Record) -> PartitionRow:
        row = self._row_passed(record)
        row.idle = False
        row.silent_since = row.silent_until = None
        return row

    def _note(
        self, record: Record, tenant: str, outcome: RecordOutcome, article: str | None
    ) -> None:
        self._result.outcomes[outcome] += 1
        arrived_at = record.arrived_at(self._now_s)
        own = {"tenant": tenant, "article": article, "arrived_at": arrived_at}
        self._result.entries.append(Entry(record, outcome.value, tenant, own))


def _score(score: Score) -> Row:
    return {
        "label": score.label,
        "negative": score.negative,
        "neutral": score.neutral,
        "positive": score.positive,
        "bundle": score.bundle,
    }
