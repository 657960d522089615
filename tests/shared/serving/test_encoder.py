"""The encoder around its model: sharing, order, refusals, aliases."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.artifacts.aliases import CHAMPION
from shared.clock import Clock, ManualClock
from shared.errors import (
    ArtifactError,
    DeadlineError,
    DependencyError,
    InputError,
    NotFoundError,
    OverloadedError,
    PlatformError,
    TextTooLongError,
)
from shared.models.bundle import HEAD_FILE
from shared.models.registry import Registry, open_registry
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Priority,
    TaskCall,
    TaskKind,
    TaskOutput,
)
from shared.serving.batching import ClassSettings, QueueSettings
from shared.serving.encoder import Encoder, EncoderSettings
from shared.telemetry import REGISTRY
from tests.harness.fake_runner import FakeRunner, make_bundle
from tests.harness.waiting import until

APP = "test"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = open_registry(tmp_path / "models", shipped=None)
    make_bundle(registry, "embed")
    make_bundle(registry, "intent", TaskKind.CLASSIFY)
    return registry


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def make_encoder(runner: FakeRunner, registry: Registry) -> Iterator[Callable[..., Encoder]]:
    made: list[Encoder] = []

    def make(
        settings: EncoderSettings | None = None, *, clock: Clock | None = None, threads: int = 1
    ) -> Encoder:
        settings = settings or EncoderSettings(alias_poll_s=0.01)
        made.append(Encoder(runner, registry, settings, clock, threads=threads))
        return made[-1]

    yield make
    runner.gate.set()
    for encoder in made:
        encoder.close()


@pytest.fixture
def encoder(make_encoder: Callable[..., Encoder]) -> Encoder:
    return make_encoder()


def embed(*texts: str, truncate: bool = False) -> TaskCall:
    return TaskCall("embed", texts, truncate)


def refused(reason: str) -> float:
    labels = {"app": APP, "reason": reason}
    return REGISTRY.get_sample_value("banyan_encode_refused_total", labels) or 0.0


async def hold_model(
    encoder: Encoder, runner: FakeRunner, priority: Priority
) -> "asyncio.Task[list[TaskOutput]]":
    """Lets a batch begin and holds it up inside the model until `runner.gate` is set."""
    runner.gate.clear()
    held = asyncio.create_task(encoder.encode([embed("held")], app=APP, priority=priority))
    await asyncio.to_thread(runner.entered.acquire)
    return held


async def test_one_call_with_several_tasks_is_answered_in_order(encoder: Encoder) -> None:
    calls = [embed("a", "bcd"), TaskCall("intent", ["a"]), embed("ef")]
    first, second, third = await encoder.encode(calls, app=APP)
    assert isinstance(first, EmbedOutput)
    assert first.vectors[:, 0].tolist() == [1, 3]
    assert first.tokens == 4
    assert isinstance(second, ClassifyOutput)
    assert second.probabilities.shape == (1, 2)
    assert isinstance(third, EmbedOutput)
    assert third.vectors[:, 0].tolist() == [2]


async def test_no_calls_and_no_inputs_are_answered(encoder: Encoder) -> None:
    assert await encoder.encode([], app=APP) == []
    (output,) = await encoder.encode([embed()], app=APP)
    assert isinstance(output, EmbedOutput)
    assert output.vectors.shape == (0, 2)


async def test_many_inputs_come_back_in_order(encoder: Encoder) -> None:
    texts = ["x" * (1 + (7 * i) % 50) for i in range(1000)]
    (output,) = await encoder.encode([embed(*texts)], app=APP)
    assert isinstance(output, EmbedOutput)
    assert output.vectors[:, 0].tolist() == [len(text) for text in texts]


async def test_rows_of_all_callers_and_tasks_share_a_batch(
    encoder: Encoder, runner: FakeRunner
) -> None:
    held = await hold_model(encoder, runner, Priority.INTERACTIVE)
    waiting = [
        asyncio.create_task(encoder.encode([embed("one")], app="a")),
        asyncio.create_task(encoder.encode([TaskCall("intent", ["two"])], app="b")),
    ]
    await until(lambda: encoder.waiting_rows(Priority.INTERACTIVE) == 2)
    runner.gate.set()
    await asyncio.gather(held, *waiting)
    assert sorted(runner.batches[1]) == ["one", "two"]


async def test_people_are_served_between_the_layers_of_a_bulk_batch(
    encoder: Encoder, runner: FakeRunner
) -> None:
    bulk = await hold_model(encoder, runner, Priority.BULK)
    person = asyncio.create_task(encoder.encode([embed("person")], app=APP))
    await until(lambda: encoder.waiting_rows(Priority.INTERACTIVE) == 1)
    runner.gate.set()
    await asyncio.gather(bulk, person)
    assert runner.batches == [["person"], ["held"]]


async def test_people_wait_for_people(encoder: Encoder, runner: FakeRunner) -> None:
    first = await hold_model(encoder, runner, Priority.INTERACTIVE)
    second = asyncio.create_task(encoder.encode([embed("second")], app=APP))
    await until(lambda: encoder.waiting_rows(Priority.INTERACTIVE) == 1)
    runner.gate.set()
    await asyncio.gather(first, second)
    assert runner.batches == [["held"], ["second"]]


async def test_idle_threads_divide_a_call(
    make_encoder: Callable[..., Encoder], runner: FakeRunner
) -> None:
    encoder = make_encoder(threads=2)
    runner.gate.clear()
    texts = [letter * 100 for letter in "abcd"]
    call = asyncio.create_task(encoder.encode([embed(*texts, "e")], app=APP))
    for _ in range(2):
        assert await asyncio.to_thread(runner.entered.acquire, timeout=60)
    runner.gate.set()
    (output,) = await call
    assert isinstance(output, EmbedOutput)
    assert output.vectors[:, 0].tolist() == [100, 100, 100, 100, 1]


async def test_a_thread_is_kept_for_people_while_they_ask(
    make_encoder: Callable[..., Encoder], runner: FakeRunner
) -> None:
    clock = ManualClock()
    encoder = make_encoder(clock=clock, threads=2)
    await encoder.encode([embed("person")], app=APP)
    assert runner.entered.acquire(timeout=60)
    first = await hold_model(encoder, runner, Priority.STREAM)
    second = asyncio.create_task(
        encoder.encode([embed("second")], app=APP, priority=Priority.STREAM)
    )
    await until(lambda: encoder.waiting_rows(Priority.STREAM) == 1)
    person = asyncio.create_task(encoder.encode([embed("again")], app=APP))
    assert await asyncio.to_thread(runner.entered.acquire, timeout=60)
    assert encoder.waiting_rows(Priority.INTERACTIVE) == 0
    assert encoder.waiting_rows(Priority.STREAM) == 1
    runner.gate.set()
    await asyncio.gather(first, second, person)
    assert encoder.waiting_rows(Priority.STREAM) == 0


async def test_a_batch_of_others_makes_way_for_one_of_people(
    make_encoder: Callable[..., Encoder], runner: FakeRunner
) -> None:
    encoder = make_encoder(threads=2)
    person = await hold_model(encoder, runner, Priority.INTERACTIVE)
    other = asyncio.create_task(encoder.encode([embed("bulk")], app=APP, priority=Priority.BULK))
    assert await asyncio.to_thread(runner.entered.acquire, timeout=60)
    runner.gate.set()
    await asyncio.gather(person, other)
    assert runner.batches == [["held"], ["bulk"]]


async def test_all_threads_serve_anybody_once_people_have_gone(
    make_encoder: Callable[..., Encoder], runner: FakeRunner
) -> None:
    clock = ManualClock()
    encoder = make_encoder(clock=clock, threads=2)
    await encoder.encode([embed("person")], app=APP)
    assert runner.entered.acquire(timeout=60)
    clock.advance(10)
    first = await hold_model(encoder, runner, Priority.STREAM)
    second = await hold_model(encoder, runner, Priority.STREAM)
    runner.gate.set()
    await asyncio.gather(first, second)


async def test_a_cancelled_caller_withdraws_its_rows(encoder: Encoder, runner: FakeRunner) -> None:
    before = refused("cancelled")
    held = await hold_model(encoder, runner, Priority.INTERACTIVE)
    gone = asyncio.create_task(encoder.encode([embed("gone", "too")], app=APP))
    await until(lambda: encoder.waiting_rows(Priority.INTERACTIVE) == 2)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert encoder.waiting_rows(Priority.INTERACTIVE) == 0
    runner.gate.set()
    await held
    assert runner.batches == [["held"]]
    assert refused("cancelled") == before + 2


async def test_a_caller_waits_no_longer_than_its_time(encoder: Encoder, runner: FakeRunner) -> None:
    before = refused("deadline")
    held = await hold_model(encoder, runner, Priority.INTERACTIVE)
    with pytest.raises(DeadlineError, match=r"within 0\.01 s"):
        await encoder.encode([embed("late")], app=APP, timeout_s=0.01)
    runner.gate.set()
    await held
    assert runner.batches == [["held"]]
    assert refused("deadline") == before + 1


async def test_a_full_room_refuses(
    make_encoder: Callable[..., Encoder], runner: FakeRunner
) -> None:
    narrow = ClassSettings(share=0.5, max_waiting_tokens=10, max_waiting_rows=3)
    encoder = make_encoder(EncoderSettings(queue=QueueSettings(interactive=narrow)))
    before = refused("overloaded")
    held = await hold_model(encoder, runner, Priority.INTERACTIVE)
    waiting = asyncio.create_task(encoder.encode([embed("abcdefghij")], app=APP))
    await until(lambda: encoder.waiting_rows(Priority.INTERACTIVE) == 1)
    with pytest.raises(OverloadedError, match="limit of 3 texts or 10 tokens"):
        await encoder.encode([embed("a")], app=APP)
    with pytest.raises(OverloadedError):
        await encoder.encode([embed("a", "b", "c")], app=APP)
    bulk = asyncio.create_task(encoder.encode([embed("b")], app=APP, priority=Priority.BULK))
    await until(lambda: encoder.waiting_rows(Priority.BULK) == 1)
    runner.gate.set()
    await asyncio.gather(held, waiting, bulk)
    assert refused("overloaded") == before + 4
    await encoder.encode([embed("a", "b", "c")], app=APP)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (embed("a", "b", "c"), "3 inputs; at most 2"),
        (embed("x" * 101), "101 characters; at most 100"),
        (TaskCall("embed", [("x" * 60, "x" * 60)]), "120 characters; at most 100"),
        (embed("x" * 80, "x" * 80), "160 characters; at most 150"),
    ],
)
async def test_what_is_too_large_is_refused_with_its_limit(
    make_encoder: Callable[..., Encoder], call: TaskCall, message: str
) -> None:
    encoder = make_encoder(
        EncoderSettings(max_request_inputs=2, max_text_characters=100, max_request_characters=150)
    )
    before = refused("invalid")
    with pytest.raises(InputError, match=message):
        await encoder.encode([call], app=APP)
    assert refused("invalid") == before + len(call.inputs)


async def test_a_long_text_is_refused_unless_it_may_be_cut(encoder: Encoder) -> None:
    text = "word " * 100
    with pytest.raises(TextTooLongError):
        await encoder.encode([embed(text)], app=APP)
    (output,) = await encoder.encode([embed(text, truncate=True)], app=APP)
    assert output.tokens == 128
    assert encoder.waiting_rows(Priority.INTERACTIVE) == 0


async def test_a_batch_that_fails_fails_its_callers_only(
    encoder: Encoder, runner: FakeRunner
) -> None:
    runner.failing = True
    with pytest.raises(PlatformError, match="the model failed"):
        await encoder.encode([embed("a")], app=APP)
    runner.failing = False
    await encoder.encode([embed("b")], app=APP)
    assert encoder.is_alive
    assert not encoder.faults


@pytest.mark.parametrize("name", ["nothing", "embed@000000000000", "@", "a@../../b", "\ud800"])
async def test_an_unknown_name_is_not_found(encoder: Encoder, name: str) -> None:
    with pytest.raises(NotFoundError):
        await encoder.encode([TaskCall(name, ["a"])], app=APP)


async def test_a_bundle_is_loaded_when_it_is_named(encoder: Encoder, registry: Registry) -> None:
    other = make_bundle(registry, "embed", seed="b", champion=False)
    (output,) = await encoder.encode([TaskCall(other.id, ["a"])], app=APP)
    assert output.bundle == other.id
    (output,) = await encoder.encode([embed("a")], app=APP)
    assert output.bundle != other.id


async def test_a_new_champion_takes_over_and_calls_under_way_keep_the_old(
    encoder: Encoder, runner: FakeRunner, registry: Registry
) -> None:
    old = registry.resolve("embed")
    held = asyncio.create_task(_first_bundle(encoder, runner))
    await asyncio.to_thread(runner.entered.acquire)
    new = make_bundle(registry, "embed", seed="b")
    await until(lambda: encoder.champions["embed"].id == new.id)
    runner.gate.set()
    assert await held == old
    (output,) = await encoder.encode([embed("a")], app=APP)
    assert output.bundle == new.id


async def _first_bundle(encoder: Encoder, runner: FakeRunner) -> str:
    runner.gate.clear()
    (output,) = await encoder.encode([embed("held")], app=APP)
    return output.bundle


async def test_a_champion_for_another_backbone_leaves_the_old_one_serving(
    encoder: Encoder, registry: Registry
) -> None:
    old = registry.resolve("embed")
    foreign = make_bundle(registry, "embed", seed="b", backbone_sha256="f" * 64)
    await until(lambda: "embed" in encoder.faults)
    assert foreign.id in encoder.faults["embed"]
    assert "another backbone" in encoder.faults["embed"]
    (output,) = await encoder.encode([embed("a")], app=APP)
    assert output.bundle == old
    with pytest.raises(ArtifactError, match="another backbone"):
        await encoder.encode([TaskCall(foreign.id, ["a"])], app=APP)
    registry.set_alias("embed", CHAMPION, old)
    await until(lambda: not encoder.faults)


async def test_a_corrupt_champion_at_the_start_spares_the_other_tasks(
    make_encoder: Callable[..., Encoder], registry: Registry
) -> None:
    intent = registry.bundle(registry.resolve("intent"))
    (intent.folder / HEAD_FILE).write_text("flipped")
    encoder = make_encoder()
    assert "corrupt" in encoder.faults["intent"]
    await encoder.encode([embed("a")], app=APP)
    with pytest.raises(NotFoundError, match="corrupt"):
        await encoder.encode([TaskCall("intent", ["a"])], app=APP)


async def test_malformed_aliases_change_nothing(encoder: Encoder, registry: Registry) -> None:
    (registry.root / "aliases.json").write_text("{")
    await until(lambda: "aliases" in encoder.faults)
    await encoder.encode([embed("a"), TaskCall("intent", ["a"])], app=APP)


async def test_a_task_without_champion_goes(encoder: Encoder, registry: Registry) -> None:
    shutil.rmtree(registry.root)
    await until(lambda: not encoder.champions)
    with pytest.raises(NotFoundError):
        await encoder.encode([embed("a")], app=APP)


async def test_closing_tells_those_who_wait(
    make_encoder: Callable[..., Encoder], runner: FakeRunner
) -> None:
    encoder = make_encoder()
    held = await hold_model(encoder, runner, Priority.INTERACTIVE)
    waiting = asyncio.create_task(encoder.encode([embed("a")], app=APP))
    await until(lambda: encoder.waiting_rows(Priority.INTERACTIVE) == 1)
    closing = asyncio.create_task(asyncio.to_thread(encoder.close))
    with pytest.raises(DependencyError, match="stopping"):
        await waiting
    runner.gate.set()
    await asyncio.gather(held, closing)
    with pytest.raises(DependencyError, match="stopping"):
        await encoder.encode([embed("a")], app=APP)


async def test_what_was_computed_is_counted(encoder: Encoder) -> None:
    await encoder.encode([embed("one two", "three")], app="counted")
    bundle = encoder.champions["embed"].id
    labels = {"app": "counted", "task": "embed", "bundle": bundle}
    assert REGISTRY.get_sample_value("banyan_encode_tokens_total", labels) == 12
    assert REGISTRY.get_sample_value("banyan_encode_duration_seconds_count", labels) == 1
    assert REGISTRY.get_sample_value("banyan_queue_tokens", {"priority": "interactive"}) == 0
