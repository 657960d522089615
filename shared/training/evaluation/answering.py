"""Lets a bundle answer, in this process, through the trunk's own runner.

So the figures are those of serving: its tokenizer, its precision, its adapters per row, its
decoding.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.models.backbone import Backbone
from shared.models.backbones.further import Further
from shared.models.backbones.prefixes import InputType
from shared.models.bundle import Bundle
from shared.models.rows import RowResult, Tokenized
from shared.models.runners import Runners
from shared.models.tasks import Float32s, Input, TaskCall, TaskOutput
from shared.training.evaluation.settings import BATCH_TOKENS, JudgingSettings
from shared.training.loop.batching import sorted_batches

_WARM_UP = 3


def open_runners(settings: JudgingSettings) -> Runners:
    """What runs bundles on the settings' backbones, as the trunk does.

    Raises:
        ArtifactError: a backbone's folder cannot be used.
    """
    further = [Further.locate(key, each) for key, each in settings.backbones.items()]
    return Runners(Backbone.load(settings.backbone), further=further)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to all inputs, and what they took from the texts to the answers."""

    output: TaskOutput
    seconds: float


def answer(
    runners: Runners,
    bundle: Bundle,
    inputs: Sequence[Input],
    batch_tokens: int = BATCH_TOKENS,
    *,
    queries: int | None = None,
) -> Answered:
    """Answers all inputs in batches of similar length; longer ones are cut, or a window slides.

    So many of the inputs, the first ones, are queries, and the others passages; by default all are
    queries.

    Raises:
        InputError: an input is not what the bundle's kind reads; the message has its index.
    """
    started_s = time.perf_counter()
    tokenized = _tokenized(runners, bundle, inputs, len(inputs) if queries is None else queries)
    output = runners.assemble(tokenized, _results(runners, tokenized, batch_tokens))
    return Answered(output, time.perf_counter() - started_s)


def head_outputs(
    runners: Runners, bundle: Bundle, inputs: Sequence[Input], batch_tokens: int = BATCH_TOKENS
) -> Float32s:
    """What the head gives for each input, [n, c], before anything calibrates or decides by it.

    For kinds that read a whole text in one row; longer inputs are cut.

    Raises:
        InputError: see `answer`.
    """
    tokenized = _tokenized(runners, bundle, inputs, len(inputs))
    return np.stack(_results(runners, tokenized, batch_tokens))


def _tokenized(
    runners: Runners, bundle: Bundle, inputs: Sequence[Input], queries: int
) -> Tokenized:
    asked = TaskCall(bundle.id, inputs[:queries], truncate=True, input_type=InputType.QUERY)
    tokenized = runners.tokenize(bundle.id, asked)
    if queries == len(inputs):
        return tokenized
    found = replace(asked, inputs=inputs[queries:], input_type=InputType.PASSAGE)
    return replace(
        tokenized, rows=tokenized.rows + runners.tokenize(bundle.id, found).rows, unread=None
    )


def _results(runners: Runners, tokenized: Tokenized, batch_tokens: int) -> list[RowResult]:
    """The result of each row, in order, of batches of similar length."""
    lengths = np.array([row.columns for row in tokenized.rows], np.int64)
    results: dict[int, RowResult] = {}
    for batch in sorted_batches(lengths, np.arange(len(lengths)), batch_tokens):
        found = runners.run([tokenized.rows[index] for index in batch])
        results.update(zip(batch.tolist(), found, strict=True))
    return [results[index] for index in range(len(lengths))]


def latencies_ms(
    runners: Runners, bundles: Sequence[Bundle], inputs: Sequence[Input]
) -> dict[str, list[float]]:
    """How long each bundle takes for one input at a time; they take turns on each of the inputs.

    So a machine that gets slower slows all of them.
    """
    found: dict[str, list[float]] = {bundle.id: [] for bundle in bundles}
    for place, each in enumerate([*inputs[:_WARM_UP], *inputs]):
        for bundle in bundles:
            took_s = answer(runners, bundle, [each]).seconds
            if place >= _WARM_UP:
                found[bundle.id].append(1000 * took_s)
    return found
