"""Tests: configured."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.training.remedies.remedy import OnObjective
from shared.training.settings import FinetuneSettings


def _settings(*remedies: dict[str, Any], **more: object) -> FinetuneSettings:
    data = {"train": "a.csv", "dev": "b.csv", "name": "n", "licence": "l"}
    return FinetuneSettings.model_validate(
        {"task": "mood", "data": data, "remedies": remedies} | more
    )


def test_several_remedies_stand_in_one_configuration() -> None:
    settings = _settings({"remedy": "mixup", "alpha": 1.0}, {"remedy": "adversarial"})
    assert [each.remedy for each in settings.remedies] == ["mixup", "adversarial"]
    assert all(isinstance(each, OnObjective) for each in settings.remedies)


@pytest.mark.parametrize(
    ("remedies", "more", "said"),
    [
        ([{"remedy": "mixup"}], {"kind": "embed"}, "remedies.0 (mixup): it works for kinds classi"),
        (
            [{"remedy": "adversarial"}],
            {"method": "head"},
            "remedies.0 (adversarial): it works with methods full, lora, not with head",
        ),
        ([{"remedy": "mixup"}, {"remedy": "mixup"}], {}, "remedies.1 (mixup): it stands twice"),
        ([{"remedy": "mixup", "lambda": 1}], {}, "Extra inputs are not permitted"),
        ([{"remedy": "synonyms", "words": 0}], {}, "remedies.0.synonyms.words"),
        (
            [{"remedy": "typing_errors", "rows": {"copies": 21}}],
            {},
            "remedies.0.typing_errors.rows.copies",
        ),
        ([{"remedy": "misspellings"}], {}, "remedies.0.misspellings.path"),
        ([{"remedy": "masked_words"}], {}, "remedies.0.masked_words.model"),
        (
            [{"remedy": "back_translation", "translator": {"by": "hand"}}],
            {},
            "remedies.0.back_translation.translator",
        ),
        ([{"remedy": "prayer"}], {}, "'adversarial'"),
    ],
)
def test_a_remedy_that_cannot_work_is_refused(
    remedies: list[dict[str, Any]], more: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError) as error:
        _settings(*remedies, **more)
    assert said in str(error.value)
