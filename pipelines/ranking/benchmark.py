"""Measures the platform's ranking beside the baselines, on the real data sets.

    python -m pipelines.ranking.benchmark [--sets NAME ...] [--out FOLDER] [--ranker FILE] [--json]

Prints a table for each set, or all figures as JSON; `--out` gets `ranking.json` and `ranking.html`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, field_validator
from rich.console import Console

from pipelines.command import CommandLine
from pipelines.ranking.datasets import DATASETS, RankingData, read_dataset
from pipelines.ranking.embeddings import embedded
from pipelines.ranking.evaluate import Comparison, compare
from pipelines.ranking.report import as_html, as_json, table
from shared.config import Settings
from shared.files import write_atomic
from shared.ranking.events import item_text
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.rankers.ranker import LightGbmRanker
from shared.ranking.rankers.scorer import Scorer


class BenchmarkSettings(Settings):
    """Which data sets are measured, with what, and where the figures go."""

    sets: tuple[str, ...] = Field(
        tuple(DATASETS), description=f"which data sets, of {', '.join(DATASETS)}; by default, all"
    )
    ranker: Path | None = Field(None, description="a trained ranker.txt to measure as well")
    factorised: bool = Field(True, description="also ALS and BPR: needs the extra `benchmark`")
    out: Path | None = Field(None, description="the folder of ranking.json and ranking.html")
    prints_json: bool = Field(False, alias="json", description="print the figures as JSON")
    data_dir: Path = Field(Path("../shared/data"), description="where the data sets lie")
    cache: Path | None = Field(
        None, description="where vectors are kept; by default, in the state folder"
    )
    state_dir: Path = Path("var")

    @field_validator("sets")
    @classmethod
    def _known(cls, sets: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in sets if name not in DATASETS]:
            raise ValueError(
                f"there is no data set {unknown[0]!r}: choose from {', '.join(DATASETS)}"
            )
        return sets


def measure(
    data: RankingData, cache: Path, ranker: Path | None = None, *, factorised: bool = True
) -> Comparison:
    """Compares the blend, and a trained ranker if there is one, with the baselines."""
    scorers: dict[str, Scorer] = {"blend": LinearBlend()}
    if ranker is not None:
        scorers["ranker"] = LightGbmRanker.read(ranker)
    vectors = embedded([item_text(item.fields) for item in data.items], cache)
    return compare(data, vectors, scorers, factorised=factorised)


def write_report(comparisons: Sequence[Comparison], folder: Path) -> None:
    """Writes `ranking.json` and `ranking.html`."""
    write_atomic(folder / "ranking.json", as_json(comparisons).encode())
    write_atomic(folder / "ranking.html", as_html(comparisons).encode())


def run(settings: BenchmarkSettings, command: str, console: Console) -> int:
    """Measures each set; its table, or the JSON of all, goes to stdout."""
    shown = console if settings.prints_json else Console()
    comparisons: list[Comparison] = []
    for name in settings.sets:
        data = read_dataset(name, settings.data_dir)
        cache = settings.cache or settings.state_dir / "embeddings"
        comparisons.append(measure(data, cache, settings.ranker, factorised=settings.factorised))
        shown.print(table(comparisons[-1]))
    if settings.prints_json:
        sys.stdout.write(as_json(comparisons))
    if settings.out is not None:
        write_report(comparisons, settings.out)
    return 0


main = CommandLine(
    "ranking.benchmark",
    BenchmarkSettings,
    run,
    __doc__,
    section="",
    options=("sets", "ranker", "factorised", "out", "json", "data_dir", "cache"),
)

if __name__ == "__main__":
    sys.exit(main())
