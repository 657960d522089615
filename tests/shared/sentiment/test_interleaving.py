"""Watermark and detector together: what fires depends on the log, not on how it arrives."""

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.labels import LABELS, Label
from shared.sentiment.surge import (
    Mention,
    SurgeDetector,
    SurgeState,
    Transition,
)
from shared.sentiment.watermark import PartitionTime, effective_time, watermark
from tests.shared.sentiment.test_surge import START, TOUCHY

ENTITIES = ("Brevanor Foods", "Kestwick Airways")


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    event_time: float
    entity: str
    label: Label


@dataclass
class Follower:
    """What a stream host does with records, in memory: apply what the watermark passes."""

    partitions: int
    detector: SurgeDetector = field(default_factory=lambda: SurgeDetector(TOUCHY))
    times: dict[int, float] = field(default_factory=dict)
    waiting: list[tuple[float, Record]] = field(default_factory=list)
    states: defaultdict[str, SurgeState] = field(default_factory=lambda: defaultdict(SurgeState))
    found: defaultdict[str, list[Transition]] = field(default_factory=lambda: defaultdict(list))

    def take(self, batch: list[Record], *, idle: bool = False) -> None:
        for record in batch:
            at = effective_time(
                self.times.get(record.partition), record.event_time, latest=record.event_time
            )
            self.times[record.partition] = at
            self.waiting.append((at, record))
        mark = watermark(
            PartitionTime(number, self.times.get(number), idle) for number in range(self.partitions)
        )
        if mark.time is None:
            return
        self.waiting.sort(key=lambda item: (item[0], item[1].partition, item[1].offset))
        passed = [item for item in self.waiting if mark.passes(item[0])]
        del self.waiting[: len(passed)]
        for at, record in passed:
            mention = Mention(at, record.label, 0.9, f"{record.partition}/{record.offset}")
            state = self.states[record.entity]
            self.found[record.entity] += self.detector.observe(state, mention)
        for entity, state in self.states.items():
            self.found[entity] += self.detector.advance(state, mark.time)


@st.composite
def logs(draw: st.DrawFn) -> list[list[Record]]:
    """Three partitions; event times mostly go forward, and sometimes back."""
    log: list[list[Record]] = []
    for partition in range(3):
        at = START
        records: list[Record] = []
        for offset in range(draw(st.integers(0, 25))):
            at += draw(st.sampled_from([0.0, 30.0, 60.0, 240.0, 2_000.0, -100.0]))
            entity = draw(st.sampled_from(ENTITIES))
            label = draw(st.sampled_from([*LABELS, "negative", "negative"]))
            records.append(Record(partition, offset, at, entity, label))
        log.append(records)
    return log


@given(logs(), st.data())
def test_any_interleaving_and_any_batches_give_the_same(
    log: list[list[Record]], data: st.DataObject
) -> None:
    whole = Follower(partitions=3)
    whole.take([record for partition in log for record in partition])
    whole.take([], idle=True)

    pieces = Follower(partitions=3)
    order = data.draw(st.permutations([n for n, records in enumerate(log) for _ in records]))
    sources = [iter(records) for records in log]
    batch: list[Record] = []
    for partition in order:
        batch.append(next(sources[partition]))
        if data.draw(st.booleans()):
            pieces.take(batch)
            batch = []
    pieces.take(batch)
    pieces.take([], idle=True)

    assert pieces.found == whole.found
    assert pieces.states == whole.states
    assert not pieces.waiting
    assert not whole.waiting
