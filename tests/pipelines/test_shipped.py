import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.metrics.reading import mark_answers, reading_intervals
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.builtin import ensure_embed
from shared.models.bundle import Bundle, Manifest
from shared.models.registry import SHIPPED, open_registry
from shared.models.runner import Runner
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Input,
    SpanOutput,
    TagOutput,
    TaskCall,
    TaskKind,
    TaskOutput,
)
from shared.sentiment.labels import LABELS, columns_of
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.sentfin import single, targets
from shared.training.tasks.embed.rows import squad_pairs
from shared.training.tasks.span.rows import question
from shared.training.tasks.tag import sentfin
from tests.harness.claims import at_least

FINANCE = {
    "finance-sentiment": TaskKind.CLASSIFY,
    "finance-entity-sentiment": TaskKind.CLASSIFY,
    "finance-entities": TaskKind.TAG,
}


def _bundle(task: str) -> Bundle:
    registry = open_registry(SHIPPED, shipped=None)
    return registry.bundle(registry.resolve(task))


def test_support_intent_is_small_and_says_where_it_comes_from() -> None:
    registry = open_registry(SHIPPED, shipped=None)
    bundle = registry.bundle(registry.resolve("support-intent"))
    manifest = bundle.manifest
    assert len(manifest.labels) == 77
    assert sum(file.stat().st_size for file in bundle.folder.rglob("*.*")) < 3_000_000
    assert manifest.licence == "CC BY 4.0"
    assert "Casanueva" in (manifest.attribution or "")
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert manifest.command is not None
    for part in (manifest.command, manifest.licence, manifest.attribution, "Banking77"):
        assert part is not None
        assert part in card


@pytest.mark.parametrize("task", FINANCE)
def test_finance_bundles_say_where_they_come_from(task: str) -> None:
    bundle = _bundle(task)
    manifest = bundle.manifest
    assert manifest.kind is FINANCE[task]
    if manifest.kind is TaskKind.CLASSIFY:
        assert {manifest.labels[column] for column in columns_of(manifest.labels)} == set(LABELS)
    else:
        assert manifest.labels == (sentfin.ENTITY,)
    assert sum(file.stat().st_size for file in bundle.folder.rglob("*.*")) < 6_000_000
    assert manifest.licence is not None
    assert "MIT" in manifest.licence
    assert "SEntFiN" in (manifest.attribution or "")
    card = (bundle.folder / "README.md").read_text("utf-8")
    for part in (manifest.command, manifest.licence, manifest.attribution):
        assert part is not None
        assert part in card
    assert manifest.command == (
        f"python -m pipelines.finetune --config pipelines/configs/{task.replace('-', '_')}.yaml "
        "--set output.registry=shared/models/shipped"
    )
    assert f"shared/models/shipped/{task}" in Path("NOTICE").read_text("utf-8")


@pytest.mark.parametrize(
    ("task", "licence", "by"),
    [
        ("support-scope", "CC BY 3.0", "Stefan Larson"),
        ("support-reader", "CC BY-SA 4.0", "Pranav Rajpurkar"),
        (
            "support-retrieval",
            "CC BY-SA 4.0 (SQuAD), CDLA-Sharing 1.0 (Bitext)",
            "Pranav Rajpurkar",
        ),
    ],
)
def test_support_bundles_say_where_they_come_from(task: str, licence: str, by: str) -> None:
    bundle = _bundle(task)
    manifest = bundle.manifest
    assert manifest.licence == licence
    assert by in (manifest.attribution or "")
    assert sum(file.stat().st_size for file in bundle.folder.rglob("*.*")) < 6_000_000
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert manifest.command == (
        f"python -m pipelines.finetune --config pipelines/configs/{task.replace('-', '_')}.yaml "
        "--set output.registry=shared/models/shipped"
    )
    for part in (manifest.command, licence, by):
        assert part in card
    assert f"shared/models/shipped/{task}" in Path("NOTICE").read_text("utf-8")


TASKS = (
    "support-intent",
    "support-scope",
    "support-reader",
    "support-retrieval",
    *FINANCE,
)


@pytest.mark.parametrize("task", TASKS)
def test_a_card_has_the_figures_of_its_manifest_and_says_where_they_were_chosen(task: str) -> None:
    bundle = _bundle(task)
    # Without the leniency of reading: every value lies in its interval.
    manifest = Manifest.model_validate_json((bundle.folder / "manifest.json").read_bytes())
    card = (bundle.folder / "README.md").read_text("utf-8")
    assert manifest.metrics
    for name, metric in manifest.metrics.items():
        of_set, _, measure = name.rpartition(".")
        figures = f"{metric.value:.4f} | {metric.low:.4f} to {metric.high:.4f} | {metric.n:,} |"
        assert f"| {of_set or 'dev'} | {METRIC_NAMES[measure]} | {figures}" in card
    assert "measured on the same set that they were chosen on" in card
    assert "no gate has judged this bundle on unseen data" in card


