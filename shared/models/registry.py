"""Names for bundles: a folder of them with aliases, over a read-only folder that ships.

    <root>/aliases.json         {"<task>": {"<alias>": {"bundle": id, "previous": id or null}}}
    <root>/<task>/<12 hex>/     see `shared.models.bundle`

A bundle is looked up in the root and then among the shipped ones; an alias of the root wins over
the shipped one. This module holds no torch.
"""

import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from shared.errors import ArtifactError, ConflictError, NotFoundError
from shared.files import new_folder, write_atomic
from shared.models.adapter_config import read_adapter_config, read_virtual_tokens
from shared.models.bundle import (
    ADAPTER_CONFIG_FILE,
    BACKBONE_FOLDER,
    Bundle,
    Method,
    TaskName,
    parse_bundle_id,
    read_bundle,
)
from shared.models.source import locate_folder

SHIPPED = Path(__file__).parent / "shipped"
CHAMPION = "champion"

_ALIASES_FILE = "aliases.json"
_LOCK_FILE = ".aliases.lock"
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Alias(BaseModel):
    """What an alias names now, and what it named before (to roll back to)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle: str
    previous: str | None = None


class _Aliases(RootModel[dict[TaskName, dict[str, Alias]]]):
    """The content of `aliases.json`: task, alias, bundle."""


AliasTable = dict[str, dict[str, Alias]]


class Registry:
    """Bundles and their aliases below `root`, laid over the shipped ones.

    Any number of processes may read and write one root: folders and `aliases.json` are replaced
    whole, and writers of aliases wait for each other.
    """

    def __init__(self, root: Path, shipped: Path | None = SHIPPED) -> None:
        self.root = root
        self._places = [root] if shipped is None else [root, shipped]

    def register(self, folder: Path) -> Bundle:
        """Verifies a bundle, refuses what cannot be served, and copies it below the root.

        Raises:
            ArtifactError: the bundle is corrupt, or of a kind that is not served (DoRA, biases or
                whole modules in the adapter, code or pickles in its backbone): the message has
                the reason.
        """
        bundle = read_bundle(folder)
        _check_servable(bundle)
        task, digest = parse_bundle_id(bundle.id)
        place = self.root / task / digest
        if not place.exists():
            _copy(folder, place)
        return self.bundle(bundle.id)

    def bundle(self, bundle_id: str) -> Bundle:
        """The bundle with this id, verified.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: its folder holds something else.
        """
        folder = self._folder(bundle_id)
        if folder is None:
            raise NotFoundError(f"there is no bundle {bundle_id} in {self.root}: register it")
        bundle = read_bundle(folder)
        if bundle.id != bundle_id:
            raise ArtifactError(
                f"{folder} holds {bundle.id}: its manifest was changed or the folder renamed; "
                "restore or train the bundle again"
            )
        return bundle

    def resolve(self, task: str, alias: str = CHAMPION) -> str:
        """The id of the bundle that an alias of a task names.

        Raises:
            NotFoundError: the task has no such alias.
            ArtifactError: the alias names a bundle that is not there.
        """
        named = self.aliases().get(task, {}).get(alias)
        if named is None:
            raise NotFoundError(f"the task {task[:100]!r} has no {alias} bundle: register one")
        if self._folder(named.bundle) is None:
            raise ArtifactError(
                f"{alias} of {task} names {named.bundle}, which is not in {self.root}: "
                "restore it, or set the alias to another bundle"
            )
        return named.bundle

    def set_alias(self, task: str, alias: str, bundle_id: str) -> None:
        """Lets an alias name a bundle of its task; what it named before becomes `previous`.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: the bundle is corrupt or cannot be served.
            ConflictError: the bundle belongs to another task, or the alias has no usable form.
        """
        bundle = self.bundle(bundle_id)
        _check_servable(bundle)
        if bundle.manifest.task != task:
            raise ConflictError(f"{bundle_id} is for task {bundle.manifest.task}, not for {task}")
        if _ALIAS.fullmatch(alias) is None:
            raise ConflictError(f"{alias[:100]!r} is no alias: expected {_ALIAS.pattern}")
        with self._lock():
            before = self.aliases().get(task, {}).get(alias)
            if before is not None and before.bundle == bundle_id:
                return
            table = _read_aliases(self.root)
            previous = None if before is None else before.bundle
            table.setdefault(task, {})[alias] = Alias(bundle=bundle_id, previous=previous)
            content = _Aliases(table).model_dump(mode="json")
            text = json.dumps(content, sort_keys=True, indent=2)
            write_atomic(self.root / _ALIASES_FILE, f"{text}\n".encode())

    def aliases(self) -> AliasTable:
        """Every alias by task and name, the root's over the shipped ones.

        Raises:
            ArtifactError: an `aliases.json` is malformed.
        """
        table: AliasTable = {}
        for place in reversed(self._places):
            for task, named in _read_aliases(place).items():
                table.setdefault(task, {}).update(named)
        return table

    def change_token(self) -> str:
        """A value that changes exactly when the aliases do; cheap enough to ask every second."""
        digest = hashlib.sha256()
        for place in self._places:
            digest.update(_alias_bytes(place) + b"\0")
        return digest.hexdigest()

    def _folder(self, bundle_id: str) -> Path | None:
        task, digest = parse_bundle_id(bundle_id)
        folders = (place / task / digest for place in self._places)
        return next((folder for folder in folders if folder.is_dir()), None)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Holds the root's lock, which the system frees when a process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _LOCK_FILE).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _check_servable(bundle: Bundle) -> None:
    match bundle.manifest.method:
        case Method.LORA:
            read_adapter_config(bundle.folder / ADAPTER_CONFIG_FILE)
        case Method.PROMPT:
            read_virtual_tokens(bundle.folder / ADAPTER_CONFIG_FILE)
        case Method.FULL:
            locate_folder(bundle.folder / BACKBONE_FOLDER, bundle.id)
        case Method.NONE | Method.HEAD:
            pass


def _copy(folder: Path, place: Path) -> None:
    """Copies a bundle whole or not at all; another process may have done the same meanwhile."""
    try:
        with new_folder(place) as aside:
            shutil.copytree(folder, aside, dirs_exist_ok=True)
    except (OSError, ArtifactError):
        if not place.is_dir():
            raise


def _alias_bytes(place: Path) -> bytes:
    try:
        return (place / _ALIASES_FILE).read_bytes()
    except FileNotFoundError:
        return b"{}"


def _read_aliases(place: Path) -> AliasTable:
    try:
        return _Aliases.model_validate_json(_alias_bytes(place)).root
    except ValidationError as error:
        raise ArtifactError(
            f"{place / _ALIASES_FILE} is malformed: {error.errors(include_url=False)[0]['msg']}; "
            "restore it from a backup"
        ) from None
