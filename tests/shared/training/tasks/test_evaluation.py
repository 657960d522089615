import numpy as np
import pytest
from sklearn.metrics import f1_score

from shared.models.bundle import BackboneRef, Calibration, Manifest, Method
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    ScoreOutput,
    Span,
    SpanOutput,
    TagOutput,
    TaskKind,
)
from shared.training.data.candidates import Candidates
from shared.training.evaluation.judgement import Judgement, difference
from shared.training.tasks.classify.evaluation import ClassEvaluation, MultiLabelEvaluation
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.embed.evaluation import EmbedEvaluation
from shared.training.tasks.score.evaluation import ScoreEvaluation
from shared.training.tasks.span.evaluation import SpanEvaluation
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.evaluation import TagEvaluation
from shared.training.tasks.tag.examples import Entity, TaggedExample


def manifest(kind: TaskKind, temperature: float = 1.0) -> Manifest:
    return Manifest(
        task="some-task",
        kind=kind,
        method=Method.LORA,
        backbone=BackboneRef(name="b", sha256="0" * 64),
        tokenizer_sha256="0" * 64,
        max_length=16,
        calibration=Calibration(temperature=temperature),
    )


def value(judged: Judgement, name: str) -> float:
    return judged.statistics[name](np.arange(judged.n))


def classified(probabilities: list[list[float]]) -> ClassifyOutput:
    return ClassifyOutput("b", 1, ("no", "yes"), np.array(probabilities, np.float32))


def test_classes_are_judged_by_their_names() -> None:
    evaluation = ClassEvaluation(
        tuple(Example(f"t{i}", each) for i, each in enumerate(("no", "yes", "new")))
    )
    output = classified([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])

    judged = evaluation.judge(output, manifest(TaskKind.CLASSIFY))

    assert judged.metric == "accuracy"
    assert value(judged, "accuracy") == pytest.approx(1 / 3)
    assert judged.baseline == pytest.approx(1 / 3)
    assert [each.label for each in judged.classes] == ["no", "yes", "new"]
    assert [each.recall for each in judged.classes] == [1.0, 0.0, 0.0]
    assert judged.confusion is not None
    assert judged.confusion.counts.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]


def test_the_raw_confidence_is_that_of_temperature_one() -> None:
    logits = np.array([[2.0, -1.0], [0.5, 0.1]])
    powers, scaled = np.exp(logits), np.exp(logits / 2.5)
    raw = powers / powers.sum(axis=1, keepdims=True)
    served = scaled / scaled.sum(axis=1, keepdims=True)
    evaluation = ClassEvaluation((Example("a", "no"), Example("b", "yes")))

    judged = evaluation.judge(classified(served.tolist()), manifest(TaskKind.CLASSIFY, 2.5))

    assert judged.confidence is not None
    assert judged.confidence.raw == pytest.approx(raw.max(axis=1), abs=1e-6)
    assert judged.confidence.served == pytest.approx(served.max(axis=1), abs=1e-6)


def test_several_labels_are_judged_as_scikit_learn_does() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random((40, 2)) < 0.4
    probabilities = np.clip(truth * 0.6 + generator.random((40, 2)) * 0.5, 0, 1)
    labels = ("no", "yes")
    examples = tuple(
        MultiLabelled(str(i), tuple(np.array(labels)[row].tolist())) for i, row in enumerate(truth)
    )

    judged = MultiLabelEvaluation(examples).judge(
        classified(probabilities.tolist()), manifest(TaskKind.CLASSIFY)
    )

    predicted = probabilities.astype(np.float32) >= 0.5
    for name in ("micro", "macro"):
        expected = f1_score(truth, predicted, average=name)
        assert value(judged, f"{name}_f1") == pytest.approx(expected)
    assert value(judged, "exact_match") == (truth == predicted).all(axis=1).mean()


