import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.artifacts.aliases import Alias
from shared.errors import ArtifactError, ConflictError, NotFoundError
from shared.models.bundle import HEAD_FILE, MODEL, Method
from shared.models.registry import SHIPPED, Registry, open_registry
from tests.shared.models.made import full_files, lora_bundle, lora_files, manifest


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "root", shipped=tmp_path / "shipped")


def test_a_registered_bundle_is_found_and_named(tmp_path: Path, registry: Registry) -> None:
    made = lora_bundle(tmp_path / "training")
    bundle = registry.register(made.folder)
    registry.set_alias("intent", "champion", bundle.id)
    assert bundle.folder.is_relative_to(registry.root)
    assert registry.resolve("intent") == bundle.id == made.id
    assert registry.bundle(bundle.id).manifest == made.manifest
    assert registry.register(made.folder) == registry.register(bundle.folder) == bundle


def test_promotion_keeps_what_was_before(registry: Registry) -> None:
    first, second = (lora_bundle(registry.root, seed=seed) for seed in "ab")
    registry.set_alias("intent", "champion", first.id)
    registry.set_alias("intent", "champion", second.id)
    registry.set_alias("intent", "champion", second.id)
    alias = registry.aliases()["intent"]["champion"]
    assert alias == Alias(bundle=second.id, previous=first.id)


def test_the_root_wins_over_what_ships(tmp_path: Path, registry: Registry) -> None:
    shipped = open_registry(tmp_path / "shipped", shipped=None)
    old = lora_bundle(shipped.root, seed="old")
    shipped.set_alias("intent", "champion", old.id)
    assert registry.resolve("intent") == old.id
    new = lora_bundle(registry.root, seed="new")
    registry.set_alias("intent", "champion", new.id)
    assert registry.resolve("intent") == new.id
    assert registry.aliases()["intent"]["champion"].previous == old.id
    assert registry.bundle(old.id).folder.is_relative_to(shipped.root)
    assert shipped.resolve("intent") == old.id


def test_an_alias_of_the_root_may_name_a_shipped_bundle(tmp_path: Path, registry: Registry) -> None:
    bundle = lora_bundle(tmp_path / "shipped")
    registry.set_alias("intent", "candidate", bundle.id)
    assert registry.resolve("intent", "candidate") == bundle.id


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
        ({"r": "many"}, "no adapter configuration"),
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
        ({"num_virtual_tokens": None}, "no prompt configuration of PEFT"),
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


def test_a_corrupt_bundle_is_not_registered(tmp_path: Path, registry: Registry) -> None:
    bundle = lora_bundle(tmp_path / "training")
    (bundle.folder / HEAD_FILE).write_text("other")
    with pytest.raises(ArtifactError, match="corrupt"):
        registry.register(bundle.folder)
    assert not registry.root.exists()


def test_a_folder_under_another_name_is_refused(registry: Registry) -> None:
    bundle = lora_bundle(registry.root)
    bundle.folder.rename(bundle.folder.with_name("0" * 12))
    with pytest.raises(ArtifactError, match=f"holds {bundle.id}"):
        registry.bundle(f"intent@{'0' * 12}")


def test_what_is_not_there_is_not_found(registry: Registry) -> None:
    for name in ("intent@000000000000", "../etc@000000000000", "nothing"):
        with pytest.raises(NotFoundError):
            registry.bundle(name)
    with pytest.raises(NotFoundError, match="'intent' has no champion bundle"):
        registry.resolve("intent")
    with pytest.raises(NotFoundError):
        registry.set_alias("intent", "champion", "intent@000000000000")


def test_an_alias_to_a_bundle_that_is_gone_says_so(registry: Registry) -> None:
    bundle = lora_bundle(registry.root)
    registry.set_alias("intent", "champion", bundle.id)
    shutil.rmtree(bundle.folder)
    with pytest.raises(ArtifactError, match=f"champion of intent names {bundle.id}"):
        registry.resolve("intent")


def test_an_alias_names_only_its_own_task_by_a_plain_name(registry: Registry) -> None:
    bundle = lora_bundle(registry.root)
    with pytest.raises(ConflictError, match="is for the task intent"):
        registry.set_alias("other", "champion", bundle.id)
    with pytest.raises(ConflictError, match="cannot be an alias"):
        registry.set_alias("intent", "../champion", bundle.id)


def test_malformed_aliases_are_not_overwritten(registry: Registry) -> None:
    bundle = lora_bundle(registry.root)
    (registry.root / "aliases.json").write_text("{")
    with pytest.raises(ArtifactError, match="malformed"):
        registry.set_alias("intent", "champion", bundle.id)
    assert (registry.root / "aliases.json").read_text() == "{"


def test_the_change_token_changes_exactly_when_aliases_do(
    tmp_path: Path, registry: Registry
) -> None:
    before = registry.change_token()
    first, second = (lora_bundle(registry.root, seed=seed) for seed in "ab")
    assert registry.change_token() == before
    registry.set_alias("intent", "champion", first.id)
    changed = registry.change_token()
    assert changed != before
    registry.set_alias("intent", "champion", first.id)
    assert registry.change_token() == changed
    open_registry(registry.root, shipped=None).set_alias("intent", "champion", second.id)
    assert registry.change_token() != changed


def test_concurrent_writers_lose_no_alias(registry: Registry) -> None:
    bundles = [lora_bundle(registry.root, f"task-{i}") for i in range(8)]
    start = threading.Barrier(8)

    def write(index: int) -> None:
        start.wait()
        own = open_registry(registry.root, shipped=None)
        own.set_alias(f"task-{index}", "champion", bundles[index].id)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {task: registry.resolve(task) for task in registry.aliases()} == {
        f"task-{i}": bundles[i].id for i in range(8)
    }


def test_a_crash_before_the_rename_leaves_the_old_aliases(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (lora_bundle(registry.root, seed=seed) for seed in "ab")
    registry.set_alias("intent", "champion", first.id)

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.set_alias("intent", "champion", second.id)
    assert registry.resolve("intent") == first.id
    registry.set_alias("intent", "champion", second.id)
    assert registry.resolve("intent") == second.id


def test_a_crash_while_copying_leaves_no_bundle(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = lora_bundle(tmp_path / "training")

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.register(bundle.folder)
    with pytest.raises(NotFoundError):
        registry.bundle(bundle.id)
    assert registry.register(bundle.folder).id == bundle.id


def test_the_shipped_aliases_name_bundles_that_are_there() -> None:
    registry = open_registry(Path("/nonexistent"))
    for task, named in registry.aliases().items():
        for alias in named:
            assert registry.bundle(registry.resolve(task, alias)).folder.is_relative_to(SHIPPED)


def test_naming_bundles_needs_no_torch() -> None:
    code = "import sys, shared.models.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
