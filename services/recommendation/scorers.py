"""The models that rank, by name: trained rankers on disk, and `default`, which always exists.

    <root>/<model>/CURRENT              name of the present folder and the SHA-256 of its card
    <root>/<model>/<name>/ranker.json   the card: SHA-256 of the trees, figures, settings
                          ranker.txt    LightGBM's trees, as text

`pipelines.ranking.train` writes a folder, `activate` points at it; a process that serves sees that
at its next request. Older folders stay, so that an older one can be activated again.
"""

import re
import threading
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import ArtifactError, InputError, NotFoundError
from shared.files import sha256_file, write_atomic
from shared.ranking.blend import LinearBlend
from shared.ranking.scorer import Scorer

DEFAULT_MODEL = "default"
CARD_FILE = "ranker.json"
RANKER_FILE = "ranker.txt"

_CURRENT = "CURRENT"
_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class RankerCard(BaseModel):
    """The part of a ranker's card by which it is verified; the rest is the trainer's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: str


def activate(root: Path, model: str, name: str) -> None:
    """Lets the folder `<root>/<model>/<name>` rank for a model from now on.

    Raises:
        InputError: no model can have this name.
        ArtifactError: the folder is incomplete, corrupt, or trained on other features.
    """
    if not _MODEL_NAME.fullmatch(model):
        raise InputError(f"model {model!r}: use lower-case letters, digits, '_' and '-'")
    folder = root / model / Path(name).name
    digest = _digest(folder / CARD_FILE)
    _read_ranker(folder, digest)
    write_atomic(root / model / _CURRENT, f"{folder.name} {digest}\n".encode())


@dataclass(frozen=True, slots=True)
class _Loaded:
    pointer: str
    scorer: Scorer


class Scorers:
    """Rankers below `root`; each is read once, and again when `CURRENT` names another one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._blend = LinearBlend()
        self._loaded: dict[str, _Loaded] = {}
        self._loading = threading.Lock()

    def get(self, model: str) -> Scorer:
        """The scorer of a model; of `default` before there is a trained one, the linear blend.

        Raises:
            NotFoundError: there is no model of this name.
            ArtifactError: its files are corrupt, or it was trained on other features.
        """
        pointer = self._pointer(model)
        if pointer is None:
            if model == DEFAULT_MODEL:
                return self._blend
            raise NotFoundError(
                f"there is no model {model!r}: {DEFAULT_MODEL!r} always exists, others are made "
                "by `banyan recommend train`"
            )
        with self._loading:
            loaded = self._loaded.get(model)
            if loaded is None or loaded.pointer != pointer:
                loaded = _Loaded(pointer, self._read(model, pointer))
                self._loaded[model] = loaded
        return loaded.scorer

    def _pointer(self, model: str) -> str | None:
        if not _MODEL_NAME.fullmatch(model):
            return None
        try:
            return (self._root / model / _CURRENT).read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return None

    def _read(self, model: str, pointer: str) -> Scorer:
        name, _, digest = pointer.partition(" ")
        return _read_ranker(self._root / model / Path(name).name, digest)


def _read_ranker(folder: Path, card_digest: str) -> Scorer:
    _verify(folder / CARD_FILE, card_digest)
    try:
        card = RankerCard.model_validate_json((folder / CARD_FILE).read_bytes())
    except ValidationError as error:
        raise ArtifactError(f"{folder}: the card is of another format: {error}") from None
    _verify(folder / RANKER_FILE, card.sha256)
    # LightGBM brings 100 MB of other libraries: a process without a trained model has no use for
    # them.
    from shared.ranking.ranker import LightGbmRanker

    return LightGbmRanker.read(folder / RANKER_FILE)


def _verify(path: Path, digest: str) -> None:
    found = _digest(path)
    if found != digest:
        raise ArtifactError(f"{path} is corrupt: its SHA-256 is {found}, not {digest}")


def _digest(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
