"""Each side of retrieval alone, and their fusion: `python -m tests.benchmarks.bench_retrieval`.

Sides and fusion are ranked by document. `--sets N` takes the first N sets, `--only NAME` those
whose name begins so; `--cache DIR` keeps the vectors for the next run. `--bundle FOLDER` embeds by
a bundle of kind `embed` instead of the untouched backbone. `--passages N` prints instead what an
index of N made-up passages costs: a write, the first search after it, searches, memory.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tests.benchmarks.measures.index_cost import print_cost
from tests.harness.real_trunk import bundle_id, real_trunk
from tests.harness.support.data import retrieval_sets
from tests.harness.support.figures import SIDES, is_no_worse, measure


async def compare(sets: int, only: Sequence[str], cache: Path | None, bundle: Path | None) -> int:
    """Prints the table; 1 where the fusion is below its better half on any set."""
    print(f"{'set':28}{'queries':>8}  " + "  ".join(f"{s + ' hit@1/MRR/nDCG':>26}" for s in SIDES))
    worse = 0
    task = "embed" if bundle is None else bundle_id(bundle)
    async with real_trunk(cache, bundle) as trunk:
        for data in islice(retrieval_sets(), sets):
            if only and not data.name.startswith(tuple(only)):
                continue
            figures = await measure(data, trunk, task)
            cells = ("/".join(f"{value:.3f}" for value in figures[side]) for side in SIDES)
            verdict = "" if is_no_worse(figures) else "  below its better half"
            worse += bool(verdict)
            line = "  ".join(f"{cell:>26}" for cell in cells)
            print(f"{data.name:28}{len(data.queries):8}  {line}{verdict}", flush=True)
    return min(worse, 1)


def main() -> int:
    """Reads the arguments and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=6)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--passages", type=int)
    given = parser.parse_args()
    if given.passages is not None:
        print_cost(given.passages)
        return 0
    return asyncio.run(compare(given.sets, given.only, given.cache, given.bundle))


if __name__ == "__main__":
    sys.exit(main())
