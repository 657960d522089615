"""What remedies buy and cost: python -m pipelines.study --config FILE [--set key=value ...]

Trains the base configuration without its remedies, with each of them alone and with all of them,
over several seeds on Ray Train, and compares them on every set that decides nothing. Writes
`study.json`, a table `study.md` and a page `study.html` with plots; each difference is paired over
seeds, has an interval, and is said to help, to harm, or not to be shown. After an interruption the
same command continues with what is not trained yet.
"""

import sys

from rich.console import Console
from rich.table import Table

from pipelines.command import CommandLine
from pipelines.studying.settings import StudySettings
from shared.models.threads import share_cores


def run(settings: StudySettings, command: str, console: Console) -> int:
    """Trains what is left, measures, and writes the report."""
    share_cores()
    from pipelines.studying.measuring import measure
    from pipelines.studying.report import HEADS, HTML_FILE, Study, table_rows, write_report
    from pipelines.studying.training import train_all
    from pipelines.studying.variants import plan, study_folder
    from shared.training.loop.run_folder import locked

    planned = plan(settings)
    folder = study_folder(settings, planned)
    with locked(folder):
        runs = len(planned) * len(settings.seeds)
        console.print(f"{runs} runs of {len(planned)} variants; in {folder}", markup=False)
        trained = train_all(planned, settings.seeds, folder, command, console)
        study = Study(planned, settings.seeds, measure(settings, trained), command)
        write_report(folder, study)
    table = Table(*HEADS)
    for row in table_rows(study):
        table.add_row(*row)
    console.print(table)
    console.print(f"the report: {folder / HTML_FILE}", markup=False)
    return 0


main = CommandLine("study", StudySettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
