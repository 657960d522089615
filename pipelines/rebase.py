"""Rebuilds every champion that depends on another backbone for this one.

    python -m pipelines.rebase --set backbone.source=FOLDER
    python -m pipelines.rebase --set backbone.source=owner/model backbone.revision=COMMIT

Each is trained by the command and the configuration of its manifest, and becomes the candidate of
its task. The report has the dev figures before and after, and both on the task's frozen evaluation
set. A task whose data or configuration is missing is named with the reason. After an interruption
the same command continues; promotion is another command.
"""

import sys

from rich.console import Console

from pipelines.command import CommandLine
from pipelines.rebasing.settings import RebaseSettings
from shared.models.threads import share_cores


def run(settings: RebaseSettings, command: str, console: Console) -> int:
    """Makes the candidates and says what each task gained and lost."""
    share_cores()
    from pipelines.rebasing.rebasing import rebase

    outcomes = rebase(settings, console=console)
    return 0 if all(outcome.after is not None for outcome in outcomes) else 1


main = CommandLine("rebase", RebaseSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
