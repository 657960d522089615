"""Evaluates a bundle on a file, or on its task's frozen evaluation set.

    python -m pipelines.evaluate --config FILE [--set key=value ...]
    python -m pipelines.evaluate --set bundle=support-intent data=more.csv

Writes `evaluation.json`, a page `evaluation.html` that holds its plots, and a card `README.md`.
"""

import sys

from rich.console import Console

from pipelines.command import CommandLine
from shared.models.threads import share_cores
from shared.training.evaluation.settings import EvaluateSettings


def run(settings: EvaluateSettings, command: str, console: Console) -> int:
    """Evaluates, writes the report and prints the figures."""
    share_cores()
    from shared.training.evaluation.evaluating import evaluate, figures_table
    from shared.training.evaluation.report import HTML_FILE, write_report

    evaluated = evaluate(settings)
    folder = settings.folder(evaluated.bundle.id)
    write_report(folder, evaluated)
    console.print(figures_table(evaluated))
    cost = evaluated.cost
    console.print(
        f"{cost.inputs:,} inputs, {cost.texts_per_s:,.0f}/s; one takes "
        f"{cost.latency_p50_ms:.1f} ms (p99 {cost.latency_p99_ms:.1f} ms)"
    )
    console.print(f"the report: {folder / HTML_FILE}", markup=False)
    return 0


main = CommandLine("evaluate", EvaluateSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
