"""Which backbones of `full` bundles are in memory, and for how long."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.artifacts.aliases import CHAMPION
from shared.clock import ManualClock
from shared.errors import ConflictError, NotFoundError
from shared.models.registry import Registry, open_registry
from shared.serving.served_bundles import ServedBundles
from tests.harness.fake_runner import FURTHER_SHA256, FakeRunner, make_bundle, make_full_bundle

IDLE_S = 100.0


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "models", shipped=None)


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def serve(
    registry: Registry, runner: FakeRunner, clock: ManualClock
) -> Callable[[int], ServedBundles]:
    def make(max_backbones: int) -> ServedBundles:
        return ServedBundles(
            registry, runner, clock, max_backbones=max_backbones, idle_backbone_s=IDLE_S
        )

    return make


def test_one_backbone_too_many_is_refused_and_the_old_champion_goes_on(
    registry: Registry, serve: Callable[[int], ServedBundles]
) -> None:
    first, second = (make_full_bundle(registry, task, seed=task) for task in ("one", "two"))
    served = serve(2)
    served.refresh()
    third = make_full_bundle(registry, "one", seed="three")
    served.refresh()
    assert served.champions == {"one": first, "two": second}
    assert third.id in served.faults["one"]
    assert f"2 of those are in use ({first.id}, {second.id})" in served.faults["one"]
    assert "raise encoder.max_backbones (now 2)" in served.faults["one"]
    with pytest.raises(ConflictError, match="or train it with method lora"):
        served.load(third.id)


def test_none_is_loaded_where_none_is_allowed(
    registry: Registry, serve: Callable[[int], ServedBundles]
) -> None:
    bundle = make_full_bundle(registry, "one")
    served = serve(0)
    served.refresh()
    assert "none is allowed" in served.faults["one"]
    with pytest.raises(ConflictError):
        served.load(bundle.id)


def test_bundles_with_the_same_backbone_take_one_place(
    registry: Registry, serve: Callable[[int], ServedBundles]
) -> None:
    bundles = {task: make_full_bundle(registry, task, seed="same") for task in ("one", "two")}
    served = serve(1)
    served.refresh()
    assert served.champions == bundles


def test_one_that_no_champion_and_no_caller_needs_goes_when_it_was_idle(
    registry: Registry,
    serve: Callable[[int], ServedBundles],
    runner: FakeRunner,
    clock: ManualClock,
) -> None:
    old, small = make_full_bundle(registry, "one", seed="old"), make_bundle(registry, "two")
    served = serve(2)
    served.refresh()
    new = make_full_bundle(registry, "one", seed="new")
    served.refresh()
    registry.set_alias("two", CHAMPION, make_bundle(registry, "two", seed="other").id)
    assert served.hold(old.id) == old.id
    clock.advance(IDLE_S)
    served.refresh()
    assert old.id in runner.bundles
    served.let_go([old.id])
    clock.advance(IDLE_S - 1)
    served.refresh()
    assert old.id in runner.bundles
    clock.advance(1)
    served.refresh()
    assert old.id not in runner.bundles
    assert {new.id, small.id} < runner.bundles.keys()
    assert served.hold(old.id) is None
    assert served.load(old.id) == old
    assert old.id in runner.bundles


def test_the_one_called_the_longest_ago_makes_place_unless_it_is_in_use(
    registry: Registry,
    serve: Callable[[int], ServedBundles],
    runner: FakeRunner,
    clock: ManualClock,
) -> None:
    one, two, three = (
        make_full_bundle(registry, "task", seed=seed, champion=False) for seed in "abc"
    )
    served = serve(2)
    served.load(one.id)
    clock.advance(2)
    served.load(two.id)
    with_rows_on_their_way = pytest.raises(ConflictError)
    assert served.hold(one.id)
    with with_rows_on_their_way:
        served.load(three.id)
    clock.advance(2)
    served.load(three.id)
    assert runner.bundles.keys() == {one.id, three.id}
    served.let_go([one.id])
    clock.advance(2)
    registry.set_alias("task", CHAMPION, three.id)
    served.refresh()
    served.load(two.id)
    assert runner.bundles.keys() == {two.id, three.id}


def test_champions_that_load_together_do_not_take_each_others_place(
    registry: Registry,
    serve: Callable[[int], ServedBundles],
    runner: FakeRunner,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundles = {
        task: make_full_bundle(registry, task, seed=task) for task in ("one", "two", "three")
    }
    load = runner.load

    def load_slowly(bundle: object) -> None:
        clock.advance(10)
        load(bundle)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "load", load_slowly)
    served = serve(2)
    served.refresh()
    assert len(served.champions) == 2
    assert served.champions.items() < bundles.items()
    assert served.faults.keys() == bundles.keys() - served.champions.keys()


def test_a_champion_on_a_further_backbone_is_known_and_loaded_by_the_first_call(
    registry: Registry, runner: FakeRunner, serve: Callable[[int], ServedBundles]
) -> None:
    first = make_bundle(registry, "embed")
    further = make_bundle(registry, "embed-zh", backbone_sha256=FURTHER_SHA256)
    served = serve(2)
    served.refresh()
    assert served.champions == {"embed": first, "embed-zh": further}
    assert list(runner.bundles) == [first.id]
    assert served.find("embed-zh") is None
    assert served.hold("embed-zh") is None

    assert served.load("embed-zh") == further

    assert served.hold("embed-zh") == further.id
    assert list(runner.bundles) == [first.id, further.id]
    # Another champion on it is loaded at once: its backbone is there.
    second = make_bundle(registry, "embed-zh", seed="b", backbone_sha256=FURTHER_SHA256)
    served.refresh()
    assert served.champions["embed-zh"] == second
    assert second.id in runner.bundles


def test_a_deferred_champion_gives_way_to_another_one(
    registry: Registry, runner: FakeRunner, serve: Callable[[int], ServedBundles]
) -> None:
    make_bundle(registry, "embed-zh", backbone_sha256=FURTHER_SHA256)
    served = serve(2)
    served.refresh()
    second = make_bundle(registry, "embed-zh", seed="b", backbone_sha256=FURTHER_SHA256)
    served.refresh()
    assert served.champions == {"embed-zh": second}
    assert not runner.bundles
    with pytest.raises(NotFoundError, match="no task 'embed-fr'"):
        served.load("embed-fr")


def test_what_ships_for_a_backbone_that_is_not_configured_is_left_out(
    tmp_path: Path, runner: FakeRunner, clock: ManualClock
) -> None:
    shipped = open_registry(tmp_path / "shipped", shipped=None)
    make_bundle(shipped, "judge-fr", backbone_sha256="f" * 64)
    registry = open_registry(tmp_path / "models", shipped=tmp_path / "shipped")
    first = make_bundle(registry, "embed")
    served = ServedBundles(registry, runner, clock, max_backbones=1, idle_backbone_s=IDLE_S)
    served.refresh()
    assert served.champions == {"embed": first}
    assert not served.faults
    with pytest.raises(NotFoundError, match="'judge-fr': its backbone fake is not configured"):
        served.load("judge-fr")
    # What somebody registered for such a backbone is a fault: it was meant to serve.
    make_bundle(registry, "judge-fr", seed="b", backbone_sha256="f" * 64)
    served.refresh()
    assert "was made for another backbone" in served.faults["judge-fr"]
