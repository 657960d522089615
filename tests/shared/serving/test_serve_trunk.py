"""The trunk through a handle: messages of bounded size, errors as they were raised."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import ActorUnavailableError, RayTaskError
from ray.serve.exceptions import BackPressureError

from shared.errors import (
    DeadlineError,
    DependencyError,
    InputError,
    OverloadedError,
    TextTooLongError,
)
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Priority,
    ScoreOutput,
    Span,
    SpanOutput,
    TagOutput,
    TaskCall,
    TaskOutput,
)
from shared.serving.serve_trunk import (
    MAX_MESSAGE_CHARACTERS,
    MAX_MESSAGE_INPUTS,
    ServeTrunk,
    join,
    split,
)

Answer = Callable[[Sequence[TaskCall]], list[TaskOutput]]


def lengths(calls: Sequence[TaskCall]) -> list[TaskOutput]:
    """Embeds every text as its length."""
    return [
        EmbedOutput(
            call.task if "@" in call.task else f"{call.task}@{'0' * 12}",
            len(call.inputs),
            np.asarray([[len(text)] for text in call.inputs], np.float32).reshape(-1, 1),
        )
        for call in calls
    ]


class FakeHandle:
    """Answers each message by the next of its answers, the last one for ever."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers) or [lengths]
        self.sent: list[tuple[list[TaskCall], str, Priority, float | None]] = []

    @property
    def encode(self) -> "FakeHandle":
        return self

    def remote(
        self, calls: Sequence[TaskCall], app: str, priority: Priority, timeout_s: float | None
    ) -> Awaitable[list[TaskOutput]]:
        self.sent.append((list(calls), app, priority, timeout_s))
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)

        async def respond() -> list[TaskOutput]:
            if isinstance(answer, Exception):
                raise answer
            return answer(calls)

        return respond()


def raised(cause: Exception, *, dual: bool = True) -> Exception:
    """What Ray raises at the caller for an error in the deployment, in both of its forms."""
    error: Exception = RayTaskError("encode", "", cause)  # type: ignore[no-untyped-call]
    return error.as_instanceof_cause() if dual else error  # type: ignore[attr-defined]


def vectors(output: TaskOutput) -> list[float]:
    assert isinstance(output, EmbedOutput)
    return [float(x) for x in output.vectors[:, 0]]


async def test_a_short_call_is_one_message() -> None:
    handle = FakeHandle()
    calls = [TaskCall("embed", ["a", "bc"]), TaskCall("embed", ["def"])]
    outputs = await ServeTrunk(handle).encode(
        calls, app="support", priority=Priority.STREAM, timeout_s=500
    )
    assert [vectors(output) for output in outputs] == [[1, 2], [3]]
    ((sent, app, priority, timeout_s),) = handle.sent
    assert (sent, app, priority) == (calls, "support", Priority.STREAM)
    assert timeout_s == pytest.approx(500, abs=50)


async def test_a_long_call_is_cut_and_joined_and_keeps_its_bundle() -> None:
    handle = FakeHandle()
    texts = ["x" * (i % 7) for i in range(3 * MAX_MESSAGE_INPUTS - 10)]
    outputs = await ServeTrunk(handle).encode(
        [TaskCall("embed", ["a"]), TaskCall("embed", texts, truncate=True)], app="support"
    )
    assert vectors(outputs[0]) == [1]
    assert vectors(outputs[1]) == [len(text) for text in texts]
    assert outputs[1].tokens == len(texts)
    named = [[call.task for call in calls] for calls, *_ in handle.sent]
    assert named == [["embed", "embed"], ["embed@000000000000"], ["embed@000000000000"]]
    assert handle.sent[2][0][0].truncate


async def test_no_calls_are_no_message() -> None:
    handle = FakeHandle()
    assert await ServeTrunk(handle).encode([], app="support") == []
    assert handle.sent == []


