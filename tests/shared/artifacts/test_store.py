import shutil
import threading
from pathlib import Path

import pytest

from shared.artifacts.aliases import Alias
from shared.artifacts.manifest import FilesManifest
from shared.artifacts.store import Artifact, Kind, Store
from shared.errors import ArtifactError, ConflictError, NotFoundError


class Pot(FilesManifest):
    cook: str


def check(folder: Path, manifest: Pot) -> None:
    if "lid" not in manifest.files:
        raise ArtifactError(f"{folder} has no lid")


KIND = Kind(
    noun="pot",
    owner_noun="cook",
    owner_form="[a-z0-9-]+",
    listing="`pots` lists those there are",
    model=Pot,
    owner=lambda manifest: manifest.cook,
    check=check,
)
Pots = Store[Pot]


def pots(root: Path, shipped: Path | None = None) -> Pots:
    return Store(root, KIND, refuse_a_leak, shipped=shipped)


def refuse_a_leak(pot: Artifact[Pot]) -> None:
    if (pot.folder / "lid").read_text() == "leak":
        raise ArtifactError(f"{pot.id} leaks")


def made(root: Path, cook: str = "tea", *, seed: str = "a") -> Artifact[Pot]:
    def write_files(folder: Path) -> None:
        (folder / "lid").write_text(seed)

    return KIND.write(root, Pot(cook=cook), write_files)


@pytest.fixture
def store(tmp_path: Path) -> Pots:
    return pots(tmp_path / "root", shipped=tmp_path / "shipped")


def test_the_same_content_is_one_bundle_and_another_content_another(tmp_path: Path) -> None:
    first, same, other = (made(tmp_path, seed=seed) for seed in ("a", "a", "b"))
    assert first == same
    assert other.id != first.id
    assert len(list((tmp_path / "tea").iterdir())) == 2


def test_a_failing_writer_or_a_contradiction_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "lid").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        KIND.write(tmp_path, Pot(cook="tea"), fail)
    with pytest.raises(ArtifactError, match="has no lid"):
        KIND.write(tmp_path, Pot(cook="tea"), lambda folder: None)
    assert list(tmp_path.rglob("*")) == [tmp_path / "tea"]


def test_an_id_is_split_only_where_it_is_one() -> None:
    assert KIND.parse_id("support-intent@0123456789ab") == ("support-intent", "0123456789ab")
    for other in ("tea", "tea@", "../x@0123456789ab", "tea@0123456789AB", "i@0123456789ab/"):
        with pytest.raises(NotFoundError, match=r"not the id of a pot: expected <cook>@<12 hex"):
            KIND.parse_id(other)


def test_what_cannot_be_served_is_neither_registered_nor_named(tmp_path: Path, store: Pots) -> None:
    with pytest.raises(ArtifactError, match="leaks"):
        store.register(made(tmp_path / "training", seed="leak").folder)
    with pytest.raises(ArtifactError, match="leaks"):
        store.set_alias("tea", "champion", made(store.root, seed="leak").id)
    assert store.aliases() == {}


def test_an_alias_can_return_to_what_served_before_the_first_bundle(tmp_path: Path) -> None:
    store = Store(tmp_path, KIND, refuse_a_leak, initial="hands")
    first = made(tmp_path)
    store.set_alias("tea", "champion", first.id)
    assert store.aliases()["tea"]["champion"] == Alias(bundle=first.id, previous="hands")
    store.set_alias("tea", "champion", "hands")
    assert store.resolve("tea") == store.named("tea") == "hands"


def test_a_registered_bundle_is_found_and_named(tmp_path: Path, store: Pots) -> None:
    pot = made(tmp_path / "training")
    bundle = store.register(pot.folder)
    store.set_alias("tea", "champion", bundle.id)
    assert bundle.folder.is_relative_to(store.root)
    assert store.resolve("tea") == bundle.id == pot.id
    assert store.bundle(bundle.id).manifest == pot.manifest
    assert store.register(pot.folder) == store.register(bundle.folder) == bundle


def test_promotion_keeps_what_was_before(store: Pots) -> None:
    first, second = (made(store.root, seed=seed) for seed in "ab")
    store.set_alias("tea", "champion", first.id)
    store.set_alias("tea", "champion", second.id)
    store.set_alias("tea", "champion", second.id)
    alias = store.aliases()["tea"]["champion"]
    assert alias == Alias(bundle=second.id, previous=first.id)


