from typing import Any, cast

import numpy as np
import pytest

from shared.errors import InputError
from shared.models.bundle import Bundle
from shared.models.registry import SHIPPED, open_registry
from shared.models.runners import Runners
from shared.training.data.candidates import Candidates
from shared.training.evaluation.bundles import find_bundle
from shared.training.remedies.distil.teacher import (
    agreement,
    check_teacher,
    taught_by,
    teacher_scores,
)
from shared.training.settings import OptimisationSettings

LISTS = (Candidates("a", ("b",), ("c", "d")), Candidates("e", (), ("f", "g")))


def _bundle(task: str) -> Bundle:
    return find_bundle(open_registry(SHIPPED), task, "champion")


def _scores(monkeypatch: pytest.MonkeyPatch, *logits: float) -> list[list[float]]:
    """Of a teacher whose head gives these logits."""
    given = np.array(logits, np.float32)[:, None]
    place = "shared.training.remedies.distil.teacher.head_outputs"
    monkeypatch.setattr(place, lambda *_: given)
    no_runner = cast(Runners, cast(Any, None))
    found = teacher_scores(no_runner, _bundle("support-intent"), LISTS, 64)
    return [each.tolist() for each in found]


def test_each_list_gets_the_logits_of_its_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _scores(monkeypatch, 1, 2, 3, 4, 5) == [[1, 2, 3], [4, 5]]


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_broken_teacher_is_refused(broken: float, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"gives (nan|inf) to 'f' of 'e'.*train the teacher again"):
        _scores(monkeypatch, 1, 2, 3, broken, 5)


def test_a_teacher_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="is of kind classify, and only a teacher of kind score"):
        check_teacher(_bundle("support-intent"))


def test_agreement_is_of_lists_with_an_answer() -> None:
    right, wrong = np.array([2, 1, 0], np.float32), np.array([0, 1, 2], np.float32)
    none = np.array([5, 6], np.float32)
    assert agreement(LISTS, [right, none]) == 1.0
    assert agreement([LISTS[0], *LISTS], [right, wrong, none]) == 0.5
    assert agreement(LISTS[1:], [none]) is None


def test_the_card_says_who_taught() -> None:
    taught = [Candidates("a", ("b",), (), (1.0,), name) for name in ("t@2", "t@1", "t@2")]
    settings = OptimisationSettings(objective="lists", teacher_weight=0.5, teacher_temperature=2)
    assert taught_by(settings, taught) == (
        "scores of t@1, t@2 were learned from beside the labels: weight 0.5, temperature 2",
    )
    assert "a teacher without a name" in taught_by(settings, [Candidates("a", ("b",))])[0]
    assert taught_by(OptimisationSettings(), taught) == ()
