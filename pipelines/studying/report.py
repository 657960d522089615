"""A study as JSON, as a table in Markdown, and as one HTML page with its plots."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.studying.comparing import Difference, Verdict
from pipelines.studying.measuring import Measured
from pipelines.studying.variants import Variant
from shared.files import write_atomic
from shared.training.evaluation.html_page import render
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.evaluation.plots import differences_plot

JSON_FILE, HTML_FILE, TABLE_FILE = "study.json", "study.html", "study.md"
HEADS = ("variant", "set", "figure", "mean", "difference", "95 % interval", "")


@dataclass(frozen=True, slots=True)
class Study:
    """A study that has ended."""

    planned: Sequence[Variant]
    seeds: Sequence[int]
    measured: Measured
    command: str

    @property
    def task(self) -> str:
        """The task that was trained."""
        return self.planned[0].settings.task


def write_report(folder: Path, study: Study) -> None:
    """Writes the three files; each is replaced whole."""
    write_atomic(folder / JSON_FILE, f"{json.dumps(_plain(study), indent=2)}\n".encode())
    write_atomic(folder / TABLE_FILE, "\n".join([*_markdown(study), ""]).encode())
    write_atomic(folder / HTML_FILE, _page(study).encode())


def table_rows(study: Study) -> list[tuple[str, ...]]:
    """Of every variant, set and figure: mean over seeds, difference, interval, verdict."""
    first = study.planned[0].name
    return [
        (
            row.variant,
            row.data,
            METRIC_NAMES[each.metric],
            f"{each.value:.4f}",
            *(("", "", "") if row.variant == first else _apart(each)),
        )
        for row in study.measured.rows
        for each in row.differences
    ]


def _apart(each: Difference) -> tuple[str, str, str]:
    apart = each.apart
    return f"{apart.value:+.4f}", f"{apart.low:+.4f} to {apart.high:+.4f}", each.verdict.value


def _plain(study: Study) -> dict[str, Any]:
    return {
        "task": study.task,
        "command": study.command,
        "seeds": list(study.seeds),
        "variants": {
            each.name: {
                "remedies": [one.model_dump(mode="json") for one in each.settings.remedies],
                "method": each.settings.method.value,
            }
            for each in study.planned
        },
        "rows": [asdict(row) for row in study.measured.rows],
        "costs": [asdict(each) for each in study.measured.costs],
    }


def _markdown(study: Study) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in (HEADS, *table_rows(study))]
    return [f"# {_title(study)}", "", lines[0], "|---" * len(HEADS) + "|", *lines[1:]]


def _title(study: Study) -> str:
    return f"{study.task}: a study over {len(study.seeds)} seeds"


def _page(study: Study) -> str:
    return render(
        Path(__file__).parent / "study.html.jinja",
        title=_title(study),
        first=study.planned[0].name,
        plots=_plots(study),
        heads=HEADS,
        rows=table_rows(study),
        verdicts={Verdict.HELPS.value: "holds", Verdict.HARMS.value: "fails"},
        cost_heads=("variant", "median of one input", "to the first", "size of the bundle"),
        costs=[
            (
                each.variant,
                f"{each.latency_p50_ms:.2f} ms",
                f"{each.latency_of_first:.2f}",
                f"{each.bundle_mb:.2f} MB",
            )
            for each in study.measured.costs
        ],
        variants=[(each.name, _described(each)) for each in study.planned],
        command=study.command,
        intervals="Differences are means over the seeds of paired differences, each seed's run "
        "against the same seed's run without; the intervals are of 95 %, by the bootstrap over "
        "seeds and units. A verdict is given where the interval leaves 0 out.",
    )


def _described(variant: Variant) -> str:
    parts = [
        f"{each.remedy} ({settings})" if (settings := _settings(each)) else each.remedy
        for each in variant.settings.remedies
    ]
    return "; ".join(parts) or "no remedy"


def _settings(remedy: Any) -> str:
    values = remedy.model_dump(mode="json", exclude={"remedy"}, exclude_defaults=True)
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _plots(study: Study) -> list[tuple[str, str]]:
    """A plot of each figure on each set: its name as a caption, and the SVG."""
    others = {each.name for each in study.planned[1:]}
    found: dict[tuple[str, str], dict[str, Difference]] = {}
    for row in study.measured.rows:
        for each in row.differences:
            if row.variant in others:
                found.setdefault((row.data, each.metric), {})[row.variant] = each
    return [
        (
            f"{METRIC_NAMES[metric]} on {data}",
            differences_plot(
                f"{data} {metric}", {name: each.apart for name, each in by_variant.items()}
            ),
        )
        for (data, metric), by_variant in found.items()
    ]
