"""Questions with passages to choose from: python -m pipelines.candidates --config FILE

Reads help centres (folders with `articles/*.md`, whose first line is the title, and
`questions.jsonl`, see pipelines/help_centres/README.md), searches each with its questions as
serving does, and writes JSON Lines of the format `lists`, which tasks of kind `score` learn from:

    {"query": "and abroad?", "positives": ["Fees > A withdrawal costs ..."], "negatives": [...],
     "group": "broker", "part": "train"}

The positives are the passages that hold a question's evidence, none where nothing answers it; the
negatives are chosen among those that the search puts first, and one among the rest. Whole help
centres are kept apart: `part` says what one is for.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import orjson
from pydantic import Field
from rich.console import Console

from pipelines.command import CommandLine
from shared.config import Settings
from shared.errors import InputError
from shared.files import write_atomic
from shared.models.backbone import Backbone
from shared.models.builtin import ensure_embed
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import EmbedOutput, Float32s
from shared.retrieval.entries import Entry, with_vectors
from shared.retrieval.index import Hit, Index, Query
from shared.retrieval.judging import in_context, passage_text
from shared.retrieval.readings import search_texts
from shared.retrieval.suite import SuiteQuestion, read_suite
from shared.text.passages import TextFormat, split_passages
from shared.training.data.settings import JsonLinesFile
from shared.training.evaluation.answering import answer
from shared.training.evaluation.judgement import expect

_HELD = 0.5
"""A passage holds an evidence of which it has more than this share of the characters."""


class CandidatesSettings(Settings):
    """The help centres, what each is for, and how many passages a question gets.

    `folders` are help centres, or folders of some, whose names begin with one of `only` and with
    none of `without`; what no part names trains. The `hardest` passages that do not answer are the
    first of the search; all but one of the negatives are chosen among these, by `seed`.
    """

    folders: tuple[str, ...] = Field(min_length=1)
    output: JsonLinesFile
    only: tuple[str, ...] = ("",)
    without: tuple[str, ...] = ()
    choice: frozenset[str] = frozenset()
    calibration: frozenset[str] = frozenset()
    gate: frozenset[str] = frozenset()
    passages: int = Field(8, ge=2, le=64)
    hardest: int = Field(10, ge=2, le=1000)
    seed: int = 0
    backbone: BackboneConfig = BackboneConfig()
    data_dir: Path = Path("../shared/data")

    def part_of(self, name: str) -> str:
        """What a help centre is for."""
        parts = {"choice": self.choice, "calibration": self.calibration, "gate": self.gate}
        return next((part for part, names in parts.items() if name in names), "train")


@dataclass(frozen=True, slots=True)
class HelpCentre:
    """The articles by name, each with its title and text, and the questions but small talk."""

    name: str
    articles: dict[str, tuple[str, str]]
    questions: tuple[SuiteQuestion, ...]


def read_help_centre(folder: Path) -> HelpCentre:
    """Reads a folder.

    Raises:
        InputError: a question is not such a row, or its evidence is missing or stands in no article
            that it names.
    """
    articles = {}
    for file in sorted(folder.glob("articles/*.md")):
        title, _, text = file.read_text("utf-8").partition("\n")
        articles[file.stem] = (title.lstrip("# ").strip(), text.strip())
    questions = tuple(q for q in read_suite(folder).questions if q.answerable is not None)
    for question in questions:
        _check_evidence(folder, articles, question)
    return HelpCentre(folder.name, articles, questions)


def _check_evidence(
    folder: Path, articles: dict[str, tuple[str, str]], question: SuiteQuestion
) -> None:
    named = question.articles
    if question.answerable and not question.evidence:
        raise InputError(
            f"{folder}: the question {question.id!r} has no `evidence`: give the exact text of "
            f"{named} that answers"
        )
    missing = [e for e in question.evidence if not any(_places(articles, named, e))]
    if missing:
        raise InputError(f"{folder}: {missing[0][:60]!r} stands in none of {named}")


def _places(
    articles: dict[str, tuple[str, str]], names: Sequence[str], evidence: str
) -> Iterator[tuple[str, int, int]]:
    """Where an evidence stands: the article, and the characters `[start, end)` of its text."""
    for name in names:
        text = articles.get(name, ("", ""))[1]
        start = text.find(evidence)
        while start >= 0:
            yield name, start, start + len(evidence)
            start = text.find(evidence, start + 1)


class Search:
    """The search of serving, with the backbone's own embedding."""

    def __init__(self, settings: BackboneConfig, aside: Path) -> None:
        backbone = Backbone.load(settings)
        self._runners = Runners(backbone)
        self._bundle: Bundle = ensure_embed(open_registry(aside), backbone)
        self._runners.load(self._bundle)

    def queries(self, texts: Sequence[str]) -> Float32s:
        """The vectors [n, d] of what is asked."""
        return self._vectors(texts, len(texts))

    def passages(self, texts: Sequence[str]) -> Float32s:
        """The vectors [n, d] of what may answer."""
        return self._vectors(texts, 0)

    def _vectors(self, texts: Sequence[str], queries: int) -> Float32s:
        found = answer(self._runners, self._bundle, texts, queries=queries)
        return expect(found.output, EmbedOutput).vectors

    def index(self, centre: HelpCentre) -> Index:
        """The index of a help centre."""
        entries = [
            Entry.of(name, 1, title, (), split_passages(text, TextFormat.MARKDOWN))
            for name, (title, text) in centre.articles.items()
        ]
        vectors = self.passages([text for entry in entries for text in entry.texts])
        return Index.empty(self._bundle.id, vectors.shape[1]).replaced(
            1, (), with_vectors(entries, vectors)
        )