def test_entities_count_by_stretch_and_type() -> None:
    examples = (
        TaggedExample("Oslo and Ada", (Entity(0, 4, "place"), Entity(9, 12, "person"))),
        TaggedExample("nothing", ()),
    )
    found = ((Span(0, 4, "place", 0.9), Span(9, 12, "place", 0.4)), ())

    judged = TagEvaluation(examples).judge(TagOutput("b", 1, found), manifest(TaskKind.TAG))

    assert value(judged, "span_f1") == pytest.approx(0.5)
    assert {each.label: each.f1 for each in judged.classes} == {
        "person": 0.0,
        "place": pytest.approx(2 / 3),
    }
    assert judged.confidence is not None
    assert judged.confidence.right.tolist() == [True, False]


def test_answers_are_judged_by_squads_rules() -> None:
    examples = (
        Question("who?", "It was the Queen of Norway.", ("Queen of Norway",), 11),
        Question("when?", "It was long ago."),
        Question("where?", "In Oslo.", ("Oslo",), 3),
    )
    answers = (Span(7, 26, "answer", 0.8), None, None)
    output = SpanOutput("b", 1, answers, np.array([0.1, 0.7, 0.6], np.float32))

    judged = SpanEvaluation(examples).judge(output, manifest(TaskKind.SPAN))

    assert value(judged, "exact") == pytest.approx(2 / 3)
    assert value(judged, "answerable_f1") == pytest.approx(0.5)
    assert value(judged, "unanswerable_accuracy") == 1.0
    assert judged.baseline == pytest.approx(1 / 3)
    assert judged.confidence is not None
    assert judged.confidence.right.tolist() == [True, True, False]


def test_a_model_that_says_the_same_of_all_documents_gains_nothing() -> None:
    examples = (Candidates("q", ("right",), ("a", "b", "c")), Candidates("none", (), ("a",)))
    evaluation = ScoreEvaluation(examples)
    assert evaluation.inputs == [("q", "right"), ("q", "a"), ("q", "b"), ("q", "c")]

    same = evaluation.judge(
        ScoreOutput("b", 1, np.full(4, 0.5, np.float32)), manifest(TaskKind.SCORE)
    )
    good = evaluation.judge(
        ScoreOutput("b", 1, np.array([0.9, 0.1, 0.2, 0.3], np.float32)), manifest(TaskKind.SCORE)
    )

    assert value(same, "mrr_at_10") == pytest.approx(0.25)
    assert value(good, "mrr_at_10") == value(good, "hit_at_1") == 1.0
    assert value(same, "mrr_at_10") <= good.baseline < 1.0


def test_embeddings_find_their_documents_among_all() -> None:
    evaluation = EmbedEvaluation((Candidates("q1", ("d1",)), Candidates("q2", ("d2",), ("d3",))))
    assert list(evaluation.inputs) == ["q1", "q2", "d1", "d2", "d3"]
    vectors = np.array([[1, 0], [0, 2], [3, 0], [1, 1], [0, 1]], np.float32)

    judged = evaluation.judge(EmbedOutput("b", 1, vectors), manifest(TaskKind.EMBED))

    assert judged.units == "queries"
    assert value(judged, "mrr_at_10") == pytest.approx(0.75)
    assert value(judged, "recall_at_10") == 1.0


def test_differences_are_paired() -> None:
    evaluation = ClassEvaluation(tuple(Example(str(i), "yes") for i in range(200)))
    right = np.arange(200) % 4 > 0
    ours = evaluation.judge(classified([[1 - r, r] for r in right]), manifest(TaskKind.CLASSIFY))
    theirs = evaluation.judge(
        classified([[1 - r, r] for r in right & (np.arange(200) % 20 != 1)]),
        manifest(TaskKind.CLASSIFY),
    )

    same = difference(ours, ours, "accuracy", resamples=200, confidence=0.9)
    apart = difference(ours, theirs, "accuracy", resamples=200, confidence=0.9)

    assert same.low == same.high == 0.0
    assert apart.value == pytest.approx(0.05)
    # Unpaired it would be about 0.14 wide.
    assert apart.high - apart.low < 0.08
    with pytest.raises(ValueError, match="one evaluation set for both"):
        difference(
            ours,
            ClassEvaluation((Example("a", "no"),)).judge(
                classified([[1, 0]]), manifest(TaskKind.CLASSIFY)
            ),
            "accuracy",
            resamples=200,
            confidence=0.9,
        )
