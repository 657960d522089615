"""Makes the confidence that ships: `python -m tests.benchmarks.calibrate_support`.

Each question of the sets goes to its own knowledge base, where the best document is right or
wrong, and each set's questions also to a knowledge base that cannot answer them, where it is
always wrong. `pipelines.calibration` fits the constants, each knowledge base being a domain.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from rich.console import Console

from pipelines.calibration.calibrating import EvidenceBundles, ThresholdRule, calibrate, publish
from pipelines.calibration.report import print_report
from services.support.answers.encoding import INTENT_WEIGHT
from services.support.confidence import SHIPPED
from shared.errors import NotFoundError
from shared.models.tasks import EMBED_TASK, ClassifyOutput, Priority, TaskCall
from shared.retrieval.calibrations import CalibrationQuestion, open_calibrations
from shared.retrieval.confidence import evidence_of
from shared.retrieval.index import Index, Query
from shared.serving.trunk import Trunk
from tests.harness.data import DATA
from tests.harness.real_trunk import bundle_id, real_trunk
from tests.harness.support.data import (
    RetrievalSet,
    build_index,
    doc2dial,
    embed_queries,
    help_centre,
    rows,
    stackfaq,
)

COMMAND = "python -m tests.benchmarks.calibrate_support"
QUESTIONS = 800
INTENT_TASK = "support-intent"


async def ask_all(trunk: Trunk, embed_task: str) -> list[CalibrationQuestion]:
    """Every pairing of questions and knowledge bases."""
    helps, faq, pages = help_centre(), stackfaq(), doc2dial()
    sets = (helps, faq, pages)
    indexes = {s.name: await build_index(trunk, s.documents, embed_task) for s in sets}
    strangers = [
        RetrievalSet("clinc150 oos_train", (), _texts("support/clinc150.oos_train.jsonl"), ()),
        RetrievalSet("clinc150 val, not banking", (), _other_domains(), ()),
    ]
    pairs: list[tuple[RetrievalSet, RetrievalSet]] = [(s, s) for s in (helps, faq, pages)]
    pairs += [(s, helps) for s in (*strangers, faq, pages)]
    pairs += [(helps, faq), (strangers[1], faq), (helps, pages), (faq, pages)]
    found: list[CalibrationQuestion] = []
    for asked, of in pairs:
        found += await _ask(trunk, asked, indexes[of.name], of.name, asked is of)
    return found


def _texts(path: str) -> list[str]:
    return [row["text"] for row in rows(path)]


def _other_domains() -> list[str]:
    """Without the questions of bank customers, many of which the sample does answer."""
    domains = orjson.loads((DATA / "support" / "clinc150.domains.json").read_bytes())
    near = {*domains["banking"], *domains["credit_cards"]}
    return [row["text"] for row in rows("support/clinc150.val.jsonl") if row["label"] not in near]


async def _ask(
    trunk: Trunk, data: RetrievalSet, index: Index, domain: str, own: bool
) -> list[CalibrationQuestion]:
    step = max(1, len(data.queries) // QUESTIONS)
    numbers = range(0, len(data.queries), step)
    questions = [data.queries[number] for number in numbers]
    vectors = await embed_queries(trunk, index, questions)
    intents = await _intents(trunk, questions) if index.labels else [None] * len(questions)
    found: list[CalibrationQuestion] = []
    for number, question, vector, scores in zip(numbers, questions, vectors, intents, strict=True):
        hits = index.search([Query(question, vector)], 10, label_scores=scores)
        evidence = evidence_of(hits, index, question, has_intent=scores is not None)
        right = own and hits[0].entry.document_id in data.relevant[number]
        found.append(CalibrationQuestion(domain, evidence, own, right))
    return found


async def _intents(trunk: Trunk, questions: Sequence[str]) -> Sequence[Mapping[str, float] | None]:
    """What the intents add to the score of labelled documents, as in the application."""
    try:
        call = TaskCall(INTENT_TASK, questions, truncate=True)
        (output,) = await trunk.encode([call], app="benchmark", priority=Priority.BULK)
    except NotFoundError:
        return [None] * len(questions)
    assert isinstance(output, ClassifyOutput)
    return [
        {label: INTENT_WEIGHT * float(p) for label, p in zip(output.labels, row, strict=True)}
        for row in output.probabilities
    ]


async def _bundle(trunk: Trunk, task: str) -> str:
    (output,) = await trunk.encode([TaskCall(task, [task])], app="benchmark")
    return output.bundle


async def make(cache: Path | None, output: Path, embed_task: str, bundle: Path | None) -> None:
    """Asks, fits, prints and writes."""
    task = embed_task if bundle is None else bundle_id(bundle)
    async with real_trunk(cache, bundle) as trunk:
        bundles = EvidenceBundles(await _bundle(trunk, task), await _bundle(trunk, INTENT_TASK))
        made = calibrate(await ask_all(trunk, task), bundles, ThresholdRule(), COMMAND)
    print_report(Console(), made)
    print(publish(open_calibrations(output), made).folder)


def main() -> int:
    """Reads the arguments and calibrates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument("--embed-task", default=EMBED_TASK, help="a task that ships")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="a bundle that does not")
    given = parser.parse_args()
    asyncio.run(make(given.cache, given.output, given.embed_task, given.bundle))
    return 0


if __name__ == "__main__":
    sys.exit(main())
