import json
from pathlib import Path

import pytest

from pipelines.tuning.settings import TuneSettings
from pipelines.tuning.space import plan, shown
from shared.config import load, parse_assignments
from shared.errors import ConfigError


def _search(folder: Path, *assignments: str, kind: str = "classify") -> TuneSettings:
    base = folder / "base.yaml"
    config = {"task": "tiny", "data": {"train": "t.jsonl", "dev": "d.jsonl"}, "lora": {"rank": 5}}
    base.write_text(json.dumps(config | {"kind": kind}))
    overrides = parse_assignments([f"base={base}", *assignments])
    return load(TuneSettings, environ={}, overrides=overrides).settings


def test_a_space_may_be_nested_or_dotted(tmp_path: Path) -> None:
    nested = _search(tmp_path, "space.lora.rank.choice=[2,4]", "space.max_length.randint=[8,9]")
    dotted = _search(tmp_path, "space={lora.rank: {choice: [2,4]}, max_length: {randint: [8,9]}}")
    assert nested == dotted
    assert list(nested.space) == ["lora.rank", "max_length"]


def test_trial_0_is_the_base_and_more_trials_extend_the_same_search(tmp_path: Path) -> None:
    space = ("space.lora.rank.randint=[2,64]", "space.lora.dropout.uniform=[0,0.5]")
    few, many = (
        [(each.number, each.drawn) for each in plan(_search(tmp_path, *space, f"trials={n}"))]
        for n in (4, 9)
    )
    assert many[: len(few)] == few
    assert (len(few), len(many)) == (4, 9)
    assert few[0] == (0, {"lora.rank": 5, "lora.dropout": 0.0})
    other = plan(_search(tmp_path, *space, "seed=1"))
    assert other[1].drawn != few[1][1]
    assert other[1].settings.lora.rank == other[1].drawn["lora.rank"]


def test_values_lie_within_their_bounds(tmp_path: Path) -> None:
    search = _search(
        tmp_path,
        "space.optimisation.encoder_learning_rate.loguniform=[1e-5,1e-2]",
        "space.optimisation.epochs.randint=[1,3]",
        "trials=80",
    )
    drawn = [each.settings.optimisation for each in plan(search)[1:]]
    rates = [each.encoder_learning_rate for each in drawn]
    assert all(1e-5 <= rate <= 1e-2 for rate in rates)
    # Each decade is as likely as another.
    assert 10 <= sum(rate < 1e-4 for rate in rates) <= 45
    assert {each.epochs for each in drawn} == {1, 2, 3}


def test_a_small_space_has_no_more_trials_than_values(tmp_path: Path) -> None:
    search = _search(tmp_path, "space.lora.rank.choice=[2,4,5]", "trials=50")
    assert sorted(each.settings.lora.rank for each in plan(search)) == [2, 4, 5]


def test_faulty_trials_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        plan(_search(tmp_path, "space.lora.rank.choice=[0,-1,5]", "trials=9"))
    assert "lora.rank=0" in str(raised.value)
    assert "lora.rank=-1" in str(raised.value)
    with pytest.raises(ConfigError, match=r"lora\.ranks"):
        plan(_search(tmp_path, "space.lora.ranks.choice=[2,4]"))
    with pytest.raises(ConfigError, match=r"lora\.strength 0\.5 cannot be compared with 1\.0"):
        plan(_search(tmp_path, "space.lora.strength.choice=[1.0,0.5]", kind="embed"))
    with pytest.raises(ConfigError, match="'macro_f1' cannot be compared with 'accuracy'"):
        plan(_search(tmp_path, "space.optimisation.metric.choice=[accuracy,macro_f1]"))


def test_a_value_is_shown_as_set_takes_it() -> None:
    assert shown({"optimisation.patience": None, "lora.rank": 4}) == (
        "optimisation.patience=null lora.rank=4"
    )


@pytest.mark.parametrize(
    ("distribution", "said"),
    [
        ("{}", "expected one of choice"),
        ("{choice: [1], uniform: [0, 1]}", "expected one of choice"),
        ("{uniform: [1, 1]}", "must lie below"),
        ("{loguniform: [0, 1]}", "has no logarithm"),
        ("{choices: [1]}", "space.lora.rank.choices"),
    ],
)
def test_a_distribution_is_one_of_four(tmp_path: Path, distribution: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _search(tmp_path, f"space={{lora.rank: {distribution}}}")
