"""A ranker on disk: its trees with a manifest that says what they were trained on and what for.

<root>/<model>/<12 hex>/manifest.json   see `shared.artifacts.store`
                        ranker.txt      LightGBM's trees, as text
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from shared.artifacts.manifest import FilesManifest, Sha256
from shared.artifacts.store import Artifact, Kind
from shared.errors import ArtifactError, InputError
from shared.metrics.metric import Metric
from shared.validation.forms import NAME

RANKER_FILE = "ranker.txt"

_MODEL = r"[a-z0-9][a-z0-9_-]{0,62}"


class RankerManifest(FilesManifest):
    """What a ranker is and what it was made from.

    `features` are the names of its inputs in their order, `blend` the weights of the blend that is
    one of them, `data_fingerprint` the SHA-256 of the events and vectors that it was trained on.
    """

    format_version: Literal[1] = 1
    kind: Literal["ranker"] = "ranker"
    model: Annotated[str, NAME]
    features: tuple[str, ...]
    blend: Mapping[str, float]
    data_fingerprint: Sha256
    metrics: Mapping[str, Metric]
    settings: Mapping[str, int | float]
    command: str
    created_at: str


def is_model_name(model: str) -> bool:
    """Whether a model can have this name."""
    return re.fullmatch(_MODEL, model) is not None


def check_model_name(model: str) -> str:
    """The name.

    Raises:
        InputError: no model can have it.
    """
    if not is_model_name(model):
        raise InputError(
            f"the model {model[:100]!r}: use a-z, 0-9, '-' and '_', at most 63 characters"
        )
    return model


def _check(folder: Path, manifest: RankerManifest) -> None:
    if set(manifest.files) != {RANKER_FILE}:
        raise ArtifactError(f"{folder} holds {sorted(manifest.files)}, expected {RANKER_FILE}")


RANKER = Kind(
    noun="ranker",
    owner_noun="model",
    owner_form=_MODEL,
    listing="`banyan recommend train` makes one",
    model=RankerManifest,
    owner=lambda manifest: manifest.model,
    check=_check,
)
RankerBundle = Artifact[RankerManifest]
