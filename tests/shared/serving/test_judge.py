"""The judge's budget: what is judged first, and how much under load."""

from collections.abc import Sequence

import numpy as np
import pytest

from shared.clock import ManualClock
from shared.errors import ArtifactError, OverloadedError
from shared.retrieval.index import Hit, Index
from shared.serving.judge import LEAST_PAIRS, Judge
from shared.telemetry import REGISTRY
from tests.harness.entries import BUNDLE, WIDTH, embedded, query
from tests.harness.support.fakes import FakeTrunk

INDEX = Index.empty(BUNDLE, WIDTH).replaced(
    1, (), [embedded(f"d{n:02}", f"Title {n}", f"Text of {n}.") for n in range(20)]
)


def found(count: int) -> Sequence[Hit]:
    return INDEX.search([query("text")], count)


class SlowTrunk(FakeTrunk):
    """Turns the clock by `pair_ms` for each pair."""

    def __init__(self, clock: ManualClock, pair_ms: float) -> None:
        super().__init__()
        self.clock = clock
        self.pair_ms = pair_ms
        self.judge_logits = lambda question, passage: float(len(question))

    def on_call(self, inputs: int) -> None:
        self.clock.advance(inputs * self.pair_ms / 1000)


def judge_of(trunk: FakeTrunk, clock: ManualClock, budget_ms: float = 40.0) -> Judge:
    return Judge(trunk, "support-judge", budget_ms, clock, "support")


async def test_logits_stand_where_their_pair_stands() -> None:
    clock = ManualClock()
    trunk = SlowTrunk(clock, 4.0)

    judgement = await judge_of(trunk, clock).judge(["abc | d", "d"], found(4), 1.0)

    assert judgement.bundle == trunk.judge_bundle
    assert judgement.left_out == 0
    assert judgement.logits == pytest.approx(np.array([[7.0] * 4, [1.0] * 4]), abs=1e-3)
    (call,) = trunk.calls[-1]
    assert (call.task, call.truncate) == ("support-judge", True)
    best = found(4)[0].entry
    assert ("d", f"{best.title} › {best.passages[0].text}") in call.inputs


async def test_the_best_passages_are_judged_first_and_the_question_in_context_before() -> None:
    clock = ManualClock()
    trunk = SlowTrunk(clock, 4.0)

    judgement = await judge_of(trunk, clock).judge(["q", "r"], found(20), 1.0)

    judged = ~np.isnan(judgement.logits)
    assert judged.sum() == 20
    assert judgement.left_out == 20
    in_context, alone = judged.sum(axis=1)
    assert in_context > alone > 0
    assert judged[0, :in_context].all()
    assert judged[1, :alone].all()


async def test_a_slower_trunk_judges_fewer_and_never_less_than_the_least() -> None:
    clock = ManualClock()
    trunk = SlowTrunk(clock, 4.0)
    judge = judge_of(trunk, clock)

    async def judged() -> int:
        judgement = await judge.judge(["q"], found(20), 100.0)
        return int((~np.isnan(judgement.logits)).sum())

    assert await judged() == 10
    trunk.pair_ms = 400.0
    under_load = [await judged() for _ in range(30)]
    trunk.pair_ms = 1.0
    after = [await judged() for _ in range(60)]

    assert under_load == sorted(under_load, reverse=True)
    assert under_load[-1] == LEAST_PAIRS
    assert after[-1] == 20


async def test_what_was_judged_and_left_out_is_counted() -> None:
    clock = ManualClock()
    judge = judge_of(SlowTrunk(clock, 4.0), clock)

    def counted(outcome: str) -> float:
        labels = {"app": "support", "outcome": outcome}
        return REGISTRY.get_sample_value("banyan_judge_pairs_total", labels) or 0.0

    before = [counted("judged"), counted("left_out")]
    await judge.judge(["q"], found(12), 1.0)

    assert [counted("judged") - before[0], counted("left_out") - before[1]] == [10, 2]


async def test_a_task_that_is_missing_judges_nothing_and_is_asked_for_again_later() -> None:
    clock = ManualClock()
    trunk = FakeTrunk()
    judge = judge_of(trunk, clock)

    missing = await judge.judge(["q"], found(3), 1.0)
    trunk.judge_logits = lambda question, passage: 1.0
    early = await judge.judge(["q"], found(3), 1.0)
    clock.advance(2.0)
    later = await judge.judge(["q"], found(3), 1.0)

    assert [each.bundle for each in (missing, early, later)] == [None, None, trunk.judge_bundle]
    assert np.isnan(missing.logits).all()


async def test_another_kind_of_task_and_a_full_trunk_are_errors() -> None:
    trunk = FakeTrunk()
    trunk.judge_logits = lambda question, passage: 1.0
    with pytest.raises(ArtifactError, match="not a score task: name one in `judge_task`"):
        await Judge(trunk, "embed", 40.0, ManualClock(), "support").judge(["q"], found(1), 1.0)
    trunk.error = OverloadedError("full", retry_after_s=1.0)
    with pytest.raises(OverloadedError):
        await judge_of(trunk, ManualClock()).judge(["q"], found(1), 1.0)


async def test_nothing_found_is_nothing_to_judge() -> None:
    trunk = FakeTrunk()
    judgement = await judge_of(trunk, ManualClock()).judge(["q"], (), 1.0)
    assert (judgement.logits.shape, trunk.calls) == ((1, 0), [])
