from pathlib import Path

import pytest

from shared.config import Layer, load, resolve
from shared.errors import ConfigError
from shared.training.settings import FinetuneSettings

OF_OTHER_PIPELINES = {
    "evaluation_sets.yaml",
    "pretrain_chinese.yaml",
    "pretrain_chinese_further.yaml",
    "support_candidates.yaml",
    "support_candidates_zh.yaml",
    "support_near_misses.yaml",
}
CONFIGS = [
    path
    for path in sorted(Path("pipelines/configs").glob("*.yaml"))
    if path.name not in OF_OTHER_PIPELINES
]
LEAST = {"task": "t", "data": {"train": "{data_dir}/a.jsonl", "dev": ["b.csv", "c.csv"]}}


def test_every_configuration_that_ships_is_valid() -> None:
    assert CONFIGS
    for path in CONFIGS:
        load(FinetuneSettings, environ={}, file=path)


def test_paths_follow_the_data_folder() -> None:
    settings = load(
        FinetuneSettings, environ={"BANYAN_DATA_DIR": "/data"}, section="finetune", values=LEAST
    ).settings
    assert settings.data_dir == Path("/data")
    assert [file.path for file in settings.data.dev] == ["b.csv", "c.csv"]
    assert settings.data_folder == Path("var/data/t")
    assert settings.registry_root == Path("var/models")
    assert settings.optimisation.seeds == (0,)


def test_all_faults_are_told_at_once() -> None:
    wrong = {
        "task": "No Task!",
        "data": {"train": [], "dev": "d.jsonl", "txt": "text"},
        "lora": {"rank": 0},
        "optimisation": {"epoch": 3, "schedule": "cubic", "seeds": [1, 1, -2]},
        "workers": {"count": 0},
    }
    with pytest.raises(ConfigError) as caught:
        resolve(FinetuneSettings, Layer("file", wrong))
    message = str(caught.value)
    for key in (
        "task",
        "data.train",
        "data.txt",
        "lora.rank",
        "optimisation.epoch",
        "optimisation.schedule",
        "optimisation.seeds.2",
        "workers.count",
    ):
        assert f"\n  {key}: " in message


def test_a_seed_stands_once() -> None:
    values = LEAST | {"optimisation": {"seeds": [3, 3]}}
    with pytest.raises(ConfigError, match="a seed stands twice"):
        resolve(FinetuneSettings, Layer("file", values))


def test_a_file_names_its_format() -> None:
    file = {"path": "{data_dir}/s.jsonl", "format": "sentfin-names"}
    values = {"task": "t", "kind": "tag", "data": {"train": file, "dev": [file]}}
    settings = resolve(FinetuneSettings, Layer("file", values)).settings
    assert [each.format for each in settings.data.files()] == ["sentfin-names"] * 2
    assert settings.metric == "span_f1"
    assert resolve(FinetuneSettings, Layer("file", LEAST)).settings.metric == "accuracy"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"kind": "tag", "data": {"train": {"path": "a", "format": "judged"}, "dev": "b"}},
            "a has the format judged, but tag reads plain, sentfin-names, finer-ord",
        ),
        (
            {"data": {"train": {"path": "a", "types": {"ORG": "x"}}, "dev": "b"}},
            "a has types, but only kind tag",
        ),
        ({"method": "none"}, "method none trains nothing"),
        ({"kind": "embed", "method": "head"}, "a task of kind embed has no head"),
        ({"lora": {"strength": 0.5}}, "only an adapter of kind embed is weakened"),
        (
            {"kind": "embed", "method": "full", "lora": {"strength": 0.5}},
            "only an adapter of kind embed is weakened",
        ),
        ({"kind": "embed", "optimisation": {"accumulation": 2}}, "lower max_batch_tokens"),
        ({"kind": "tag", "multi_label": True}, "kind tag knows no several classes"),
        ({"optimisation": {"teacher_weight": 0.5}}, "only kind score learns from a teacher"),
        ({"optimisation": {"teacher_temperature": 2}}, "only kind score learns from a teacher"),
        (
            {"kind": "score", "optimisation": {"teacher_weight": 0.5}},
            r"set optimisation\.objective to lists",
        ),
        (
            {"multi_label": True, "optimisation": {"class_weights": "balanced"}},
            "only classes that exclude each other are balanced",
        ),
        ({"optimisation": {"metric": "span_f1"}}, "classify has accuracy, macro_f1"),
        (
            {"data": {"train": "a", "dev": "b", "measured": {"m": {"path": "c", "format": "x"}}}},
            "c has the format x",
        ),
    ],
)
def test_parts_of_a_configuration_belong_together(change: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve(FinetuneSettings, Layer("file", LEAST | change))


def test_faults_between_parts_are_told_at_once() -> None:
    wrong = {"multi_label": True, "optimisation": {"seeds": [3, 3], "metric": "accuracy"}}
    with pytest.raises(ConfigError) as caught:
        resolve(FinetuneSettings, Layer("file", LEAST | wrong))
    for fault in ("a seed stands twice", "has micro_f1, macro_f1, exact_match"):
        assert fault in str(caught.value)


def test_texts_of_several_classes_have_their_own_metrics() -> None:
    settings = resolve(FinetuneSettings, Layer("file", LEAST | {"multi_label": True})).settings
    assert settings.metric == "micro_f1"


@pytest.mark.parametrize(("method", "rate"), [("lora", 1e-3), ("full", 5e-5), ("prompt", 3e-2)])
def test_a_method_has_its_own_rate(method: str, rate: float) -> None:
    values = LEAST | {"method": method, "optimisation": {"epochs": 2}}
    settings = resolve(FinetuneSettings, Layer("file", values)).settings
    assert settings.optimisation.encoder_learning_rate == rate
    given = {"optimisation": {"encoder_learning_rate": 0.5}}
    settings = resolve(FinetuneSettings, Layer("file", values | given)).settings
    assert settings.optimisation.encoder_learning_rate == 0.5
