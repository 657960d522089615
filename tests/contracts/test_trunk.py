"""What every implementation of `Trunk` promises; here the encoder over the real backbone.

The same calls through Ray Serve are part of the end-to-end tests.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.errors import (
    ArtifactError,
    DeadlineError,
    InputError,
    NotFoundError,
    OverloadedError,
    TextTooLongError,
)
from shared.models.backbones.prefixes import InputType
from shared.models.registry import open_registry
from shared.models.tasks import ClassifyOutput, EmbedOutput, Priority, TaskCall, TaskOutput
from shared.serving.batching import ClassSettings, QueueSettings
from shared.serving.encoder import Encoder, EncoderSettings
from shared.serving.trunk import Trunk
from tests.contracts.backbone import real_runners
from tests.harness.models.encoders import write_encoder

TEXTS = ("where is my card", "I want to close my account", "a")
LONG = "word " * 1000


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trunk]:
    registry = open_registry(tmp_path_factory.mktemp("trunk"))
    encoder = Encoder(real_runners(registry), registry, EncoderSettings())
    try:
        yield encoder
    finally:
        encoder.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small random backbone, whose texts want prefixes."""
    prompts = {"query": "query: ", "passage": "passage: "}
    return write_encoder(tmp_path_factory.mktemp("further"), "bert", prompts=prompts)


@pytest.fixture
def bilingual(tiny: Path, tmp_path: Path) -> Iterator[Encoder]:
    """A trunk with a further backbone, which nobody needed yet."""
    registry = open_registry(tmp_path / "models")
    runners = real_runners(registry, {"zh": tiny})
    encoder = Encoder(runners, registry, EncoderSettings(), threads=2)
    try:
        yield encoder
    finally:
        encoder.close()


async def embed(trunk: Trunk, texts: Sequence[str], *, truncate: bool = False) -> EmbedOutput:
    (output,) = await trunk.encode([TaskCall("embed", texts, truncate)], app="test")
    assert isinstance(output, EmbedOutput)
    return output


async def test_vectors_come_in_the_order_of_the_texts(trunk: Trunk) -> None:
    together = await embed(trunk, TEXTS)
    alone = [await embed(trunk, [text]) for text in TEXTS]

    assert together.vectors.shape == (3, 384)
    assert together.vectors.dtype == np.float32
    assert np.linalg.norm(together.vectors, axis=1) == pytest.approx(1, abs=1e-3)
    assert together.tokens == sum(output.tokens for output in alone)
    rows = np.concatenate([output.vectors for output in alone])
    assert together.vectors == pytest.approx(rows, abs=1e-2)


async def test_calls_of_several_tasks_are_answered_in_order(trunk: Trunk) -> None:
    outputs = await trunk.encode(
        [
            TaskCall("support-intent", TEXTS[:1]),
            TaskCall("embed", TEXTS),
            TaskCall("support-intent", TEXTS[1:2]),
        ],
        app="test",
    )

    first, second, third = outputs
    assert isinstance(first, ClassifyOutput)
    assert isinstance(second, EmbedOutput)
    assert isinstance(third, ClassifyOutput)
    assert first.probabilities.shape == (1, 77)
    assert first.probabilities.sum() == pytest.approx(1, abs=1e-3)
    assert first.labels[first.probabilities[0].argmax()] == "card_arrival"
    assert third.labels[third.probabilities[0].argmax()] == "terminate_account"


async def test_a_bundle_is_named_and_can_be_asked_for(trunk: Trunk) -> None:
    by_task = await embed(trunk, TEXTS)
    (by_bundle,) = await trunk.encode([TaskCall(by_task.bundle, TEXTS)], app="test")

    assert by_task.bundle.startswith("embed@")
    assert by_bundle.bundle == by_task.bundle


async def test_a_call_without_inputs_has_an_answer_without_rows(trunk: Trunk) -> None:
    output = await embed(trunk, [])

    assert output.vectors.shape == (0, 384)
    assert output.tokens == 0


@pytest.mark.parametrize("task", ["nothing", "embed@000000000000", "../embed", ""])
async def test_an_unknown_task_is_not_found(trunk: Trunk, task: str) -> None:
    with pytest.raises(NotFoundError):
        await trunk.encode([TaskCall(task, ["a"])], app="test")


async def test_a_long_text_is_refused_or_cut(trunk: Trunk) -> None:
    with pytest.raises(TextTooLongError, match="256"):
        await embed(trunk, ["short", LONG])

    cut = await embed(trunk, [LONG], truncate=True)
    assert cut.tokens == 256


async def test_strange_texts_have_vectors(trunk: Trunk) -> None:
    output = await embed(trunk, ["", " ", "\0", "🙂" * 20, "ﷺ", "\u202e", "é" + "\u0301" * 50])

    assert np.isfinite(output.vectors).all()


async def test_a_deadline_that_has_passed_is_an_error(trunk: Trunk) -> None:
    with pytest.raises(DeadlineError):
        await trunk.encode([TaskCall("embed", TEXTS * 100)], app="test", timeout_s=1e-6)

    assert (await embed(trunk, TEXTS)).vectors.shape == (3, 384)