@given(st.lists(st.lists(st.integers(0, 2 * MAX_MESSAGE_CHARACTERS), max_size=600), max_size=4))
def test_messages_hold_every_input_once_and_keep_their_bounds(sizes: list[list[int]]) -> None:
    calls = [TaskCall(f"t{i}", [_Sized(n) for n in row]) for i, row in enumerate(sizes)]
    messages = list(split(calls))
    joined: list[list[object]] = [[] for _ in calls]
    for message in messages:
        inputs = [text for _, call in message for text in call.inputs]
        assert len(inputs) <= MAX_MESSAGE_INPUTS
        assert len(inputs) == 1 or sum(map(len, inputs)) <= MAX_MESSAGE_CHARACTERS
        for index, call in message:
            assert call.task == f"t{index}"
            joined[index] += call.inputs
    assert joined == [list(call.inputs) for call in calls]
    assert {index for message in messages for index, _ in message} == set(range(len(calls)))


class _Sized(str):
    """A text that says how long it is without being so."""

    def __new__(cls, size: int) -> "_Sized":
        return super().__new__(cls, str(size))

    def __len__(self) -> int:
        return int(str(self))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (raised(TextTooLongError("300 tokens"), dual=False), TextTooLongError),
        (raised(InputError("bad", param="x")), InputError),
        (raised(ValueError("secret\ntrace")), DependencyError),
        (BackPressureError(5, 5), OverloadedError),
        (ActorUnavailableError("gone", None), DependencyError),
    ],
)
async def test_errors_are_the_platforms_own(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        await ServeTrunk(FakeHandle(error)).encode([TaskCall("embed", ["a"])], app="support")
    assert type(caught.value) is expected
    assert "trace" not in str(caught.value)


async def test_attributes_of_errors_survive() -> None:
    error = raised(OverloadedError("full", retry_after_s=7.0))
    with pytest.raises(OverloadedError) as caught:
        await ServeTrunk(FakeHandle(error)).encode([TaskCall("embed", ["a"])], app="support")
    assert caught.value.retry_after_s == 7.0


async def test_a_call_is_sent_again_when_its_replica_died() -> None:
    handle = FakeHandle(ActorUnavailableError("gone", None), lengths)
    (output,) = await ServeTrunk(handle).encode([TaskCall("embed", ["abc"])], app="support")
    assert vectors(output) == [3]
    assert len(handle.sent) == 2


async def test_silence_ends_at_the_callers_limit() -> None:
    class Silent(FakeHandle):
        def remote(self, *_: object) -> Awaitable[list[TaskOutput]]:
            return asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlineError, match="no answer within"):
        await ServeTrunk(Silent()).encode([TaskCall("embed", ["a"])], app="support", timeout_s=0.01)


def test_every_kind_of_output_is_joined() -> None:
    one, two = np.ones((1, 2), np.float32), np.zeros((2, 2), np.float32)
    span = Span(0, 1, "ORG", 0.5)
    classified = join(
        [ClassifyOutput("c", 1, ("a", "b"), one), ClassifyOutput("c", 2, ("a", "b"), two)]
    )
    assert isinstance(classified, ClassifyOutput)
    assert classified.probabilities.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert classified.tokens == 3
    embedded = join(
        [EmbedOutput("e", 1, one), EmbedOutput("e", 2, two, np.array([0.5, 1], np.float32))]
    )
    assert isinstance(embedded, EmbedOutput)
    assert embedded.unread is not None
    assert embedded.unread.tolist() == [0, 0.5, 1]
    read = join([EmbedOutput("e", 1, one), EmbedOutput("e", 2, two)])
    assert isinstance(read, EmbedOutput)
    assert read.unread is None
    scored = join([ScoreOutput("s", 1, one[0]), ScoreOutput("s", 1, two[0])])
    assert isinstance(scored, ScoreOutput)
    assert scored.scores.tolist() == [1, 1, 0, 0]
    tagged = join([TagOutput("t", 1, ((span,),)), TagOutput("t", 1, ((), ()))])
    assert isinstance(tagged, TagOutput)
    assert tagged.spans == ((span,), (), ())
    found = join([SpanOutput("p", 1, (span,), one[0, :1]), SpanOutput("p", 1, (None,), two[0, :1])])
    assert isinstance(found, SpanOutput)
    assert found.answers == (span, None)
    assert found.no_answer.tolist() == [1, 0]
