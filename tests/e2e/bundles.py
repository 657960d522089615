"""Bundles that a test registers beside the platform, as `banyan train` does."""

from pathlib import Path

from shared.models.bundle import MODEL, Bundle
from shared.models.registry import Registry, open_registry
from tests.harness.platform import Platform


def registry_of(platform: Platform) -> Registry:
    """The platform's registry, opened by this process."""
    return open_registry(platform.state_dir / "models")


def embed_bundle(registry: Registry, task: str, card: str) -> Bundle:
    """A bundle that does what `embed` does, under another task; its card makes it its own."""
    embed = registry.bundle(registry.resolve("embed")).manifest

    def write_card(folder: Path) -> None:
        (folder / "README.md").write_text(card)

    return MODEL.write(registry.root, embed.model_copy(update={"task": task}), write_card)