@pytest.mark.parametrize(
    ("task", "name", "claimed"),
    [
        ("support-intent", "accuracy", "accuracy 0.945"),
        ("support-scope", "in-scope.accuracy", "in-scope accuracy 0.965"),
        ("support-scope", "out-of-scope.accuracy", "out-of-scope recall 0.740"),
        ("support-reader", "answerable_f1", "F1 0.452"),
        ("support-reader", "unanswerable_accuracy", "accuracy 0.661"),
        ("finance-sentiment", "sentfin.accuracy", "accuracy 0.877"),
        ("finance-sentiment", "twitter-financial.accuracy", "0.864"),
        ("finance-sentiment", "twitter-financial.macro_f1", "macro-F1 0.825"),
        ("finance-sentiment", "phrasebank.accuracy", "0.719"),
        ("finance-entity-sentiment", "accuracy", "accuracy 0.868"),
        ("finance-entity-sentiment", "opposed.accuracy", "0.832"),
        ("finance-entities", "span_f1", "span F1 0.852"),
    ],
)
def test_the_document_claims_what_the_manifests_say(task: str, name: str, claimed: str) -> None:
    readme = Path("pipelines/README.md").read_text("utf-8")
    assert "These figures were chosen\non their own set" in readme
    (line,) = [line for line in readme.splitlines() if line.startswith(f"| [`{task}`]")]
    assert claimed in line
    assert claimed.endswith(f"{_bundle(task).manifest.metrics[name].value:.3f}")


@pytest.fixture(scope="module")
def runner() -> Runner:
    return Runner(Backbone.load(BackboneConfig()))


def _answer(
    runner: Runner, bundle: Bundle, texts: Sequence[Input], *, truncate: bool = False
) -> list[TaskOutput]:
    """The outputs of batches of 64 texts, in order; texts of one length are the quickest."""
    runner.load(bundle)
    outputs = []
    for start in range(0, len(texts), 64):
        call = TaskCall(bundle.manifest.task, texts[start : start + 64], truncate=truncate)
        tokenized = runner.tokenize(bundle.id, call)
        outputs.append(runner.assemble(tokenized, runner.run(tokenized.rows)))
    return outputs


def _accuracy(runner: Runner, bundle: Bundle, examples: list[Example]) -> float:
    examples = sorted(examples, key=lambda example: len(example.text))
    predicted: list[str] = []
    for output in _answer(runner, bundle, [str(example.text) for example in examples]):
        assert isinstance(output, ClassifyOutput)
        predicted += [output.labels[i] for i in output.probabilities.argmax(axis=1)]
    truth = [example.label for example in examples]
    return float(np.mean([a == b for a, b in zip(predicted, truth, strict=True)]))


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.drill
@pytest.mark.realdata
def test_support_intent_serves_as_well_as_its_card_says(data_dir: Path, runner: Runner) -> None:
    bundle = _bundle("support-intent")
    rows = _rows(data_dir / "support" / "banking77.dev.jsonl")
    accuracy = _accuracy(
        runner, bundle, [Example(str(row["text"]), str(row["label"])) for row in rows]
    )
    assert accuracy >= at_least(0.945, len(rows))
    assert accuracy == pytest.approx(bundle.manifest.metrics["accuracy"].value, abs=0.005)


@pytest.mark.drill
@pytest.mark.realdata
def test_finance_sentiment_serves_as_well_as_its_card_says(data_dir: Path, runner: Runner) -> None:
    bundle = _bundle("finance-sentiment")
    rows = _rows(data_dir / "finance" / "sentfin.dev.jsonl")
    accuracy = _accuracy(runner, bundle, [each for row in rows for each in single(row)])
    assert accuracy >= at_least(0.877, 778)
    assert accuracy == pytest.approx(bundle.manifest.metrics["sentfin.accuracy"].value, abs=0.01)


@pytest.mark.drill
@pytest.mark.realdata
def test_finance_entity_sentiment_serves_as_well_as_its_card_says(
    data_dir: Path, runner: Runner
) -> None:
    bundle = _bundle("finance-entity-sentiment")
    rows = _rows(data_dir / "finance" / "sentfin.dev.jsonl")
    accuracy = _accuracy(runner, bundle, [each for row in rows for each in targets(row)])
    assert accuracy >= at_least(0.868, 1432)
    assert accuracy == pytest.approx(bundle.manifest.metrics["accuracy"].value, abs=0.01)


