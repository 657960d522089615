from itertools import pairwise

import numpy as np
import pytest

from shared.errors import InputError
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.tasks.span.learning import SpanLearning
from shared.training.tasks.span.rows import Question
from tests.shared.training.data.test_tokenisation import paired_pieces
from tests.shared.training.made import checked

LONG = "gold " * 7 + "suns gold"
LEARNING = SpanLearning()
QUESTIONS = (
    Question("sun", "gold suns, gold", ("suns", "gold suns"), 5),
    Question("sun", "gold gold"),
    Question("gold", LONG, ("suns",), 35),
)


def _silent(least: float) -> SpanLearning:
    return SpanLearning(least_silent=least)


def _tokenizer() -> TextTokenizer:
    return TextTokenizer(paired_pieces(), 12, token_types=False)


def _true_logits(arrays: TokenArrays) -> Float32s:
    logits = np.zeros((len(arrays.tokens), 2), np.float32)
    starts, targets = arrays.offsets[:-1], arrays.targets.reshape(-1, 4)
    for side in (0, 1):
        logits[starts + targets[:, side], side] = 6.0
    return logits


def test_the_truth_is_all_right() -> None:
    arrays = LEARNING.arrays(QUESTIONS, _tokenizer(), ())
    logits = _true_logits(arrays)
    assert LEARNING.judge(logits, arrays, ()) == pytest.approx(
        {"balanced_f1": 1.0, "answerable_f1": 1.0, "unanswerable_accuracy": 1.0}
    )
    evaluation = LEARNING.measure(QUESTIONS, logits, _tokenizer(), ())
    assert {each.value for each in evaluation.metrics.values()} == {1.0}
    assert evaluation.metrics["f1"].n == 3
    assert evaluation.temperature < 1.0


def test_another_set_has_the_bias_of_dev() -> None:
    arrays = LEARNING.arrays(QUESTIONS, _tokenizer(), ())
    # "No answer" is preferred everywhere, and least where there is one: a bias mends it.
    logits = _true_logits(arrays)
    logits[arrays.offsets[:-1]] += 20.0
    dev = LEARNING.measure(QUESTIONS, logits, _tokenizer(), ())
    assert -52.0 < dev.no_answer_bias < -28.0
    assert dev.metrics["balanced_f1"].value == 1.0
    same = LEARNING.measure(QUESTIONS, logits, _tokenizer(), (), dev)
    assert same == dev
    unbiased = LEARNING.measure(QUESTIONS, _true_logits(arrays), _tokenizer(), (), dev)
    assert unbiased.metrics["unanswerable_accuracy"].value == 0.0
    assert unbiased.no_answer_bias == dev.no_answer_bias


def test_half_of_an_answer_is_worth_its_words() -> None:
    tokenizer = _tokenizer()
    questions = [Question("sun", "gold gold suns", ("gold suns",), 5)]
    arrays = LEARNING.arrays(questions, tokenizer, ())
    logits = _true_logits(arrays)
    column = int(arrays.targets[1])
    logits[column, 1], logits[column - 2, 1] = 0.0, 9.0
    figures = LEARNING.measure(questions, logits, tokenizer, ()).metrics
    assert figures["answerable_exact"].value == 0.0
    assert figures["answerable_f1"].value == pytest.approx(2 / 3)
    assert LEARNING.judge(logits, arrays, ())["answerable_f1"] == pytest.approx(2 / 4)


def test_windows_of_a_long_context_are_read_together() -> None:
    arrays = LEARNING.arrays(QUESTIONS, _tokenizer(), ())
    assert arrays.rows > len(QUESTIONS)
    lengths = [stop - start for start, stop in pairwise(arrays.offsets.tolist())]
    assert max(lengths) == 12


def test_every_fault_is_named_at_once() -> None:
    unanswered = Question("sun", "gold")
    with pytest.raises(InputError) as caught:
        checked(LEARNING, [unanswered], [unanswered])
    assert "train: 0 questions have an answer" in str(caught.value)
    assert "dev: 0 questions have an answer" in str(caught.value)
    with pytest.raises(InputError, match="leave unanswerable_accuracy out"):
        checked(_silent(0.5), QUESTIONS, QUESTIONS[:1])
    data = checked(LEARNING, QUESTIONS, QUESTIONS[:1], {"more": [unanswered]})
    assert data.labels == ()
    other = checked(LEARNING, (*QUESTIONS[1:], QUESTIONS[0]), QUESTIONS[:1])
    assert data.fingerprint() != other.fingerprint()


def test_an_epoch_is_judged_where_enough_stays_unanswered() -> None:
    arrays = LEARNING.arrays(QUESTIONS, _tokenizer(), ())
    logits = _true_logits(arrays)
    # The questions without an answer look answered, and more so than the others.
    unanswered = arrays.targets.reshape(-1, 4)[:, 0] == 0
    for row, start in enumerate(arrays.offsets[:-1].tolist()):
        if unanswered[row]:
            logits[start] = -50.0

    assert _silent(0.01).judge(logits, arrays, ())["unanswerable_accuracy"] > 0.0
    assert _silent(1.0).judge(logits, arrays, ()) == pytest.approx(
        {"balanced_f1": 0.5, "answerable_f1": 0.0, "unanswerable_accuracy": 1.0}
    )


def test_the_set_that_calibrates_needs_what_its_bias_is_fitted_on() -> None:
    unanswered = [Question("who", "gold")]
    with pytest.raises(InputError, match="calibration: 0 questions have an answer"):
        checked(LEARNING, QUESTIONS, QUESTIONS, {"calibration": unanswered})
    sets = {"calibration": QUESTIONS[:1], "gate": QUESTIONS[:1]}
    checked(LEARNING, QUESTIONS, QUESTIONS, sets, choosing="choice")
    with pytest.raises(InputError, match="calibration: every question has an answer"):
        checked(_silent(0.5), QUESTIONS, QUESTIONS, sets, choosing="choice")
