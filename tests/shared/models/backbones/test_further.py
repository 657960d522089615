"""Backbones beside the first one: known by their files, read when a bundle on them is loaded."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import shared.models.runners as runners_module
from shared.errors import ArtifactError, ConfigError
from shared.models.backbone import Backbone, BackboneConfig
from shared.models.backbones.further import Further, declared_max_length
from shared.models.backbones.prefixes import InputType
from shared.models.backbones.token_table import leave_large_table
from shared.models.builtin import ensure_embed
from shared.models.bundle import Bundle
from shared.models.registry import Registry, open_registry
from shared.models.runners import Runners
from shared.models.tasks import EmbedOutput, Input, TaskCall, TaskKind
from tests.harness.models.encoders import write_encoder
from tests.harness.models.trained import load_from, made_bundle, peft_model

PROMPTS = {"query": "query: ", "passage": "passage: "}
TEXTS: list[Input] = ["where is my card", "it was sent on monday"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The first backbone's, and a further one's of another architecture."""
    root = tmp_path_factory.mktemp("encoders")
    return write_encoder(root, "bert"), write_encoder(root, "mpnet", seed=4, prompts=PROMPTS)


@pytest.fixture
def first(folders: tuple[Path, Path]) -> Backbone:
    return load_from(folders[0])


def config(folder: Path) -> BackboneConfig:
    return BackboneConfig(source=str(folder), precision="float32", device="cpu")


@pytest.fixture
def further(folders: tuple[Path, Path]) -> Further:
    return Further.locate("zh", config(folders[1]))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "models", shipped=None)


