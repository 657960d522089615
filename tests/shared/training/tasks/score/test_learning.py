from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from shared.errors import InputError
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.candidates import Candidates
from shared.training.loop.workers import ALONE
from shared.training.settings import OptimisationSettings
from shared.training.tasks.score.learning import ScoreLearning
from shared.training.tasks.score.listwise import ListCrossEntropy
from tests.shared.training.data.test_tokenisation import paired_pieces
from tests.shared.training.made import checked

LEARNING = ScoreLearning()
LISTS = (
    Candidates("sun", ("gold",), ("suns", ",")),
    Candidates("gold", ("gold", "suns"), (",",)),
    Candidates("suns", (), ("sun", "gold", ",")),
)
PAIRS = [Candidates("sun", ("gold",)), Candidates("sun", (), ("suns",))]
LOGITS = np.array([[0.5], [2.0], [-1.0], [1.0], [1.5], [0.0], [-3.0], [-2.0], [-4.0]], np.float32)


def _tokenizer() -> TextTokenizer:
    return TextTokenizer(paired_pieces(), 9, token_types=False)


def test_documents_are_ranked_for_each_query_that_has_an_answer() -> None:
    arrays = LEARNING.arrays(LISTS, _tokenizer(), ())
    judged = LEARNING.judge(LOGITS, arrays, ())
    assert judged["mrr_at_10"] == np.mean([1 / 2, 1])
    assert judged["average_precision"] == pytest.approx(
        average_precision_score(arrays.targets, LOGITS[:, 0])
    )
    evaluation = LEARNING.measure(LISTS, LOGITS, _tokenizer(), ())
    assert {name: each.value for name, each in evaluation.metrics.items()} == pytest.approx(judged)
    assert evaluation.metrics["mrr_at_10"].n == 2
    assert evaluation.metrics["average_precision"].n == 3


def test_it_is_told_whether_a_query_has_an_answer() -> None:
    arrays = LEARNING.arrays(LISTS, _tokenizer(), ())
    judged = LEARNING.judge(LOGITS, arrays, ())
    assert judged["answerable_auc"] == 1.0
    # Of the two with an answer the first one's best document is wrong.
    assert judged["right_when_sure"] == 0.5

    higher = LOGITS.copy()
    higher[6] = 1.8
    judged = LEARNING.judge(higher, arrays, ())
    assert judged["answerable_auc"] == 0.5
    assert judged["right_when_sure"] == 0.0
    assert "answerable_auc" not in LEARNING.judge(LOGITS[:6], arrays_of(LISTS[:2]), ())


def test_a_figure_of_answerable_queries_needs_others() -> None:
    learning = ScoreLearning(metric="right_when_sure")
    with pytest.raises(InputError, match="asks whether one does"):
        learning.check({"train": LISTS, "choice": LISTS[:2]}, "choice")


TAUGHT = tuple(
    replace(each, scores=scores)
    for each, scores in zip(LISTS, ((1, -1, 2), (0.5, 0.25, -3), (-1, -2, -3)), strict=True)
)
OF_TEACHER = OptimisationSettings(objective="lists", teacher_weight=0.5)


def test_a_teachers_scores_stand_beside_the_targets() -> None:
    arrays = ScoreLearning(OF_TEACHER).arrays(TAUGHT, _tokenizer(), ())
    assert arrays.teacher is not None
    assert arrays.teacher.tolist() == [[1], [-1], [2], [0.5], [0.25], [-3], [-1], [-2], [-3]]
    assert ScoreLearning(OF_TEACHER).arrays(LISTS, _tokenizer(), ()).teacher is None


def test_a_teacher_without_weight_changes_nothing() -> None:
    learning = ScoreLearning(OptimisationSettings(objective="lists", teacher_temperature=3.0))
    plain, scored = (learning.arrays(each, _tokenizer(), ()) for each in (LISTS, TAUGHT))
    assert scored.teacher is None
    assert scored.tokens.tolist() == plain.tokens.tolist()
    assert scored.targets.tolist() == plain.targets.tolist()
    assert type(learning.objective(scored, (), ALONE)) is ListCrossEntropy


def test_a_teacher_that_counts_has_scored_all_that_is_learned_from() -> None:
    learning = ScoreLearning(OF_TEACHER)
    checked(learning, TAUGHT, LISTS)
    with pytest.raises(InputError, match="train: 2 of 3 examples have no scores") as caught:
        checked(learning, [TAUGHT[0], *LISTS[1:]], TAUGHT)
    assert "the first is example 2" in str(caught.value)
    assert "python -m pipelines.distil" in str(caught.value)


def arrays_of(examples: Sequence[Candidates]) -> TokenArrays:
    return LEARNING.arrays(examples, _tokenizer(), ())


def test_a_constant_ranks_nothing() -> None:
    arrays = LEARNING.arrays(LISTS[:1], _tokenizer(), ())
    assert LEARNING.judge(np.zeros((3, 1), np.float32), arrays, ())["mrr_at_10"] == pytest.approx(
        1 / 3
    )


def test_pairs_have_no_ranking() -> None:
    arrays = LEARNING.arrays(PAIRS, _tokenizer(), ())
    judged = LEARNING.judge(np.array([[1.0], [0.0]], np.float32), arrays, ())
    assert judged == {"average_precision": 1.0, "answerable_auc": 1.0, "right_when_sure": 1.0}
    data = checked(LEARNING, PAIRS, PAIRS)
    assert data.labels == ()
    with pytest.raises(InputError, match="set average_precision"):
        checked(ScoreLearning(metric="mrr_at_10"), PAIRS, PAIRS)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        checked(LEARNING, PAIRS[:1], [LISTS[0], PAIRS[0]], {"more": PAIRS[1:]})
    assert "train: every document is relevant" in str(caught.value)
    assert "dev: example 2 has 1 documents and the first 3" in str(caught.value)
    assert "more: no document is relevant" in str(caught.value)
