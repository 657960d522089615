from pathlib import Path

import pytest

from shared.config import Layer, load, resolve
from shared.errors import ConfigError
from shared.training.settings import FinetuneSettings

CONFIGS = sorted(Path("pipelines/configs").glob("*.yaml"))
LEAST = {"task": "t", "data": {"train": "{data_dir}/a.jsonl", "dev": ["b.csv", "c.csv"]}}


def test_every_configuration_that_ships_is_valid() -> None:
    assert CONFIGS
    for path in CONFIGS:
        load(FinetuneSettings, environ={}, file=path)


def test_paths_follow_the_data_folder() -> None:
    settings = load(
        FinetuneSettings, environ={"BANYAN_DATA_DIR": "/data"}, section="finetune", values=LEAST
    ).settings
    assert [settings.path(file) for file in settings.data.train] == [Path("/data/a.jsonl")]
    assert [settings.path(file) for file in settings.data.dev] == [Path("b.csv"), Path("c.csv")]
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
        ({"kind": "tag"}, "a.jsonl has the format plain, but tag reads sentfin-names"),
        ({"kind": "span"}, "only classify, tag are trained"),
        ({"optimisation": {"metric": "span_f1"}}, "classify has accuracy, macro_f1"),
        (
            {"data": {"train": "a", "dev": "b", "measured": {"m": {"path": "c", "format": "x"}}}},
            "c has the format x",
        ),
    ],
)
def test_kind_formats_and_metric_belong_together(change: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        resolve(FinetuneSettings, Layer("file", LEAST | change))
