import json
import time
from pathlib import Path

import pytest

from shared.artifacts.promotion import change_champion, promoting, roll_back
from shared.errors import ArtifactError, ConflictError, NotFoundError
from shared.models.bundle import MODEL, BackboneRef, Bundle, Manifest, Method
from shared.models.registry import Registry, open_registry
from shared.models.tasks import TaskKind

TASK = "my-task"


def bundle(registry: Registry, length: int) -> Bundle:
    manifest = Manifest(
        task=TASK,
        kind=TaskKind.EMBED,
        method=Method.NONE,
        backbone=BackboneRef(name="b", sha256="0" * 64),
        tokenizer_sha256="0" * 64,
        max_length=length,
    )
    return MODEL.write(registry.root, manifest, lambda folder: None)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path / "models", shipped=None)


def back(registry: Registry) -> tuple[str, str]:
    return roll_back(registry, TASK, command="back", at_s=time.time())


def test_a_promotion_leaves_its_evidence(registry: Registry) -> None:
    first, second = bundle(registry, 8), bundle(registry, 16)

    change_champion(registry, TASK, first.id, before=None, evidence={"gates": []}, at_s=0.0)
    path = change_champion(
        registry, TASK, second.id, before=first.id, evidence={"gates": [1]}, at_s=1.0
    )

    assert registry.resolve(TASK) == second.id
    said = json.loads(path.read_text())
    assert said == {
        "at": "1970-01-01T00:00:01+00:00",
        "from": first.id,
        "to": second.id,
        "gates": [1],
    }
    assert len(list(path.parent.iterdir())) == 2


def test_what_was_judged_against_another_champion_changes_nothing(registry: Registry) -> None:
    first, second = bundle(registry, 8), bundle(registry, 16)
    registry.set_alias(TASK, "champion", first.id)

    with pytest.raises(ConflictError, match="meanwhile"):
        change_champion(registry, TASK, second.id, before=None, evidence={}, at_s=0.0)
    (second.folder / "manifest.json").write_text("{}")
    with pytest.raises(ArtifactError):
        change_champion(registry, TASK, second.id, before=first.id, evidence={}, at_s=0.0)

    assert registry.resolve(TASK) == first.id
    assert not list((registry.root / TASK).glob("promotions/*"))


def test_a_rollback_returns_and_a_second_one_returns_from_it(registry: Registry) -> None:
    first, second = bundle(registry, 8), bundle(registry, 16)
    registry.set_alias(TASK, "champion", first.id)
    registry.set_alias(TASK, "champion", second.id)

    assert back(registry) == (second.id, first.id)
    assert registry.resolve(TASK) == first.id
    assert back(registry) == (first.id, second.id)
    assert registry.resolve(TASK) == second.id
    evidence = [json.loads(p.read_text()) for p in (registry.root / TASK).glob("promotions/*")]
    assert {(each["action"], each["to"]) for each in evidence} == {
        ("rollback", first.id),
        ("rollback", second.id),
    }


def test_a_rollback_needs_something_to_return_to(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="has no champion: `banyan models` lists tasks"):
        back(registry)
    registry.set_alias(TASK, "champion", bundle(registry, 8).id)
    with pytest.raises(ConflictError, match="the first champion"):
        back(registry)


def test_two_promotions_do_not_meet(registry: Registry) -> None:
    with (
        promoting(registry.root),
        pytest.raises(ConflictError, match="under way"),
        promoting(registry.root),
    ):
        pass
    with promoting(registry.root):
        pass
