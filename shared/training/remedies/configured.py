"""The remedies that a configuration may name, and whether they fit a run."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from shared.models.bundle import Method
from shared.models.tasks import TaskKind
from shared.training.remedies.adversarial import Adversarial
from shared.training.remedies.augment.back_translation import BackTranslation
from shared.training.remedies.augment.masked_words import MaskedWords
from shared.training.remedies.augment.misspellings import Misspellings
from shared.training.remedies.augment.random_edits import RandomEdits
from shared.training.remedies.augment.synonyms import Synonyms
from shared.training.remedies.augment.typing_errors import TypingErrors
from shared.training.remedies.mixup import Mixup

Remedy = Annotated[
    Adversarial
    | BackTranslation
    | MaskedWords
    | Misspellings
    | Mixup
    | RandomEdits
    | Synonyms
    | TypingErrors,
    Field(discriminator="remedy"),
]


def remedy_faults(remedies: Sequence[Remedy], kind: TaskKind, method: Method) -> list[str]:
    """What keeps remedies from working on a run; each with what to do."""
    faults, names = [], [each.remedy for each in remedies]
    for place, each in enumerate(remedies):
        key, scope = f"remedies.{place} ({each.remedy})", each.scope
        if kind not in scope.kinds:
            faults.append(f"{key}: it works for kinds {_named(scope.kinds)}, not for {kind}")
        if method not in scope.methods:
            known = _named(scope.methods)
            faults.append(f"{key}: it works with methods {known}, not with {method}")
        if each.remedy in names[:place]:
            faults.append(f"{key}: it stands twice: keep one")
    return faults


def _named(names: frozenset[TaskKind] | frozenset[Method]) -> str:
    return ", ".join(sorted(names - {Method.NONE}))
