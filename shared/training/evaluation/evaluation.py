"""What bundles are worth on a set: their figures with intervals, and what they cost."""

import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from shared.metrics.bootstrap import Interval
from shared.models.bundle import Bundle
from shared.models.runners import Runners
from shared.training.evaluation.answering import Answered, answer, latencies_ms
from shared.training.evaluation.judgement import Judgement
from shared.training.evaluation.sets import EvaluationSet
from shared.training.evaluation.settings import JudgingSettings

_LATENCY_INPUTS = 100
_MEBIBYTE = 1 << 20


class Cost(BaseModel, frozen=True, extra="forbid"):
    """What a bundle takes on this machine.

    `texts_per_s` counts inputs in batches, from texts to answers. The latencies are those of one
    input at a time. `peak_memory_mib` is the process's, with the backbone.
    """

    inputs: int
    tokens: int
    texts_per_s: float
    tokens_per_s: float
    latency_p50_ms: float
    latency_p99_ms: float
    peak_memory_mib: float
    bundle_bytes: int


@dataclass(frozen=True)
class Evaluated:
    """What one bundle is worth on one set."""

    bundle: Bundle
    data: str
    judgement: Judgement
    figures: dict[str, Interval]
    cost: Cost


def evaluate_bundles(
    runners: Runners, bundles: Sequence[Bundle], data: EvaluationSet, settings: JudgingSettings
) -> list[Evaluated]:
    """Lets loaded bundles answer one after another; for the latency they take turns.

    Raises:
        InputError: an input is not what a bundle reads.
    """
    inputs = data.evaluation.inputs
    sample = [inputs[index] for index in _latency_sample(inputs)]
    took_ms = latencies_ms(runners, bundles, sample)
    evaluated = []
    for bundle in bundles:
        answered = answer(
            runners, bundle, inputs, settings.batch_tokens, queries=data.evaluation.queries
        )
        judgement = data.evaluation.judge(answered.output, bundle.manifest)
        evaluated.append(
            Evaluated(
                bundle=bundle,
                data=data.name,
                judgement=judgement,
                figures=judgement.intervals(settings.resamples),
                cost=_cost_of(bundle, answered, len(inputs), took_ms[bundle.id]),
            )
        )
    return evaluated


def _latency_sample(inputs: Sequence[object]) -> list[int]:
    """Which inputs the latency is measured on: at most a hundred, spread over all."""
    count = min(_LATENCY_INPUTS, len(inputs))
    return [int(place) for place in np.linspace(0, len(inputs) - 1, count)]


def _cost_of(bundle: Bundle, answered: Answered, inputs: int, took_ms: Sequence[float]) -> Cost:
    """The cost of answers that were given and timed."""
    p50, p99 = np.quantile(took_ms, (0.5, 0.99))
    return Cost(
        inputs=inputs,
        tokens=answered.output.tokens,
        texts_per_s=inputs / answered.seconds,
        tokens_per_s=answered.output.tokens / answered.seconds,
        latency_p50_ms=float(p50),
        latency_p99_ms=float(p99),
        peak_memory_mib=_peak_bytes() / _MEBIBYTE,
        bundle_bytes=sum(f.stat().st_size for f in bundle.folder.rglob("*") if f.is_file()),
    )


def _peak_bytes() -> int:
    """The most memory that this process has held; Linux counts it in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
