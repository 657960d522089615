"""The table of all kinds of tasks."""

from typing import Any

from shared.models.tasks import TaskKind
from shared.training.tasks.classify.kind import CLASSIFY, CLASSIFY_SEVERAL
from shared.training.tasks.embed.kind import EMBED
from shared.training.tasks.kind import Kind
from shared.training.tasks.score.kind import SCORE
from shared.training.tasks.span.kind import SPAN
from shared.training.tasks.tag.kind import TAG

KINDS: tuple[Kind[Any], ...] = (CLASSIFY, CLASSIFY_SEVERAL, TAG, SPAN, SCORE, EMBED)

_BY_NAME = {(kind.name, kind.multi_label): kind for kind in KINDS}


def find_kind(name: TaskKind, multi_label: bool = False) -> Kind[Any] | None:
    """The kind of a name; None where it does not know several labels."""
    return _BY_NAME.get((name, multi_label))


def kind_of(name: TaskKind, multi_label: bool = False) -> Kind[Any]:
    """The kind of what is trained or stored already.

    Raises:
        KeyError: it does not know several labels.
    """
    return _BY_NAME[name, multi_label]
