from itertools import pairwise

import numpy as np
import pytest

from shared.errors import InputError
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import Question
from shared.training.tasks.span.spans import QuestionSet, check_questions, judge_spans
from tests.shared.training.data.test_tokenisation import paired_pieces

LONG = "gold " * 7 + "suns gold"
QUESTIONS = QuestionSet(
    (
        Question("sun", "gold suns, gold", ("suns", "gold suns"), 5),
        Question("sun", "gold gold"),
        Question("gold", LONG, ("suns",), 35),
    )
)


def _tokenizer() -> TextTokenizer:
    return TextTokenizer(paired_pieces(), 12, token_types=False)


def _true_logits(arrays: TokenArrays) -> Float32s:
    logits = np.zeros((len(arrays.tokens), 2), np.float32)
    starts, targets = arrays.offsets[:-1], arrays.targets.reshape(-1, 4)
    for side in (0, 1):
        logits[starts + targets[:, side], side] = 6.0
    return logits


def test_the_truth_is_all_right() -> None:
    arrays = QUESTIONS.arrays(_tokenizer(), ())
    logits = _true_logits(arrays)
    assert judge_spans(logits, arrays) == pytest.approx(
        {"balanced_f1": 1.0, "answerable_f1": 1.0, "unanswerable_accuracy": 1.0}
    )
    evaluation = QUESTIONS.evaluate(logits, _tokenizer(), ())
    assert {each.value for each in evaluation.metrics.values()} == {1.0}
    assert evaluation.metrics["f1"].n == 3
    assert evaluation.temperature < 1.0


def test_another_set_has_the_bias_of_dev() -> None:
    arrays = QUESTIONS.arrays(_tokenizer(), ())
    # "No answer" is preferred everywhere, and least where there is one: a bias mends it.
    logits = _true_logits(arrays)
    logits[arrays.offsets[:-1]] += 20.0
    dev = QUESTIONS.evaluate(logits, _tokenizer(), ())
    assert -52.0 < dev.no_answer_bias < -28.0
    assert dev.metrics["balanced_f1"].value == 1.0
    same = QUESTIONS.evaluate(logits, _tokenizer(), (), dev)
    assert same == dev
    unbiased = QUESTIONS.evaluate(_true_logits(arrays), _tokenizer(), (), dev)
    assert unbiased.metrics["unanswerable_accuracy"].value == 0.0
    assert unbiased.no_answer_bias == dev.no_answer_bias


def test_half_of_an_answer_is_worth_its_words() -> None:
    tokenizer = _tokenizer()
    questions = QuestionSet((Question("sun", "gold gold suns", ("gold suns",), 5),))
    arrays = questions.arrays(tokenizer, ())
    logits = _true_logits(arrays)
    column = int(arrays.targets[1])
    logits[column, 1], logits[column - 2, 1] = 0.0, 9.0
    figures = questions.evaluate(logits, tokenizer, ()).metrics
    assert figures["answerable_exact"].value == 0.0
    assert figures["answerable_f1"].value == pytest.approx(2 / 3)
    assert judge_spans(logits, arrays)["answerable_f1"] == pytest.approx(2 / 4)


def test_windows_of_a_long_context_are_read_together() -> None:
    arrays = QUESTIONS.arrays(_tokenizer(), ())
    assert arrays.rows > len(QUESTIONS)
    lengths = [stop - start for start, stop in pairwise(arrays.offsets.tolist())]
    assert max(lengths) == 12


def test_every_fault_is_named_at_once() -> None:
    unanswered = Question("sun", "gold")
    with pytest.raises(InputError) as caught:
        check_questions([unanswered], [unanswered])
    assert "train: 0 questions have an answer" in str(caught.value)
    assert "dev: 0 questions have an answer" in str(caught.value)
    with pytest.raises(InputError, match="leave unanswerable_accuracy out"):
        check_questions(QUESTIONS.examples, QUESTIONS.examples[:1], least_silent=0.5)
    data = check_questions(QUESTIONS.examples, QUESTIONS.examples[:1], {"more": [unanswered]})
    assert data.labels == ()
    other = check_questions(
        (*QUESTIONS.examples[1:], QUESTIONS.examples[0]), QUESTIONS.examples[:1]
    )
    assert data.fingerprint() != other.fingerprint()


def test_an_epoch_is_judged_where_enough_stays_unanswered() -> None:
    arrays = QUESTIONS.arrays(_tokenizer(), ())
    logits = _true_logits(arrays)
    # The questions without an answer look answered, and more so than the others.
    unanswered = arrays.targets.reshape(-1, 4)[:, 0] == 0
    for row, start in enumerate(arrays.offsets[:-1].tolist()):
        if unanswered[row]:
            logits[start] = -50.0

    assert judge_spans(logits, arrays, least_silent=0.01)["unanswerable_accuracy"] > 0.0
    assert judge_spans(logits, arrays, least_silent=1.0) == pytest.approx(
        {"balanced_f1": 0.5, "answerable_f1": 0.0, "unanswerable_accuracy": 1.0}
    )


def test_the_bias_is_fitted_on_calibration_as_it_was_asked_for() -> None:
    examples = QUESTIONS.examples
    data = check_questions(
        examples, examples, {"calibration": examples, "gate": examples}, least_silent=0.5,
        choosing="choice",
    )  # fmt: skip
    assert data.measured["calibration"] == data.dev == QuestionSet(examples, 0.5)
    assert data.measured["gate"] == QuestionSet(examples)
    with pytest.raises(InputError, match="calibration: 0 questions have an answer"):
        check_questions(examples, examples, {"calibration": [Question("who", "gold")]})
