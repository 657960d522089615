"""A teacher's scores of lists: what its head gives for each document, before it is calibrated."""

from collections.abc import Iterable, Sequence

import numpy as np

from shared.errors import InputError
from shared.models.bundle import Bundle
from shared.models.runners import Runners
from shared.models.tasks import Float32s, TaskKind
from shared.training.data.candidates import Candidates
from shared.training.evaluation.answering import head_outputs
from shared.training.settings import OptimisationSettings


def check_teacher(bundle: Bundle) -> None:
    """Refuses a teacher whose kind is not the student's.

    Raises:
        InputError: it is of another kind than `score`.
    """
    if bundle.manifest.kind is not TaskKind.SCORE:
        raise InputError(
            f"{bundle.id} is of kind {bundle.manifest.kind}, and only a teacher of kind score "
            "scores documents: name one"
        )


def teacher_scores(
    runners: Runners, teacher: Bundle, lists: Sequence[Candidates], batch_tokens: int
) -> list[Float32s]:
    """The logits [k] of each list's documents, in the order of `Candidates.documents`.

    Raises:
        InputError: a logit is not finite, so that nothing can be learned from it.
    """
    pairs = [(each.query, document) for each in lists for document in each.documents]
    logits = head_outputs(runners, teacher, pairs, batch_tokens)[:, 0]
    if len(broken := np.flatnonzero(~np.isfinite(logits))):
        query, document = pairs[broken[0]]
        raise InputError(
            f"{teacher.id} gives {logits[broken[0]]} to {document[:60]!r} of {query[:60]!r}, where "
            "a finite number is expected: train the teacher again, or run it in "
            "backbone.precision=float32"
        )
    edges = np.cumsum([len(each.documents) for each in lists])
    return np.split(logits, edges[:-1])


def agreement(lists: Sequence[Candidates], scores: Sequence[Float32s]) -> float | None:
    """The share of the lists with an answer of which the teacher puts one first; None: no such."""
    right = [
        int(of_list.argmax()) < len(each.positives)
        for each, of_list in zip(lists, scores, strict=True)
        if each.positives
    ]
    return float(np.mean(right)) if right else None


def taught_by(optimisation: OptimisationSettings, examples: Iterable[object]) -> tuple[str, ...]:
    """For the card, who taught on which terms; empty where no teacher has weight."""
    if not optimisation.teacher_weight:
        return ()
    teachers = {each.teacher for each in examples if isinstance(each, Candidates)}
    named = ", ".join(sorted(each for each in teachers if each)) or "a teacher without a name"
    return (
        f"scores of {named} were learned from beside the labels: weight "
        f"{optimisation.teacher_weight:g}, temperature {optimisation.teacher_temperature:g}",
    )
