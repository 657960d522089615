"""Returns a task to the champion before the present one; done twice, it is as it was.

python -m pipelines.rollback --set task=support-intent
"""

import sys
import time
from pathlib import Path

from rich.console import Console

from pipelines.command import CommandLine
from shared.artifacts.aliases import CHAMPION
from shared.config import Settings
from shared.errors import ConflictError, NotFoundError
from shared.models.bundle import TaskName
from shared.training.publish.history import change_champion, promoting
from shared.training.publish.publishing import open_registry


class RollbackSettings(Settings):
    """Which task, in which registry."""

    task: TaskName
    registry: Path | None = None
    state_dir: Path = Path("var")


def _run(settings: RollbackSettings, command: str, console: Console) -> int:
    before, now = rollback(settings, command=command)
    console.print(f"{now} is the champion of {settings.task} again, and {before} the one before")
    return 0


def rollback(settings: RollbackSettings, *, command: str) -> tuple[str, str]:
    """Swaps the champion with the one before it; returns what it was and what it is.

    Raises:
        NotFoundError: the task has no champion.
        ConflictError: there was none before it.
        ArtifactError: the one before is corrupt or gone; nothing is changed.
    """
    registry = open_registry(settings.registry or settings.state_dir / "models")
    with promoting(registry.root):
        named = registry.aliases().get(settings.task, {}).get(CHAMPION)
        if named is None:
            raise NotFoundError(
                f"the task {settings.task} has no champion: `banyan models` lists the tasks"
            )
        if named.previous is None:
            raise ConflictError(
                f"{named.bundle} is the first champion of {settings.task}: there is none before it"
            )
        evidence = {"action": "rollback", "command": command}
        change_champion(
            registry, named.previous, before=named.bundle, evidence=evidence, at_s=time.time()
        )
        return named.bundle, named.previous


main = CommandLine("rollback", RollbackSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