async def test_a_caller_that_goes_away_disturbs_nobody(trunk: Trunk) -> None:
    expected = await embed(trunk, TEXTS)
    gone = [asyncio.ensure_future(embed(trunk, TEXTS * 20)) for _ in range(5)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()

    output = await embed(trunk, TEXTS)

    assert all(isinstance(e, asyncio.CancelledError) for e in await _results(gone))
    assert output.vectors == pytest.approx(expected.vectors, abs=1e-2)


async def test_callers_at_once_get_each_their_own_answer(trunk: Trunk) -> None:
    texts = [f"text number {n} " + "and more " * (n % 7) for n in range(64)]
    alone = (await embed(trunk, texts)).vectors

    async def one(index: int) -> TaskOutput:
        priority = list(Priority)[index % 3]
        call = TaskCall("embed", [texts[index]])
        (output,) = await trunk.encode([call], app="test", priority=priority)
        return output

    outputs = await asyncio.gather(*map(one, range(len(texts))))

    rows = [output.vectors[0] for output in outputs if isinstance(output, EmbedOutput)]
    similarities = np.stack(rows) @ alone.T
    assert (similarities.argmax(axis=1) == np.arange(len(texts))).all()
    assert np.diag(similarities) == pytest.approx(1, abs=1e-2)


async def test_a_pair_is_read_as_one(trunk: Trunk) -> None:
    pair, first = ("where is my card", "it was sent on monday"), "where is my card"
    (output,) = await trunk.encode([TaskCall("embed", [pair, first])], app="test")

    assert isinstance(output, EmbedOutput)
    assert output.vectors.shape == (2, 384)
    assert output.vectors[0] @ output.vectors[1] < 0.95


async def test_a_further_backbone_is_loaded_when_it_is_needed(bilingual: Encoder) -> None:
    await embed(bilingual, TEXTS)
    assert [each.memory_bytes is None for each in bilingual.backbones] == [False, True]
    english, chinese, intent = await bilingual.encode(
        [
            TaskCall("embed", TEXTS),
            TaskCall("embed-zh", TEXTS, input_type=InputType.QUERY),
            TaskCall("support-intent", TEXTS[:1]),
        ],
        app="test",
    )

    assert bilingual.backbones[1].memory_bytes
    assert isinstance(english, EmbedOutput)
    assert isinstance(chinese, EmbedOutput)
    assert english.vectors.shape == (3, 384)
    assert chinese.vectors.shape == (3, 24)
    assert chinese.bundle.startswith("embed-zh@")
    assert intent.bundle.startswith("support-intent@")


async def test_texts_of_two_backbones_at_once_get_each_their_own_vectors(
    bilingual: Encoder,
) -> None:
    texts = [f"text number {n} " + "and more " * (n % 5) for n in range(30)]
    calls = [
        TaskCall(task, texts, input_type=input_type)
        for task in ("embed", "embed-zh")
        for input_type in InputType
    ]
    expected = await bilingual.encode(calls, app="test", priority=Priority.BULK)

    async def one(number: int) -> tuple[int, int, TaskOutput]:
        of, index = number % len(calls), number // len(calls)
        call = replace(calls[of], inputs=texts[index : index + 1])
        priority = list(Priority)[number % 3]
        (output,) = await bilingual.encode([call], app="test", priority=priority)
        return of, index, output

    for of, index, output in await asyncio.gather(*map(one, range(len(calls) * len(texts)))):
        alone, together = output, expected[of]
        assert isinstance(alone, EmbedOutput)
        assert isinstance(together, EmbedOutput)
        assert alone.vectors[0] == pytest.approx(together.vectors[index], abs=2e-2)
    first, second = expected[2:]
    assert isinstance(first, EmbedOutput)
    assert isinstance(second, EmbedOutput)
    assert np.abs(first.vectors - second.vectors).max() > 0.05


async def test_a_text_must_be_a_query_or_a_passage_where_a_prefix_is_needed(
    bilingual: Encoder,
) -> None:
    with pytest.raises(InputError, match="'query: ' and passages after 'passage: '"):
        await bilingual.encode([TaskCall("embed-zh", TEXTS)], app="test")


async def test_what_a_backbone_made_cannot_be_asked_of_a_trunk_without_it(
    tiny: Path, tmp_path: Path
) -> None:
    """As when an index of the one is asked while only the other is configured."""
    registry = open_registry(tmp_path / "models")
    real_runners(registry, {"zh": tiny})
    made = registry.resolve("embed-zh")
    encoder = Encoder(real_runners(registry), registry, EncoderSettings())
    try:
        assert "made for bert" in encoder.faults["embed-zh"]
        with pytest.raises(ArtifactError, match=r"made for bert \(.*, not for all-MiniLM"):
            await encoder.encode([TaskCall(made, TEXTS)], app="test")
        with pytest.raises(NotFoundError, match=r"no task 'embed-zh': .*made for bert"):
            await encoder.encode([TaskCall("embed-zh", TEXTS)], app="test")
        assert (await embed(encoder, TEXTS)).vectors.shape == (3, 384)
    finally:
        encoder.close()


async def test_a_full_queue_refuses(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "models")
    small = ClassSettings(share=0.5, max_waiting_tokens=2048, max_waiting_rows=512)
    settings = EncoderSettings(queue=QueueSettings(interactive=small))
    encoder = Encoder(real_runners(registry), registry, settings)
    try:
        calls = [asyncio.ensure_future(embed(encoder, TEXTS * 50)) for _ in range(50)]
        results = await _results(calls)
    finally:
        encoder.close()

    refused = [error for error in results if isinstance(error, OverloadedError)]
    answered = [output for output in results if isinstance(output, EmbedOutput)]
    assert len(refused) + len(answered) == len(calls)
    assert refused
    assert answered
    assert all(error.retry_after_s > 0 for error in refused)


async def _results(calls: Sequence["asyncio.Future[EmbedOutput]"]) -> list[object]:
    return list(await asyncio.gather(*calls, return_exceptions=True))