def test_the_root_wins_over_what_ships(tmp_path: Path, store: Pots) -> None:
    shipped = pots(tmp_path / "shipped", shipped=None)
    old = made(shipped.root, seed="old")
    shipped.set_alias("tea", "champion", old.id)
    assert store.resolve("tea") == old.id
    new = made(store.root, seed="new")
    store.set_alias("tea", "champion", new.id)
    assert store.resolve("tea") == new.id
    assert store.aliases()["tea"]["champion"].previous == old.id
    assert store.bundle(old.id).folder.is_relative_to(shipped.root)
    assert shipped.resolve("tea") == old.id


def test_an_alias_of_the_root_may_name_a_shipped_bundle(tmp_path: Path, store: Pots) -> None:
    bundle = made(tmp_path / "shipped")
    store.set_alias("tea", "candidate", bundle.id)
    assert store.resolve("tea", "candidate") == bundle.id


def test_a_corrupt_bundle_is_not_registered(tmp_path: Path, store: Pots) -> None:
    bundle = made(tmp_path / "training")
    (bundle.folder / "lid").write_text("other")
    with pytest.raises(ArtifactError, match="corrupt"):
        store.register(bundle.folder)
    assert not store.root.exists()


def test_a_folder_under_another_name_is_refused(store: Pots) -> None:
    bundle = made(store.root)
    bundle.folder.rename(bundle.folder.with_name("0" * 12))
    with pytest.raises(ArtifactError, match=f"holds {bundle.id}"):
        store.bundle(f"tea@{'0' * 12}")


def test_what_is_not_there_is_not_found(store: Pots) -> None:
    for name in ("tea@000000000000", "../etc@000000000000", "nothing"):
        with pytest.raises(NotFoundError):
            store.bundle(name)
    with pytest.raises(NotFoundError, match="'tea' has no champion pot"):
        store.resolve("tea")
    with pytest.raises(NotFoundError):
        store.set_alias("tea", "champion", "tea@000000000000")


def test_an_alias_to_a_bundle_that_is_gone_says_so(store: Pots) -> None:
    bundle = made(store.root)
    store.set_alias("tea", "champion", bundle.id)
    shutil.rmtree(bundle.folder)
    with pytest.raises(ArtifactError, match=f"champion of tea names {bundle.id}"):
        store.resolve("tea")


def test_an_alias_names_only_its_own_task_by_a_plain_name(store: Pots) -> None:
    bundle = made(store.root)
    with pytest.raises(ConflictError, match="is for the cook tea"):
        store.set_alias("other", "champion", bundle.id)
    with pytest.raises(ConflictError, match="cannot be an alias"):
        store.set_alias("tea", "../champion", bundle.id)


def test_malformed_aliases_are_not_overwritten(store: Pots) -> None:
    bundle = made(store.root)
    (store.root / "aliases.json").write_text("{")
    with pytest.raises(ArtifactError, match="malformed"):
        store.set_alias("tea", "champion", bundle.id)
    assert (store.root / "aliases.json").read_text() == "{"


def test_the_change_token_changes_exactly_when_aliases_do(tmp_path: Path, store: Pots) -> None:
    before = store.change_token()
    first, second = (made(store.root, seed=seed) for seed in "ab")
    assert store.change_token() == before
    store.set_alias("tea", "champion", first.id)
    changed = store.change_token()
    assert changed != before
    store.set_alias("tea", "champion", first.id)
    assert store.change_token() == changed
    pots(store.root, shipped=None).set_alias("tea", "champion", second.id)
    assert store.change_token() != changed


def test_concurrent_writers_lose_no_alias(store: Pots) -> None:
    bundles = [made(store.root, f"task-{i}") for i in range(8)]
    start = threading.Barrier(8)

    def write(index: int) -> None:
        start.wait()
        own = pots(store.root, shipped=None)
        own.set_alias(f"task-{index}", "champion", bundles[index].id)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {task: store.resolve(task) for task in store.aliases()} == {
        f"task-{i}": bundles[i].id for i in range(8)
    }


def test_a_crash_before_the_rename_leaves_the_old_aliases(
    store: Pots, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (made(store.root, seed=seed) for seed in "ab")
    store.set_alias("tea", "champion", first.id)

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            store.set_alias("tea", "champion", second.id)
    assert store.resolve("tea") == first.id
    store.set_alias("tea", "champion", second.id)
    assert store.resolve("tea") == second.id


def test_a_crash_while_copying_leaves_no_bundle(
    tmp_path: Path, store: Pots, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = made(tmp_path / "training")

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            store.register(bundle.folder)
    with pytest.raises(NotFoundError):
        store.bundle(bundle.id)
    assert store.register(bundle.folder).id == bundle.id