def candidates(
    centre: HelpCentre, search: Search, settings: CandidatesSettings
) -> Iterator[dict[str, object]]:
    """The rows of a help centre, without those of questions that have too few passages."""
    index = search.index(centre)
    generator = np.random.default_rng(
        (settings.seed, *np.frombuffer(centre.name.encode(), np.uint8))
    )
    vectors = search.queries(
        [text for question in centre.questions for text in search_texts(question.turns)]
    )
    row = 0
    for question in centre.questions:
        texts = search_texts(question.turns)
        queries = [
            Query(text, vector)
            for text, vector in zip(texts, vectors[row : row + len(texts)], strict=True)
        ]
        row += len(texts)
        count = sum(len(entry.passages) for entry in index.entries)
        hits = index.search(queries, count, per_document=count)
        answering = [hit for hit in hits if _holds(hit, centre, question)]
        others = [hit for hit in hits if hit not in answering]
        positives = [_text(hit) for hit in answering[: settings.passages // 2]]
        negatives = _negatives(others, settings, settings.passages - len(positives), generator)
        if len(positives) + len(negatives) == settings.passages:
            yield {
                "query": in_context(question.turns),
                "positives": positives,
                "negatives": negatives,
                "group": centre.name,
                "part": settings.part_of(centre.name),
            }


def _negatives(
    others: Sequence[Hit],
    settings: CandidatesSettings,
    wanted: int,
    generator: np.random.Generator,
) -> list[str]:
    texts = list(dict.fromkeys(map(_text, others)))
    hardest, rest = texts[: settings.hardest], texts[settings.hardest :]
    far = 1 if rest else 0
    chosen = generator.permutation(len(hardest))[: wanted - far]
    further = [rest[int(generator.integers(len(rest)))]] if far else []
    return [hardest[i] for i in sorted(chosen)] + further


def _text(hit: Hit) -> str:
    return passage_text(hit.entry.title, hit.passage.text)


def _holds(hit: Hit, centre: HelpCentre, question: SuiteQuestion) -> bool:
    passage, name = hit.passage, hit.entry.document_id
    return any(
        min(end, passage.end) - max(start, passage.start) > _HELD * (end - start)
        for evidence in question.evidence
        for article, start, end in _places(centre.articles, question.articles, evidence)
        if article == name
    )


def _help_centres(settings: CandidatesSettings) -> list[Path]:
    """The folders of all help centres that are named.

    Raises:
        InputError: there is none in a folder, or two have one name.
    """
    found: list[Path] = []
    for named in settings.folders:
        folder = Path(named.format(data_dir=settings.data_dir))
        below = [folder] if (folder / "questions.jsonl").is_file() else sorted(folder.glob("*/"))
        centres = [each for each in below if (each / "questions.jsonl").is_file()]
        if not centres:
            raise InputError(f"{folder}: no help centre is there (articles/, questions.jsonl)")
        found += [
            each
            for each in centres
            if each.name.startswith(settings.only)
            and not each.name.startswith(settings.without or "/")
        ]
    names = [each.name for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two help centres have one name: {', '.join(twice)}: rename one")
    return found


def _run(settings: CandidatesSettings, command: str, console: Console) -> int:
    lines: dict[str, list[bytes]] = {}
    folders = _help_centres(settings)
    with tempfile.TemporaryDirectory() as aside:
        search = Search(settings.backbone, Path(aside))
        for folder in folders:
            centre = read_help_centre(folder)
            part = settings.part_of(centre.name)
            lines.setdefault(part, []).extend(
                map(orjson.dumps, candidates(centre, search, settings))
            )
    settings.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(settings.output, b"\n".join([*chain.from_iterable(lines.values()), b""]))
    counts = ", ".join(f"{len(rows):,} of {part}" for part, rows in lines.items())
    console.print(
        f"{len(folders)} help centres, {settings.passages} passages for each question: {counts}; "
        f"in {settings.output}"
    )
    return 0


main = CommandLine("candidates", CandidatesSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