def vectors(
    runners: Runners, bundle: Bundle, input_type: InputType
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    call = TaskCall(bundle.id, TEXTS, input_type=input_type)
    tokenized = runners.tokenize(bundle.id, call)
    output = runners.assemble(tokenized, runners.run(tokenized.rows))
    assert isinstance(output, EmbedOutput)
    return output.vectors


def test_its_bundle_is_what_the_loaded_backbone_writes(
    registry: Registry, further: Further, folders: tuple[Path, Path]
) -> None:
    """So it has one id, whether the backbone was loaded when it was written or not."""
    bundle = ensure_embed(registry, further, further.embed_task)
    assert bundle.id.startswith("embed-zh@")
    assert ensure_embed(registry, load_from(folders[1]), "embed-zh") == bundle
    assert registry.resolve("embed-zh") == bundle.id


def test_it_is_loaded_by_its_first_bundle_and_computes_what_it_is(
    registry: Registry, first: Backbone, further: Further, folders: tuple[Path, Path]
) -> None:
    runners = Runners(first, further=[further])
    own = ensure_embed(registry, first)
    other = ensure_embed(registry, further, further.embed_task)
    assert not runners.defers(own)
    runners.load(own)
    assert runners.defers(other)
    english, chinese = runners.backbones
    assert (english.language, english.embed_task) == ("en", "embed")
    assert english.memory_bytes == first.memory_bytes
    assert (chinese.language, chinese.embed_task, chinese.memory_bytes) == ("zh", "embed-zh", None)
    assert chinese.told == (
        "mpnet, prefixes 'query: ' and 'passage: ', loaded when a task needs it"
    )

    runners.load(other)

    assert not runners.defers(other)
    _, chinese = runners.backbones
    assert chinese.memory_bytes
    assert "MB, loaded in " in chinese.told
    for bundle, folder in ((own, folders[0]), (other, folders[1])):
        reference = SentenceTransformer(str(folder), device="cpu")
        for input_type in InputType:
            prompt = PROMPTS[input_type] if bundle is other else None
            expected = reference.encode(TEXTS, prompt=prompt)
            np.testing.assert_allclose(vectors(runners, bundle, input_type), expected, atol=1e-5)
    groups = [runners.tokenize(b.id, TaskCall(b.id, TEXTS, False, InputType.QUERY)).rows[0].group
              for b in (own, other)]  # fmt: skip
    assert groups[0] != groups[1]


def test_adapters_of_a_further_backbone_run_on_it_merged_or_not(
    tmp_path: Path,
    registry: Registry,
    first: Backbone,
    further: Further,
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = ensure_embed(registry, further, further.embed_task)
    on = load_from(folders[1])
    layers = ("attention.attn.q", "attention.attn.v")
    peft = peft_model(load_from(folders[1]).encoder, seed=5, layers=layers)
    bundle = made_bundle(
        tmp_path, "intent", TaskKind.CLASSIFY, ("a", "b"), peft=peft, max_length=64, on=on
    )
    found = []
    for merged, large_bytes in (((), 1 << 30), (("intent",), 1 << 30), (("intent",), 1000)):
        leave = partial(leave_large_table, large_bytes=large_bytes)
        monkeypatch.setattr(runners_module, "leave_large_table", leave)
        runners = Runners(first, merged, [further])
        assert runners.defers(bundle)
        runners.load(bundle)
        tokenized = runners.tokenize(bundle.id, TaskCall(bundle.id, TEXTS))
        found.append(np.stack(runners.run(tokenized.rows)))
        runners.unload(bundle.id)
        runners.load(own)
        assert np.isfinite(vectors(runners, own, InputType.QUERY)).all()
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    np.testing.assert_allclose(found[0], found[2], atol=1e-4)


def test_a_bundle_for_neither_is_refused_by_the_first(
    registry: Registry, tmp_path: Path, first: Backbone, further: Further
) -> None:
    stranger = load_from(write_encoder(tmp_path, "roberta"))
    bundle = ensure_embed(registry, stranger, "embed-fr")
    runners = Runners(first, further=[further])
    assert not runners.defers(bundle)
    with pytest.raises(ArtifactError, match=r"made for roberta .*, not for bert"):
        runners.load(bundle)


def test_the_same_weights_twice_are_refused(first: Backbone, folders: tuple[Path, Path]) -> None:
    same = Further.locate("fr", config(folders[0]))
    with pytest.raises(ConfigError, match=r"backbones.fr has the same weights as backbone \("):
        Runners(first, further=[same])


def test_a_folder_that_changed_since_the_start_is_told(
    tmp_path: Path, registry: Registry, first: Backbone, folders: tuple[Path, Path]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folders[1], copy)
    further = Further.locate("zh", config(copy))
    bundle = ensure_embed(registry, further, further.embed_task)
    shutil.copy(folders[0] / "model.safetensors", copy / "model.safetensors")
    shutil.copy(folders[0] / "config.json", copy / "config.json")
    runners = Runners(first, further=[further])
    with pytest.raises(ArtifactError, match=r"backbones.zh: .* has changed .*: restart"):
        runners.load(bundle)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sentence_bert_config.json": {"max_seq_length": 512}}, 512),
        ({"tokenizer_config.json": {"model_max_length": 128}}, 128),
        (
            {
                "sentence_bert_config.json": {"max_seq_length": None},
                "tokenizer_config.json": {"model_max_length": 64},
            },
            64,
        ),
    ],
)
def test_the_length_is_what_the_files_say(
    tmp_path: Path, files: dict[str, object], expected: int
) -> None:
    (tmp_path / "0_Transformer").mkdir()
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    for name, content in files.items():
        (tmp_path / "0_Transformer" / name).write_text(json.dumps(content))
    assert declared_max_length(tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tokenizer_config.json", '{"model_max_length": 1e30}', "set max_seq_length in"),
        ("sentence_bert_config.json", "{}", "does not say how many tokens"),
        ("sentence_bert_config.json", "{", "malformed"),
        ("modules.json", "[]", "malformed"),
    ],
)
def test_files_that_say_no_length_are_told(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ArtifactError, match=reason):
        declared_max_length(tmp_path)


def test_a_folder_without_a_tokenizer_is_named_by_its_key(
    tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folders[1], copy)
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ArtifactError, match=r"backbones.zh: .*holds no tokenizer.json"):
        Further.locate("zh", config(copy))
