"""Makes the confidence that ships: `python -m tests.benchmarks.calibrate_support [FOLDER ...]`.

Each FOLDER is a help centre (`articles/*.md`, `questions.jsonl`) or holds several; by default they
are those that `pipelines/configs/support_candidates.yaml` keeps for calibration. Beside them stand
the sample, stackfaq and doc2dial, which are also asked the questions of others, that they cannot
answer. Each knowledge base is a domain and weighs the same; the threshold keeps its bounds on the
help centres, whose near misses are as near as they can be. It is the support application that is
asked, on the real trunk, with as much time for the judge as it wants.

With `--chinese FOLDER`, what `banyan backbone fetch multilingual-e5-small` made, it is the
confidence of Chinese knowledge bases, on the Chinese help centres that `support-judge-zh` has not
learned from and is not judged by.

`--keep FOLDER` keeps what was gathered in its `questions.jsonl`, from which `pipelines.calibrate`
fits with another threshold.
"""

import argparse
import asyncio
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.console import Console

from pipelines.calibration.calibrating import (
    Calibrated,
    EvidenceBundles,
    ThresholdRule,
    calibrate,
)
from pipelines.calibration.centres import (
    calibration_centres,
    calibration_names,
    chinese_centres,
)
from pipelines.calibration.report import print_report
from services.support.answers import chat
from services.support.answers.answer import Grounds
from services.support.answers.chat_schemas import ChatMessage
from services.support.confidence import SHIPPED
from services.support.config import SupportSettings
from services.support.documents import Document
from services.support.ingest.files import read_file
from services.support.ingest.ids import DerivedIds
from services.support.knowledge_base import KnowledgeBase
from services.support.service import SupportService, open_service
from shared.artifacts.aliases import CHAMPION
from shared.models.tasks import EMBED_TASK
from shared.retrieval.calibrations import (
    CalibrationQuestion,
    confidence_name,
    open_calibrations,
    write_questions,
)
from shared.retrieval.suite import SuiteQuestion, read_suite
from shared.text.language import Language
from tests.harness.data import DATA
from tests.harness.real_trunk import bundle_id, real_trunk
from tests.harness.support.data import RetrievalSet, doc2dial, help_centre, rows, stackfaq
from tests.harness.support.fakes import FixedConfidence

QUESTIONS = 120
STRANGERS = 20
TENANT = "default"
AT_ONCE = 8
UNHURRIED_MS = 1e9
PRESENT = frozenset({"sample", "stackfaq", "doc2dial"})


@dataclass(frozen=True, slots=True)
class Domain:
    """A knowledge base, and the questions that it is asked."""

    name: str
    documents: Sequence[Document]
    questions: Sequence[SuiteQuestion]


def centre(folder: Path) -> Domain:
    """A help centre's folder."""
    documents = [
        document
        for path in sorted((folder / "articles").iterdir())
        for document in read_file(path.name, path.read_bytes(), DerivedIds())
    ]
    return Domain(folder.name, documents, read_suite(folder).questions)


def centres(folders: Iterable[Path]) -> list[Domain]:
    """The help centres in folders, which are one each or hold several."""
    found = []
    for folder in folders:
        inside = [folder] if (folder / "articles").is_dir() else sorted(folder.iterdir())
        found += [centre(one) for one in inside if (one / "articles").is_dir()]
    return found


def default_folders() -> list[Path]:
    """What is kept for calibration: in the repository, and beside it where the data are."""
    beside = [DATA / "support" / "newcomer-train" / name for name in calibration_names()]
    return [*calibration_centres(), *(folder for folder in beside if folder.is_dir())]


