"""A file of names for immutable things: what an alias names now, and what it named before.

    <root>/aliases.json   {"<owner>": {"<alias>": {"bundle": id, "previous": id or null}}}

Any number of processes may read and write one file: it is replaced whole, and writers wait for
each other.
"""

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from shared.errors import ArtifactError, NotFoundError
from shared.files import write_atomic
from shared.validation.faults import joined, json_faults_of

CHAMPION = "champion"
CANDIDATE = "candidate"

_FILE = "aliases.json"
_LOCK_FILE = ".aliases.lock"


class Alias(BaseModel):
    """What an alias names now, and what it named before (to roll back to)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle: str
    previous: str | None = None


AliasTable = dict[str, dict[str, Alias]]


class Aliases(RootModel[AliasTable]):
    """The content of the file."""


class AliasFile:
    """The aliases below a root; there are none before the first is set.

    `content` is what the file must be, for owners whose names have a form.
    """

    def __init__(self, root: Path, content: type[RootModel[AliasTable]] = Aliases) -> None:
        self._root = root
        self._content_model = content

    def table(self) -> AliasTable:
        """Every alias, by owner and name.

        Raises:
            ArtifactError: the file is malformed.
        """
        content = self._content()
        try:
            return self._content_model.model_validate_json(content).root
        except ValidationError as error:
            raise ArtifactError(
                f"{self._root / _FILE} is malformed: {joined(json_faults_of(error, content))}; "
                "restore it from a backup"
            ) from None

    def change_token(self) -> str:
        """A value that changes exactly when the aliases do; cheap enough to ask every second."""
        return hashlib.sha256(self._content()).hexdigest()

    def point(self, owner: str, alias: str, bundle: str, *, first: str | None = None) -> None:
        """Lets an alias name a bundle; what it named before becomes `previous`.

        `first` is what an alias that is new is taken to have named before.
        """

        def pointed(before: Alias | None) -> Alias:
            if before is not None and before.bundle == bundle:
                return before
            return Alias(bundle=bundle, previous=first if before is None else before.bundle)

        self._change(owner, alias, pointed)

    def roll_back(self, owner: str, alias: str) -> Alias:
        """Lets an alias name again what it named before, which takes the other's place.

        Raises:
            NotFoundError: it named nothing before.
        """

        def swapped(before: Alias | None) -> Alias:
            if before is None or before.previous is None:
                raise NotFoundError(
                    f"{alias} of {owner} named nothing before: there is nothing to roll back to"
                )
            return Alias(bundle=before.previous, previous=before.bundle)

        return self._change(owner, alias, swapped)

    def _change(self, owner: str, alias: str, changed: Callable[[Alias | None], Alias]) -> Alias:
        with self._lock():
            table = self.table()
            named = table.setdefault(owner, {})
            before = named.get(alias)
            after = named[alias] = changed(before)
            if after != before:
                content = Aliases(table).model_dump(mode="json")
                text = json.dumps(content, sort_keys=True, indent=2)
                write_atomic(self._root / _FILE, f"{text}\n".encode())
        return after

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Holds the root's lock, which the system frees when a process dies."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / _LOCK_FILE).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _content(self) -> bytes:
        try:
            return (self._root / _FILE).read_bytes()
        except FileNotFoundError:
            return b"{}"
