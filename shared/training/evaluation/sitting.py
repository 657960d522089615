"""Bundles sit an exam: they answer, the answers are judged, and what they took is measured."""

from collections.abc import Sequence

from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.errors import ConflictError, NotFoundError
from shared.models.bundle import Bundle
from shared.models.registry import Registry
from shared.models.runners import Runners
from shared.training.evaluation.answering import answer, latencies_ms
from shared.training.evaluation.evaluation import Evaluated, cost_of, latency_sample
from shared.training.evaluation.exams import Exam
from shared.training.evaluation.settings import JudgingSettings


def sit(
    runners: Runners,
    bundles: Sequence[Bundle],
    exam: Exam,
    *,
    data: str,
    settings: JudgingSettings,
) -> list[Evaluated]:
    """Lets loaded bundles answer one after another; for the latency they take turns.

    Raises:
        InputError: an input is not what a bundle reads.
    """
    inputs = exam.inputs
    sample = [inputs[index] for index in latency_sample(inputs)]
    took_ms = latencies_ms(runners, bundles, sample)
    evaluated = []
    for bundle in bundles:
        answered = answer(runners, bundle, inputs, settings.batch_tokens)
        judgement = exam.judge(answered.output, bundle.manifest)
        evaluated.append(
            Evaluated(
                bundle=bundle,
                data=data,
                judgement=judgement,
                figures=judgement.intervals(settings.resamples),
                cost=cost_of(bundle, answered, len(inputs), took_ms[bundle.id]),
            )
        )
    return evaluated


def find_bundle(registry: Registry, name: str, *aliases: str) -> Bundle:
    """The bundle of an id, or the first of the aliases that a task has.

    Raises:
        NotFoundError: there is no such bundle, or the task has none of the aliases.
        ArtifactError: it is corrupt.
    """
    if "@" in name:
        return registry.bundle(name)
    named = registry.aliases().get(name, {})
    for alias in aliases:
        if alias in named:
            return registry.bundle(registry.resolve(name, alias))
    has = f"it has {', '.join(sorted(named))}" if named else "`banyan models` lists the tasks"
    raise NotFoundError(f"the task {name[:100]!r} has no {' and no '.join(aliases)}: {has}")


def find_champion(registry: Registry, task: str) -> Bundle | None:
    """The champion of a task, or None where it has none."""
    if CHAMPION not in registry.aliases().get(task, {}):
        return None
    return registry.bundle(registry.resolve(task))


def find_candidate(registry: Registry, name: str) -> Bundle:
    """The bundle that shall become the champion of its task.

    Raises:
        ConflictError: it is that already.
    """
    bundle = find_bundle(registry, name, CANDIDATE)
    champion = find_champion(registry, bundle.manifest.task)
    if champion is not None and champion.id == bundle.id:
        raise ConflictError(f"{bundle.id} is the champion of {bundle.manifest.task} already")
    return bundle
