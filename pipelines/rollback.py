"""Returns a task to the champion before the present one; done twice, it is as it was.

python -m pipelines.rollback --set task=support-intent
"""

import sys
import time
from pathlib import Path

from rich.console import Console

from pipelines.command import CommandLine
from shared.artifacts.promotion import roll_back
from shared.config import Settings
from shared.models.bundle import TaskName
from shared.models.registry import open_registry


class RollbackSettings(Settings):
    """Which task, in which registry."""

    task: TaskName
    registry: Path | None = None
    state_dir: Path = Path("var")


def _run(settings: RollbackSettings, command: str, console: Console) -> int:
    registry = open_registry(settings.registry or settings.state_dir / "models")
    before, now = roll_back(registry, settings.task, command=command, at_s=time.time())
    console.print(f"{now} is the champion of {settings.task} again, and {before} the one before")
    return 0


main = CommandLine("rollback", RollbackSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
