import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import ArtifactError, NotFoundError
from shared.models.bundle import MODEL, Method
from shared.models.registry import SHIPPED, Registry, open_registry
from tests.shared.models.made import full_files, lora_bundle, lora_files, manifest


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "root", shipped=tmp_path / "shipped")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"use_dora": True}, "use_dora: DoRA rescales"),
        ({"lora_bias": True}, "lora_bias: a bias in the adapter"),
        ({"modules_to_save": ["classifier"]}, "modules_to_save: whole modules"),
        ({"bias": "all"}, "bias all"),
        ({"peft_type": "LOHA"}, "peft_type LOHA: only LORA is served"),
        ({"init_lora_weights": "pissa_niter_4"}, "it changes the backbone's weights"),
        ({"rank_pattern": {"query": 2}}, "rank_pattern"),
        ({"r": "many"}, "not an adapter configuration"),
    ],
)
def test_an_adapter_that_cannot_be_served_is_refused_with_the_reason(
    registry: Registry, config: dict[str, object], reason: str
) -> None:
    bundle = lora_bundle(registry.root, config=config)
    with pytest.raises(ArtifactError, match=reason):
        registry.register(bundle.folder)
    with pytest.raises(ArtifactError, match=reason):
        registry.set_alias("intent", "champion", bundle.id)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, None),
        ({"num_virtual_tokens": 0}, "num_virtual_tokens 0: expected at least 1"),
        ({"peft_type": "P_TUNING"}, "peft_type P_TUNING: only PROMPT_TUNING"),
        ({"modules_to_save": ["pooler"]}, "modules_to_save: whole modules"),
        ({"num_transformer_submodules": 2}, "an encoder has one"),
        ({"num_virtual_tokens": None}, "not a prompt configuration of PEFT"),
    ],
)
def test_a_prompt_is_registered_unless_it_cannot_be_served(
    tmp_path: Path, registry: Registry, config: dict[str, object], reason: str | None
) -> None:
    plain = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 4}
    bundle = MODEL.write(tmp_path, manifest(method=Method.PROMPT), lora_files("a", plain | config))
    if reason is None:
        assert registry.register(bundle.folder).id == bundle.id
        return
    with pytest.raises(ArtifactError, match=reason):
        registry.register(bundle.folder)


def test_a_backbone_that_comes_with_code_or_pickles_is_refused(
    tmp_path: Path, registry: Registry
) -> None:
    full = manifest(method=Method.FULL)
    plain = MODEL.write(tmp_path, full, full_files())
    assert registry.register(plain.folder).manifest == plain.manifest
    modules = '[{"type": "custom.Evil", "path": ""}]'
    for more, reason in (
        ({"backbone/modules.json": modules}, r"names custom.Evil: code that comes with"),
        ({"backbone/2_Dense/pytorch_model.bin": "x"}, "is a pickle, which can run code"),
    ):
        bundle = MODEL.write(tmp_path, full, full_files(more=more))
        with pytest.raises(ArtifactError, match=reason):
            registry.register(bundle.folder)
        with pytest.raises(NotFoundError):
            registry.bundle(bundle.id)


def test_the_shipped_aliases_name_bundles_that_are_there() -> None:
    registry = open_registry(Path("/nonexistent"))
    for task, named in registry.aliases().items():
        for alias in named:
            assert registry.bundle(registry.resolve(task, alias)).folder.is_relative_to(SHIPPED)


def test_naming_bundles_needs_no_torch() -> None:
    code = "import sys, shared.models.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
