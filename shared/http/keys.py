"""API keys: random, stored as hashes, each selecting a tenant and a role."""

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.clock import Clock, SystemClock
from shared.errors import AuthenticationError, ConfigError, NotFoundError
from shared.files import locked, write_atomic
from shared.validation.forms import NAME

DEFAULT_TENANT = "default"
_PREFIX = "bny_"
_RELOAD_S = 1.0

TenantName = Annotated[str, NAME]


class Role(StrEnum):
    """What a key may do: `user` asks, `admin` also writes."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request."""

    tenant: str
    role: Role

    @property
    def is_operator(self) -> bool:
        """Whether it may see what is of all tenants: an admin of the tenant `default`."""
        return self.tenant == DEFAULT_TENANT and self.role is Role.ADMIN

    @property
    def figures_of(self) -> str | None:
        """The one tenant whose figures it may see; None for those of the whole platform."""
        return None if self.is_operator else self.tenant


class Key(BaseModel, frozen=True, extra="forbid"):
    """A key as it is stored; the key itself is shown once, when it is made, and never kept."""

    id: str
    name: str
    tenant: TenantName
    role: Role
    sha256: str
    created_at: datetime


class _KeyFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[Key, ...] = ()


class KeyStore:
    """The keys of one platform, in one file that every replica reads again when it changes.

    Without any key the platform is open to this machine alone: every request is the tenant
    `default` as admin. With `required`, as on every other address, no key means no entry: revoking
    the last key closes the platform instead of opening it.
    """

    def __init__(self, path: Path, *, required: bool = False, clock: Clock | None = None) -> None:
        self._path = path
        self._required = required
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._stamp: tuple[int, int] | None = None
        self._checked_s = float("-inf")

    def is_empty(self) -> bool:
        """Whether no key exists."""
        return not self.list()

    def list(self) -> tuple[Key, ...]:
        """All keys, oldest first.

        Raises:
            ConfigError: the file is corrupt.
        """
        with self._lock:
            self._reload()
            return self._keys

    def create(self, name: str, tenant: str = DEFAULT_TENANT, role: Role = Role.USER) -> str:
        """Makes a key and returns it: the only time that it can be seen.

        Raises:
            ConfigError: the tenant's name is not lower-case letters, digits, `_` and `-`.
        """
        secret = _PREFIX + secrets.token_urlsafe(32)
        try:
            key = Key(
                id=secrets.token_hex(4),
                name=name,
                tenant=tenant,
                role=role,
                sha256=_digest(secret),
                created_at=datetime.now(UTC),
            )
        except ValidationError:
            raise ConfigError(
                f"tenant {tenant!r}: use 1 to 63 lower-case letters, digits, '_' or '-'"
            ) from None
        with locked(self._path.with_suffix(".lock")):
            self._write((*self.list(), key))
        return secret

    def revoke(self, key_id: str) -> Key:
        """Deletes the key with this id; running replicas refuse it within a second.

        Raises:
            NotFoundError: no key has this id.
        """
        with locked(self._path.with_suffix(".lock")):
            keys = self.list()
            found = next((key for key in keys if key.id == key_id), None)
            if found is None:
                raise NotFoundError(f"no key has the id {key_id!r}: `banyan keys list` shows them")
            self._write(tuple(key for key in keys if key is not found))
        return found

    def is_open(self) -> bool:
        """Whether a request needs no key: none is required, and there was none a second ago.

        Raises:
            ConfigError: the file is corrupt.
        """
        return not self._required and not self._recent()

    def authenticate(self, authorization: str | None) -> Identity:
        """The identity that an `Authorization` header proves.

        Raises:
            AuthenticationError: a key is needed and the header carries none that is known.
            ConfigError: the file of keys is corrupt; nobody is let in.
        """
        keys = self._recent()
        if not keys and not self._required:
            return Identity(DEFAULT_TENANT, Role.ADMIN)
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise AuthenticationError("a key is needed: send `Authorization: Bearer KEY`")
        digest = _digest(secret.strip())
        for key in keys:
            if hmac.compare_digest(key.sha256, digest):
                return Identity(key.tenant, key.role)
        raise AuthenticationError("this key is not known: `banyan keys create` makes one")

    def _recent(self) -> tuple[Key, ...]:
        """The keys as of at most a second ago."""
        with self._lock:
            if self._clock.monotonic() - self._checked_s >= _RELOAD_S:
                self._reload()
                self._checked_s = self._clock.monotonic()
            return self._keys

    def _reload(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._keys, self._stamp = (), None
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            self._keys = _KeyFile.model_validate_json(self._path.read_bytes()).keys
        except ValidationError as error:
            raise ConfigError(
                f"{self._path} is corrupt ({error.error_count()} faults): restore it from a backup"
            ) from None
        self._stamp = stamp

    def _write(self, keys: tuple[Key, ...]) -> None:
        content = _KeyFile(keys=keys).model_dump_json(indent=2).encode()
        write_atomic(self._path, content, mode=0o600)


def _digest(secret: str) -> str:
    """A plain hash is enough: 256 random bits leave nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
