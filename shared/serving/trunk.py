"""How an application calls the trunk."""

from collections.abc import Sequence
from typing import Protocol

from shared.models.tasks import Priority, TaskCall, TaskOutput


class Trunk(Protocol):
    """The encoder that all applications share, wherever it runs."""

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        """Answers every call, in order; rows of all calls and of all applications share batches.

        `app` names the caller in metrics; `timeout_s` is how long it will wait.

        Raises:
            NotFoundError: a task or bundle is not known.
            TextTooLongError: a text is too long and `truncate` is off.
            OverloadedError: the queue is full.
            DeadlineError: `timeout_s` passed.
            DependencyError: the trunk does not answer.
        """