def present_sets() -> list[Domain]:
    """The sample, stackfaq and doc2dial, each with its own questions and those of others."""
    helps, faq, pages = help_centre(), stackfaq(), doc2dial()
    outside = [row["text"] for row in rows("support/clinc150.oos_train.jsonl")]
    asked = {
        "sample": own(helps),
        "stackfaq": own(faq),
        "doc2dial": _dialogues(pages),
    }
    others = {
        "sample": (outside, _other_domains(), faq.queries),
        "stackfaq": (outside, _other_domains(), helps.queries),
        "doc2dial": (helps.queries, faq.queries),
    }
    documents = {"sample": helps, "stackfaq": faq, "doc2dial": pages}
    return [
        Domain(name, of.documents, [*asked[name], *_unanswerable(others[name])])
        for name, of in documents.items()
    ]


def own(data: RetrievalSet, most: int = QUESTIONS) -> list[SuiteQuestion]:
    """A set's questions, at most so many, with the documents that answer them."""
    numbers = spread(len(data.queries), most)
    return [
        SuiteQuestion(str(n), (data.queries[n],), True, tuple(data.relevant[n])) for n in numbers
    ]


def _dialogues(data: RetrievalSet) -> list[SuiteQuestion]:
    """Questions of dialogues with what the user had said before."""
    turns = list(rows("support/doc2dial.dev.jsonl.gz"))
    found = []
    for number in spread(len(turns), QUESTIONS):
        said = reversed(turns[number]["history_newest_first"])
        users = tuple(turn["text"] for turn in said if turn["role"] == "user")
        found.append(SuiteQuestion(str(number), users, True, tuple(data.relevant[number])))
    return found


def _unanswerable(others: Sequence[Sequence[str]]) -> list[SuiteQuestion]:
    return [
        SuiteQuestion(f"{number}-{n}", (texts[n],), False)
        for number, texts in enumerate(others)
        for n in spread(len(texts), STRANGERS)
    ]


def spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, evenly spread."""
    return sorted({count * n // most for n in range(most)}) if count > most else [*range(count)]


def _other_domains() -> list[str]:
    """Without the questions of bank customers, many of which the sample does answer."""
    domains: Mapping[str, Sequence[str]] = orjson.loads(
        (DATA / "support" / "clinc150.domains.json").read_bytes()
    )
    near = {*domains["banking"], *domains["credit_cards"]}
    return [row["text"] for row in rows("support/clinc150.val.jsonl") if row["label"] not in near]


async def ask(
    service: SupportService, domain: Domain
) -> list[tuple[SuiteQuestion, Grounds | None]]:
    """Every question that is not small talk, with what its confidence is computed from."""
    name = domain.name.replace("_", "-")
    await service.knowledge_bases.put(TENANT, name, domain.documents)
    knowledge_base = await service.knowledge_bases.get(TENANT, name)
    asked = [question for question in domain.questions if question.answerable is not None]
    places = asyncio.Semaphore(AT_ONCE)
    grounds = await asyncio.gather(*(_grounds(service, knowledge_base, q, places) for q in asked))
    return list(zip(asked, grounds, strict=True))


async def _grounds(
    service: SupportService,
    knowledge_base: KnowledgeBase,
    question: SuiteQuestion,
    places: asyncio.Semaphore,
) -> Grounds | None:
    messages = [ChatMessage(role="user", content=turn) for turn in question.turns]
    async with places:
        turn = chat.turn_of(messages, service.wording)
        return (await service.assistant.answer(knowledge_base, turn)).grounds


async def gather(
    given: argparse.Namespace, console: Console
) -> tuple[list[CalibrationQuestion], EvidenceBundles]:
    """The evidence of all domains, by the support application on the real trunk."""
    embed = EMBED_TASK if given.bundle is None else bundle_id(given.bundle)
    ships = "support-judge" if given.chinese is None else "support-judge-zh"
    judge = given.judge or ships if given.judge_bundle is None else bundle_id(given.judge_bundle)
    ours = default_folders if given.chinese is None else chinese_centres
    domains = centres(given.folders or ours())
    domains += [] if given.no_sets or given.chinese is not None else present_sets()
    questions: list[CalibrationQuestion] = []
    bundles: dict[str, str | None] = {"embed": None, "intent": None, "judge": None}
    further = [] if given.judge_bundle is None else [given.judge_bundle]
    with tempfile.TemporaryDirectory() as state_dir:
        async with real_trunk(given.cache, given.bundle, *further, chinese=given.chinese) as trunk:
            settings = SupportSettings(
                state_dir=Path(state_dir),
                embed_task=embed,
                judge_task=None if judge == "none" else judge,
                judge_tasks={} if judge == "none" else {Language.CHINESE: judge},
                judge_budget_ms=UNHURRIED_MS,
                encode_timeout_s=600.0,
                write_timeout_s=3600.0,
            )
            service = open_service(settings, trunk)
            relevances = service.assistant.relevances
            weight = {"judge_weight": given.judge_weight}
            for each in (relevances.default, *relevances.by_task.values()):
                each.confidence = FixedConfidence(each.calibration.model_copy(update=weight))
            for domain in domains:
                found = await ask(service, domain)
                questions += [_question(domain.name, *one) for one in found if one[1] is not None]
                for grounds in (one for _, one in found if one is not None):
                    bundles["embed"] = grounds.embed_bundle
                    bundles["intent"] = bundles["intent"] or grounds.intent_bundle
                    bundles["judge"] = bundles["judge"] or grounds.judge_bundle
                console.print(f"{domain.name}: {len(found)} questions", markup=False)
            await service.close()
    assert bundles["embed"] is not None
    made = EvidenceBundles(
        bundles["embed"], bundles["intent"], bundles["judge"], given.judge_weight
    )
    return questions, made


def _question(domain: str, asked: SuiteQuestion, grounds: Grounds | None) -> CalibrationQuestion:
    assert grounds is not None
    answerable = bool(asked.answerable)
    right = answerable and grounds.document_id in asked.articles
    return CalibrationQuestion(domain, grounds.evidence, answerable, right)


def ship(output: Path, made: Calibrated) -> Path:
    """Writes the calibration as the only one of its name in the folder, and its champion."""
    shutil.rmtree(output / made.calibration.name, ignore_errors=True)
    store = open_calibrations(output)
    bundle = store.write(made.calibration, lambda at: write_questions(at, made.questions))
    store.set_alias(made.calibration.name, CHAMPION, bundle.id)
    return bundle.folder


def main() -> int:
    """Reads the arguments and calibrates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--no-sets", action="store_true", help="help centres alone")
    parser.add_argument("--cache", type=Path, help="keeps vectors between runs")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keeps the evidence")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="an embed bundle")
    parser.add_argument("--judge", help="a task that ships (by default the language's), or none")
    parser.add_argument("--judge-bundle", type=Path, metavar="FOLDER", help="a judge's bundle")
    parser.add_argument("--chinese", type=Path, metavar="FOLDER", help="a Chinese backbone")
    parser.add_argument("--judge-weight", type=float, default=0.2)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--risk", type=float)
    parser.add_argument("--most-wrong", type=float, default=0.1)
    parser.add_argument("--most-unanswerable", type=float, default=0.2)
    given = parser.parse_args()
    console = Console(width=160)
    questions, bundles = asyncio.run(gather(given, console))
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
        write_questions(given.keep, questions)
    is_bound_everywhere = given.no_sets or given.chinese is not None
    rule = ThresholdRule(
        threshold=given.threshold,
        risk=given.risk,
        most_wrong=given.most_wrong,
        most_unanswerable=given.most_unanswerable,
        bound_on=() if is_bound_everywhere else tuple(sorted({q.set for q in questions} - PRESENT)),
    )
    words = ["FOLDER" if word == str(given.chinese) else word for word in sys.argv[1:]]
    command = shlex.join(["python", "-m", "tests.benchmarks.calibrate_support", *words])
    name = confidence_name(None if given.chinese is None else Language.CHINESE)
    made = calibrate(questions, bundles, rule, command, name=name)
    print_report(console, made)
    console.print(str(ship(given.output, made)), markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
