"""A state saved as arrays and restored goes on as the one that it was made of."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shared.artifacts.versions import VersionedFolder
from shared.errors import ArtifactError
from shared.ranking.events import Event, ItemEvent
from shared.ranking.saved_arrays import Arrays
from shared.ranking.settings import StateSettings
from shared.ranking.snapshot_files import Snapshot, SnapshotManifest, read_snapshot, write_snapshot
from shared.ranking.state import RankingState
from tests.shared.ranking.made import DAY_MS, START_MS, WIDTH, asked, did, features_of, item, user

NARROW = StateSettings(
    history_length=5, users_kept=8, sessions_kept=4, popular_kept=5, neighbours_kept=3
)
NAMES = [f"item-{n} \ud800ü" for n in range(30)]


def events(seed: int, count: int = 400) -> Iterator[Event]:
    dice = random.Random(seed)
    for number in range(count):
        at_ms = START_MS + dice.randrange(40) * DAY_MS
        name = dice.choice(NAMES)
        match dice.randrange(10):
            case 0:
                yield item(name, at_ms=at_ms, title=f"T{number}", category=("a", f"c{number % 9}"))
            case 1:
                yield item(name, at_ms=at_ms, price=float(number + 1), available=number % 3 > 0)
            case 2:
                yield ItemEvent(f"removed-{seed}-{number}", at_ms, name, {"category": None})
            case 3:
                yield user(f"u{dice.randrange(12)}", at_ms=at_ms, category=("a", "b"), age=3.0)
            case _:
                kind = dice.choice(["click", "purchase", "dislike", f"wave{number}"])
                session = dice.choice([None, f"s{dice.randrange(9)}"])
                yield did(f"u{dice.randrange(12)}", kind, name, at_ms=at_ms, session=session)


def state_of(*parts: Iterator[Event]) -> RankingState:
    state = RankingState(WIDTH, NARROW)
    for part in parts:
        for event in part:
            state.apply(event)
    return state


def assert_same(one: Arrays, other: Arrays) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_restored_state_is_the_same_and_goes_on_the_same() -> None:
    state = state_of(events(1))
    restored = RankingState(WIDTH, NARROW)
    restored.restore(state.arrays())
    assert_same(state.arrays(), restored.arrays())

    for event in events(2):
        state.apply(event)
        restored.apply(event)

    assert_same(state.arrays(), restored.arrays())
    for who in ("u1", "u7", "nobody"):
        query = asked(who, session="s3", at_ms=START_MS + 50 * DAY_MS)
        np.testing.assert_array_equal(
            list(features_of(state, query, *NAMES).values()),
            list(features_of(restored, query, *NAMES).values()),
        )
    catalogue, copied = state.catalogue, restored.catalogue
    for category in catalogue.categories:
        rows = catalogue.rows_in_category(category)
        np.testing.assert_array_equal(rows, copied.rows_in_category(category))
    np.testing.assert_array_equal(catalogue.newest(9), copied.newest(9))
    assert catalogue.unavailable_count == copied.unavailable_count > 0


def test_an_empty_state_is_restored_too() -> None:
    restored = RankingState(WIDTH, NARROW)
    restored.restore(RankingState(WIDTH, NARROW).arrays())
    restored.apply(did("ann", "click", "lamp"))
    assert restored.catalogue.ids == ["lamp"]


def versions(root: Path) -> VersionedFolder[SnapshotManifest]:
    return VersionedFolder(root, SnapshotManifest)


def load(root: Path) -> Snapshot | None:
    return versions(root).read(partial(read_snapshot, NARROW))


@pytest.fixture
def states() -> dict[str, Arrays]:
    return {"default": state_of(events(1)).arrays(), "acme": state_of(events(2)).arrays()}


@pytest.fixture
def saved(tmp_path: Path, states: dict[str, Arrays]) -> Path:
    for name in ("first", "second"):
        snapshot = Snapshot(800, "source", states)
        versions(tmp_path).write(name, partial(write_snapshot, snapshot, NARROW))
    return tmp_path


def test_a_snapshot_on_disk_comes_back_and_the_one_before_is_gone(
    saved: Path, states: dict[str, Arrays]
) -> None:
    loaded = load(saved)
    assert loaded is not None
    assert (loaded.seq, loaded.source, set(loaded.states)) == (800, "source", {"default", "acme"})
    for name, arrays in states.items():
        assert_same(dict(loaded.states[name]), arrays)
    assert [path.name for path in saved.iterdir() if path.is_dir()] == ["second"]
    assert load(saved / "none") is None


@pytest.mark.parametrize("file", ["0.safetensors", "1.safetensors", "manifest.json", "CURRENT"])
def test_a_byte_that_flipped_is_found(saved: Path, file: str) -> None:
    path = saved / "CURRENT" if file == "CURRENT" else saved / "second" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtifactError):
        load(saved)


def test_a_snapshot_of_other_settings_is_not_used(saved: Path) -> None:
    with pytest.raises(ArtifactError, match="other settings"):
        versions(saved).read(partial(read_snapshot, StateSettings()))


def test_arrays_that_lack_something_are_refused() -> None:
    arrays = state_of(events(1)).arrays()
    del arrays["behaviour.users.weights"]
    with pytest.raises(ArtifactError, match=r"weights"):
        RankingState(WIDTH, NARROW).restore(arrays)
    arrays = state_of(events(1)).arrays()
    arrays["behaviour.users.rows.lengths"] = arrays["behaviour.users.rows.lengths"] + 1
    with pytest.raises(ArtifactError):
        RankingState(WIDTH, NARROW).restore(arrays)
