"""Measures the platform's ranking beside the baselines, on the real data sets.

    python -m pipelines.ranking.benchmark [--sets NAME ...] [--out FOLDER] [--ranker FILE]

Prints a table for each set; `--out` gets `ranking.json` and `ranking.html`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipelines.command import ended
from pipelines.ranking.datasets import DATASETS, RankingData, read_dataset
from pipelines.ranking.embeddings import embedded
from pipelines.ranking.evaluate import Comparison, compare
from pipelines.ranking.report import as_html, as_json, table
from shared.files import write_atomic
from shared.ranking.events import item_text
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.rankers.ranker import LightGbmRanker
from shared.ranking.rankers.scorer import Scorer


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


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the arguments and measures; returns the process's exit status."""
    arguments = _parser().parse_args(argv)
    console = Console()
    comparisons: list[Comparison] = []

    def run() -> int:
        for name in arguments.sets:
            data = read_dataset(name, arguments.data_dir)
            comparisons.append(
                measure(
                    data, arguments.cache, arguments.ranker, factorised=not arguments.no_factorised
                )
            )
            console.print(table(comparisons[-1]))
        if arguments.out is not None:
            write_report(comparisons, arguments.out)
        return 0

    return ended(run, Console(stderr=True))


def _parser() -> argparse.ArgumentParser:
    state_dir = Path(os.environ.get("BANYAN_STATE_DIR", "var"))
    data_dir = Path(os.environ.get("BANYAN_DATA_DIR", "../shared/data"))
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.ranking.benchmark", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--sets", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--data-dir", type=Path, default=data_dir)
    parser.add_argument("--cache", type=Path, default=state_dir / "embeddings")
    parser.add_argument("--out", type=Path, help="the folder of ranking.json and ranking.html")
    parser.add_argument("--ranker", type=Path, help="a trained ranker.txt to measure as well")
    parser.add_argument("--no-factorised", action="store_true", help="without ALS and BPR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
