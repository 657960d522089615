"""Tests: variants."""

from pathlib import Path

import pytest
import yaml

from pipelines.studying.settings import StudySettings
from pipelines.studying.variants import plan, study_folder
from shared.errors import ConfigError

BASE = {"task": "mood", "data": {"train": "a.csv", "dev": "b.csv"}}
MIXUP, ADVERSARIAL = {"remedy": "mixup"}, {"remedy": "adversarial"}


def _study(tmp_path: Path, remedies: list[dict[str, str]], **values: object) -> StudySettings:
    base = tmp_path / "base.yaml"
    base.write_text(yaml.safe_dump(BASE | {"remedies": remedies}))
    return StudySettings.model_validate({"base": base, "state_dir": tmp_path} | values)


def _names(study: StudySettings) -> list[str]:
    return [each.name for each in plan(study)]


def test_each_remedy_stands_alone_and_with_the_others(tmp_path: Path) -> None:
    planned = plan(_study(tmp_path, [MIXUP, ADVERSARIAL]))
    assert [each.name for each in planned] == ["without", "mixup", "adversarial", "all together"]
    assert [[one.remedy for one in each.settings.remedies] for each in planned] == [
        [],
        ["mixup"],
        ["adversarial"],
        ["mixup", "adversarial"],
    ]
    assert _names(_study(tmp_path, [MIXUP])) == ["without", "mixup"]


def test_variants_set_keys_over_the_base(tmp_path: Path) -> None:
    variants = {
        "rank-4": {"lora.rank": 4},
        "strong": {"remedies": [MIXUP | {"alpha": 2.0}], "lora.rank": 8},
    }
    planned = plan(_study(tmp_path, [MIXUP], variants=variants))
    assert [each.name for each in planned] == ["without", "mixup", "rank-4", "strong"]
    assert [(each.settings.lora.rank, len(each.settings.remedies)) for each in planned[2:]] == [
        (4, 0),
        (8, 1),
    ]


@pytest.mark.parametrize(
    ("remedies", "variants", "reason"),
    [
        ([], {}, "there is nothing to compare: add `remedies`"),
        ([MIXUP], {"mixup": {}}, "the name of another variant"),
        ([MIXUP], {"other": {"lora.rnak": 4}}, "variants.other: "),
        ([MIXUP], {"other": {"task": "else"}}, "another task cannot be compared"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path,
    remedies: list[dict[str, str]],
    variants: dict[str, dict[str, object]],
    reason: str,
) -> None:
    with pytest.raises(ConfigError) as error:
        plan(_study(tmp_path, remedies, variants=variants))
    assert reason in str(error.value)


def test_another_study_has_another_folder(tmp_path: Path) -> None:
    one = _study(tmp_path, [MIXUP])
    other = one.model_copy(update={"finetune": {"lora": {"rank": 4}}})
    assert study_folder(one, plan(one)) == study_folder(one, plan(one))
    assert study_folder(one, plan(one)) != study_folder(other, plan(other))
