"""Makes every champion that depends on another backbone anew for this one.

    python -m pipelines.rebase --set backbone.source=FOLDER
    python -m pipelines.rebase --set backbone.source=owner/model backbone.revision=COMMIT

Each is trained by the command and the configuration of its manifest, and becomes the candidate of
its task. The report has the dev figures before and after, and both on the task's frozen evaluation
set. A task whose data or configuration is gone is named with the reason. After an interruption the
same command continues; promotion is a command of its own.
"""

import sys
from collections.abc import Sequence

from rich.console import Console

from pipelines.command import run_pipeline
from pipelines.rebasing.settings import RebaseSettings
from shared.config import Values
from shared.models.threads import share_cores


def main(argv: Sequence[str] | None = None, overrides: Values | None = None) -> int:
    """Runs the pipeline; returns the process's exit status, 1 also where a task was not made."""
    return run_pipeline(RebaseSettings, "rebase", __doc__, argv, run, overrides)


def run(settings: RebaseSettings, command: str, console: Console) -> int:
    """Makes the candidates and says what each task gained and lost."""
    share_cores()
    from pipelines.rebasing.rebasing import rebase

    outcomes = rebase(settings, console=console)
    return 0 if all(outcome.after is not None for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
