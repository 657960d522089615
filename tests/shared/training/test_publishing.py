from pathlib import Path

from shared.models.registry import SHIPPED
from shared.training.publishing import open_registry, publish
from tests.shared.models.made import lora_bundle


def test_the_first_is_champion_the_next_a_candidate(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "registry")
    first, alias = publish(registry, lora_bundle(tmp_path, "intent", "a").folder)
    assert alias == "champion"
    second, alias = publish(registry, lora_bundle(tmp_path, "intent", "b").folder)
    assert alias == "candidate"
    assert registry.resolve("intent") == first.id
    assert registry.resolve("intent", "candidate") == second.id


def test_nothing_lies_under_the_folder_that_ships() -> None:
    assert open_registry(SHIPPED).aliases() == open_registry(SHIPPED / ".." / "shipped").aliases()
    assert open_registry(SHIPPED).root == SHIPPED
