"""Names for the trunk's bundles: a store of them, over a read-only folder that ships.

This module holds no torch.
"""

from pathlib import Path

from shared.artifacts.store import Store
from shared.models.adapter_config import read_adapter_config, read_virtual_tokens
from shared.models.bundle import (
    ADAPTER_CONFIG_FILE,
    BACKBONE_FOLDER,
    MODEL,
    Bundle,
    Manifest,
    Method,
)
from shared.models.source import locate_folder

SHIPPED = Path(__file__).parent / "shipped"

Registry = Store[Manifest]


def open_registry(root: Path, shipped: Path | None = SHIPPED) -> Registry:
    """The registry at `root`; where that is the folder that ships, nothing lies under it.

    It refuses what cannot be served: DoRA, biases or whole modules in an adapter, code or pickles
    in a backbone.
    """
    own = shipped is None or root.resolve() == shipped.resolve()
    return Store(root, MODEL, _check_servable, shipped=None if own else shipped)


def _check_servable(bundle: Bundle) -> None:
    match bundle.manifest.method:
        case Method.LORA:
            read_adapter_config(bundle.folder / ADAPTER_CONFIG_FILE)
        case Method.PROMPT:
            read_virtual_tokens(bundle.folder / ADAPTER_CONFIG_FILE)
        case Method.FULL:
            locate_folder(bundle.folder / BACKBONE_FOLDER, bundle.id, bundle.manifest.prefixes)
        case Method.NONE | Method.HEAD:
            pass
