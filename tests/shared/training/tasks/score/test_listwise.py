import numpy as np
import pytest
import torch

from shared.training.data.arrays import TokenArrays
from shared.training.data.reading import RowError
from shared.training.settings import FinetuneSettings
from shared.training.tasks.score.listwise import PAIR_WEIGHT, ListCrossEntropy
from shared.training.tasks.score.rows import lists


def _arrays(targets: list[int], each: int) -> TokenArrays:
    return TokenArrays.of([[1]] * len(targets), targets, rows_per_example=each)


def test_the_right_documents_are_chosen_among_all_and_none() -> None:
    logits = torch.tensor([[0.0], [np.log(3.0)], [0.0], [0.0]])
    arrays = _arrays([0, 1, 0, 0], 2)
    rows = np.arange(4)
    # 3 of 0, 3 and none: 1 + 3 + 1; and nothing of 1 + 1 + 1.
    lists_loss = -np.log(3 / 5) - np.log(1 / 3)
    pairs = -np.log(0.5) - np.log(0.75) - 2 * np.log(0.5)
    loss = ListCrossEntropy()
    assert loss.total(logits, arrays, rows).item() == pytest.approx(
        lists_loss + PAIR_WEIGHT * pairs / 2
    )
    assert loss.weight(arrays, rows) == 2


def test_any_of_several_right_documents_will_do() -> None:
    loss, rows = ListCrossEntropy(), np.arange(2)
    sure = loss.total(torch.tensor([[9.0], [0.0]]), _arrays([1, 1], 2), rows).item()
    unsure = loss.total(torch.tensor([[0.0], [0.0]]), _arrays([1, 1], 2), rows).item()
    assert sure < 0.3 < unsure


def test_no_list_costs_nothing() -> None:
    nothing = ListCrossEntropy().total(torch.zeros((0, 1)), _arrays([1, 0], 2), np.arange(0))
    assert nothing.item() == 0.0


def test_a_row_may_have_no_answer_and_several() -> None:
    (none,) = lists({"query": "a", "positives": [], "negatives": ["b", "c"]})
    assert (none.positives, none.negatives) == ((), ("b", "c"))
    (both,) = lists({"query": "a", "positives": ["b", "c"], "negatives": []})
    assert both.positives == ("b", "c")


def test_a_teachers_scores_are_read_with_their_list() -> None:
    row = {"query": "a", "positives": ["b"], "negatives": ["c"], "scores": [2, -0.5]}
    (scored,) = lists({**row, "teacher": "judge@abc"})
    assert (scored.scores, scored.teacher) == ((2.0, -0.5), "judge@abc")
    (unnamed,) = lists(row)
    assert (unnamed.scores, unnamed.teacher) == ((2.0, -0.5), None)
    (without,) = lists({**row, "scores": None})
    assert without.scores is None


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([1.0], "'scores' has 1 number for 2 documents"),
        ([1.0, 2.0, 3.0], "3 numbers for 2 documents: give one for each of the positives"),
        ([1.0, float("nan")], "'scores' has the number nan: expected a finite number"),
        ([1.0, float("-inf")], "expected a finite number"),
        ([1.0, 1e39], "expected a finite number of 32 bits"),
        ([1.0, True], "'scores' has true: expected a number"),
        ([1.0, "2"], "'scores' has '2': expected a number"),
        (2.5, "'scores' is the number 2.5: expected a list of numbers"),
    ],
)
def test_scores_that_teach_nothing_are_refused(scores: object, reason: str) -> None:
    row = {"query": "a", "positives": ["b"], "negatives": ["c"], "scores": scores}
    with pytest.raises(RowError, match=reason):
        lists(row)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"query": "a", "positives": "b", "negatives": []}, "'positives' is not a list"),
        ({"query": "a", "positives": ["b"], "negatives": ["b"]}, "both in"),
        ({"query": "a", "positives": [], "negatives": []}, "there is no document"),
    ],
)
def test_a_row_that_is_no_list_is_refused(row: dict[str, object], reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        lists(row)


def test_only_documents_are_lists() -> None:
    with pytest.raises(ValueError, match=r"optimisation\.objective: only kind score"):
        FinetuneSettings.model_validate(
            {
                "task": "a",
                "kind": "classify",
                "data": {"train": "a.jsonl", "dev": "b.jsonl"},
                "optimisation": {"objective": "lists"},
            }
        )
