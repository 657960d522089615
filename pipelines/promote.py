"""Makes a candidate the champion of its task if its gates hold on the frozen evaluation set.

    python -m pipelines.promote --config FILE [--set key=value ...]
    python -m pipelines.promote --set bundle=support-intent

The report of the candidate has the gates. A refusal names each gate with its figures and changes
nothing; a promotion leaves its evidence beside the aliases. Running replicas notice a new champion
within 2 s and go on with the old one until it is loaded.
"""

import sys

from rich.console import Console

from pipelines.command import CommandLine
from shared.models.threads import share_cores
from shared.training.evaluation.settings import PromoteSettings

_EXIT_REFUSED = 1


def run(settings: PromoteSettings, command: str, console: Console) -> int:
    """Promotes or refuses, and says why."""
    share_cores()
    from shared.training.publish.promoting import promote

    return 0 if promote(settings, command=command, console=console) else _EXIT_REFUSED


main = CommandLine("promote", PromoteSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
