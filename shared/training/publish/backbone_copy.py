"""The files of a backbone around its encoder, for a bundle that has its own encoder."""

import json
import shutil
from pathlib import Path

# What `shared.models.source` downloads: no pickles, no exports for other runtimes.
_KEPT = ("*.json", "*.safetensors", "*.txt", "*.model")
_MODULES = "modules.json"


def copy_without_encoder(source: Path, target: Path) -> Path:
    """Copies tokenizer, configuration and the modules after the encoder.

    Returns the folder below `target` that the encoder's weights belong into.
    """
    names = _module_folders(source)
    encoder, others = source / names[0], [source / name for name in names[1:]]
    for folder in dict.fromkeys([source, encoder, *others]):
        # A module without parameters, such as a normalising one, may have no folder.
        for file in sorted(path for kept in _KEPT for path in folder.glob(kept)):
            if folder != encoder or file.suffix != ".safetensors":
                place = target / file.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
    (target / names[0] / "model.safetensors.index.json").unlink(missing_ok=True)
    return target / names[0]


def _module_folders(source: Path) -> list[str]:
    """The folders of the modules in order, the encoder's first; `""` is `source` itself."""
    path = source / _MODULES
    if not path.exists():
        return [""]
    return [str(module["path"]) for module in json.loads(path.read_bytes())]