@pytest.mark.drill
@pytest.mark.realdata
def test_finance_entities_serves_as_well_as_its_card_says(data_dir: Path, runner: Runner) -> None:
    bundle = _bundle("finance-entities")
    rows = _rows(data_dir / "finance" / "sentfin.dev.jsonl")
    examples = [each for row in rows for each in sentfin.names(row)]
    examples.sort(key=lambda example: len(example.text))
    right = total = 0
    found = []
    for output in _answer(runner, bundle, [example.text for example in examples]):
        assert isinstance(output, TagOutput)
        found += [{(span.start, span.end) for span in spans} for spans in output.spans]
    for spans, example in zip(found, examples, strict=True):
        truth = {(entity.start, entity.end) for entity in example.entities}
        right += len(spans & truth)
        total += len(spans) + len(truth)
    f1 = 2 * right / total
    assert f1 >= at_least(0.852, len(examples))
    assert f1 == pytest.approx(bundle.manifest.metrics["span_f1"].value, abs=0.01)


@pytest.mark.drill
@pytest.mark.realdata
def test_support_scope_serves_as_well_as_its_card_says(data_dir: Path, runner: Runner) -> None:
    """Of every fourth question with an intent; the card is of all of them."""
    bundle = _bundle("support-scope")
    metrics = bundle.manifest.metrics
    for name, file, every, tolerance in (
        ("in-scope", "clinc150.val.jsonl", 4, 0.015),
        ("out-of-scope", "clinc150.oos_val.jsonl", 1, 0.02),
    ):
        rows = _rows(data_dir / "support" / file)[::every]
        examples = [Example(str(row["text"]), str(row["label"])) for row in rows]
        accuracy = _accuracy(runner, bundle, examples)
        assert accuracy == pytest.approx(metrics[f"{name}.accuracy"].value, abs=tolerance)


@pytest.mark.drill
@pytest.mark.realdata
def test_support_reader_serves_as_well_as_its_card_says(data_dir: Path, runner: Runner) -> None:
    """Of every eighth question; the card is of all of them."""
    bundle = _bundle("support-reader")
    content = gzip.decompress((data_dir / "support" / "squad2.dev.jsonl.gz").read_bytes())
    rows = [json.loads(line) for line in content.splitlines()[::8]]
    questions = sorted((each for row in rows for each in question(row)), key=str)
    found: list[str | None] = []
    pairs = [(each.text, each.context) for each in questions]
    contexts = iter(each.context for each in questions)
    for output in _answer(runner, bundle, pairs):
        assert isinstance(output, SpanOutput)
        for answer, context in zip(output.answers, contexts, strict=False):
            found.append(None if answer is None else context[answer.start : answer.end])
    figures = reading_intervals(mark_answers(found, [each.answers for each in questions]))
    for name in ("answerable_f1", "unanswerable_accuracy"):
        of_card = bundle.manifest.metrics[name]
        assert figures[name].low <= of_card.value <= figures[name].high


@pytest.mark.drill
@pytest.mark.realdata
def test_support_retrieval_finds_as_well_as_its_card_says(
    data_dir: Path, runner: Runner, tmp_path: Path
) -> None:
    """And better than the untouched backbone."""
    bundle = _bundle("support-retrieval")
    content = gzip.decompress((data_dir / "support" / "squad2.dev.jsonl.gz").read_bytes())
    pairs = [each for line in content.splitlines() for each in squad_pairs(json.loads(line))]
    contexts = sorted({each.positives[0] for each in pairs}, key=len)
    rights = [contexts.index(each.positives[0]) for each in pairs]
    untouched = ensure_embed(open_registry(tmp_path, shipped=None), Backbone.load(BackboneConfig()))

    def mrr_at_10(of: Bundle) -> float:
        vectors = []
        texts = [*contexts, *(each.query for each in pairs)]
        for output in _answer(runner, of, texts, truncate=True):
            assert isinstance(output, EmbedOutput)
            vectors.append(output.vectors)
        documents, queries = np.split(np.concatenate(vectors), [len(contexts)])
        scores = queries @ documents.T
        own = scores[np.arange(len(pairs)), rights]
        places = (scores > own[:, None]).sum(axis=1) + 1
        return float(np.mean(np.where(places <= 10, 1 / places, 0)))

    found = mrr_at_10(bundle)
    assert found == pytest.approx(bundle.manifest.metrics["mrr_at_10"].value, abs=0.005)
    assert found > mrr_at_10(untouched) + 0.005
